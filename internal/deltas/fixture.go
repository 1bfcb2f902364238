package deltas

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"spaceos/image"
	"spaceos/manifest"
)

// A fixture is a change of one file of a program's source.
type fixture struct {
	name  string
	build func(source, to string) error // makes the payload's files in a folder
	tree  string                        // folder of the source
	file  string                        // in it
	from  string                        // text in the file
	to    string
}

// tree of the Go program: what it links is what its size comes from.
const goTree = "testdata/program"

const cloudmaskTree = "../../payloads/cloudmask"

// fixtures are the changes.
func fixtures() []fixture {
	sum := "	sum := uint64(seed)\n"
	return []fixture{
		{"cloudmask, a constant changed", buildC, cloudmaskTree, "src/main.c", "{0.4, 4, 2}", "{0.45, 4, 2}"},
		{"cloudmask, a statement added", buildC, cloudmaskTree, "src/mask.c", "int64_t begin = dx < 0 ? -dx : 0,", "if (s->samples < 1) continue;\n            int64_t begin = dx < 0 ? -dx : 0,"},
		{"Go, a constant changed", buildGo, goTree, "leaf/leaf.go", "0xcbf29ce484222325", "0xcbf29ce484222327"},
		{"Go, a statement added in a leaf", buildGo, goTree, "leaf/leaf.go", "	return sum\n", "	sum ^= sum >> 29\n	return sum\n"},
		{"Go, a statement added in main", buildGo, goTree, "main.go", "	fmt.Fprintln", "	log.SetPrefix(\"fixture: \")\n	fmt.Fprintln"},
		{"Go, 60 statements added in a leaf", buildGo, goTree, "leaf/leaf.go", sum, sum + manyStatements()},
	}
}

// manyStatements is code enough that everything behind it moves by a page.
func manyStatements() string {
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "	if len(data) == %d {\n		sum ^= %#x\n		println(sum, %d)\n	}\n", 7*i+3, uint64(i+1)*0x9e3779b97f4a7c15, i)
	}
	return text.String()
}

// make builds and seals the program before or after the change, below a folder,
// and gives the layout and the program.
func (f fixture) make(dir, version string, changed bool) (layout, program string, err error) {
	source, out := filepath.Join(dir, "source-"+version), filepath.Join(dir, "payload-"+version)
	if err := os.CopyFS(source, os.DirFS(f.tree)); err != nil {
		return "", "", err
	}
	if changed {
		if err := f.change(source); err != nil {
			return "", "", err
		}
	}
	if err := f.build(source, out); err != nil {
		return "", "", fmt.Errorf("build %s: %w", f.name, err)
	}
	layout = filepath.Join(dir, version+".oci")
	return layout, filepath.Join(out, "program"), seal(out, layout, version)
}

// change changes the source.
func (f fixture) change(source string) error {
	name := filepath.Join(source, f.file)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), f.from); n != 1 {
		return fmt.Errorf("%s has %q %d times, and the fixture %q is for once", name, f.from, n, f.name)
	}
	return os.WriteFile(name, []byte(strings.Replace(string(text), f.from, f.to, 1)), 0o644)
}

// buildGo builds a static Go program as payloads that fly are built.
func buildGo(source, out string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", filepath.Join(out, "program"), ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOARCH=amd64", "GOOS=linux")
	return run(cmd)
}

// buildC builds cloudmask by its own Makefile, with its model.
func buildC(source, out string) error {
	if err := run(exec.Command("make", "-C", source, "OUT="+out)); err != nil {
		return err
	}
	return os.Rename(filepath.Join(out, "cloudmask"), filepath.Join(out, "program"))
}

func run(cmd *exec.Cmd) error {
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, text)
	}
	return nil
}

// seal makes a layout of a folder with a program and, maybe, app.
func seal(from, to, version string) error {
	m := manifest.Default()
	m.Name, m.Version, m.Tenant, m.Program = "fixture", version, "acme", "program"
	m.Subjects = []string{manifest.SubjectFiles}
	if _, err := os.Stat(filepath.Join(from, "app")); err == nil {
		m.Assets = []string{"app"}
	}
	root, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer root.Close()
	w, err := image.Create(to, false)
	if err != nil {
		return err
	}
	_, err = image.Seal(m, root, w)
	return errors.Join(err, w.Abort())
}
