// Package laws holds the tests that keep the house in order: who may import
// whom, that every package says what it is for, where unsafe code may stand,
// and that every number in SPECIFICATION.md names a command that exists.
package laws

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "spaceos"

// mayImport is the law: packages of the module that each may import, and
// modules from outside. Test files are free.
var mayImport = map[string]struct{ own, outside []string }{
	"spaceos":                         {nil, nil},
	"spaceos/canonical":               {[]string{"spaceos"}, nil},
	"spaceos/manifest":                {[]string{"spaceos", "spaceos/canonical"}, nil},
	"spaceos/image":                   {[]string{"spaceos", "spaceos/canonical", "spaceos/manifest"}, []string{"golang.org/x/sys"}},
	"spaceos/manifest/author":         {[]string{"spaceos", "spaceos/manifest"}, []string{"github.com/goccy/go-yaml"}},
	"spaceos/image/delta":             {[]string{"spaceos", "spaceos/image"}, []string{"github.com/klauspost/compress"}},
	"spaceos/image/registry":          {[]string{"spaceos", "spaceos/canonical", "spaceos/image"}, []string{"oras.land/oras-go/v2", "github.com/opencontainers/image-spec", "github.com/opencontainers/go-digest"}},
	"spaceos/image/sbom":              {[]string{"spaceos", "spaceos/image", "spaceos/manifest"}, nil},
	"spaceos/kvm":                     {nil, []string{"golang.org/x/sys"}},
	"spaceos/vmm":                     {[]string{"spaceos/kvm"}, []string{"golang.org/x/sys"}},
	"spaceos/world":                   {[]string{"spaceos", "spaceos/manifest"}, []string{"golang.org/x/sys"}},
	"spaceos/libos":                   {[]string{"spaceos/world"}, []string{"golang.org/x/sys"}},
	"spaceos/cell":                    {[]string{"spaceos", "spaceos/manifest", "spaceos/kvm", "spaceos/vmm", "spaceos/world", "spaceos/libos", "spaceos/wasm"}, []string{"golang.org/x/sys"}},
	"spaceos/trust":                   {[]string{"spaceos", "spaceos/canonical"}, []string{"filippo.io/mldsa"}},
	"spaceos/trust/folder":            {nil, nil},
	"spaceos/trust/wire":              {[]string{"spaceos", "spaceos/trust"}, []string{"github.com/klauspost/compress"}},
	"spaceos/trust/repository":        {[]string{"spaceos", "spaceos/canonical", "spaceos/trust"}, []string{"filippo.io/age", "filippo.io/mldsa", "golang.org/x/sys"}},
	"spaceos/payloads/cloudmask":      {nil, []string{"golang.org/x/image"}},
	"spaceos/payloads/cloudmask/demo": {[]string{"spaceos", "spaceos/cell", "spaceos/payloads/cloudmask"}, nil},
	"spaceos/bench":                   {[]string{"spaceos", "spaceos/cell", "spaceos/payloads/cloudmask"}, []string{"golang.org/x/sys"}},
}

// free are the wirings and the test support, which may import anything.
var free = []string{"spaceos/cmd/", "spaceos/internal/"}

// grounded are modules that must never fly: nothing that a cell needs may
// import them, directly or not.
var grounded = []string{"net/http", "oras.land/", "github.com/theupdateframework/", "filippo.io/age", "github.com/spf13/cobra", "github.com/goccy/", "go.yaml.in/", "gopkg.in/yaml"}

// flying are the packages that a spacecraft needs.
var flying = []string{"spaceos", "spaceos/canonical", "spaceos/manifest", "spaceos/image", "spaceos/image/delta", "spaceos/trust", "spaceos/trust/folder", "spaceos/trust/wire", "spaceos/kvm", "spaceos/vmm", "spaceos/world", "spaceos/libos", "spaceos/cell"}

// slow are packages that cost each start of a program time; `spaceos run` starts
// twice for each run, so cmd/spaceos must not need them. They belong into
// cmd/spaceos-ground.
var slow = []string{
	"net/http", "oras.land/", "github.com/goccy/", "filippo.io/", "github.com/invopop/", "github.com/santhosh-tekuri/",
	"github.com/klauspost/", "github.com/CycloneDX/", "go.yaml.in/", "crypto/tls",
}

func TestTheProgramThatRunsStaysLight(t *testing.T) {
	for _, p := range list(t, "./cmd/spaceos") {
		for _, dep := range p.Deps {
			for _, s := range slow {
				if strings.HasPrefix(dep, s) {
					t.Errorf("%s needs %s, which is slow to start: it belongs into cmd/spaceos-ground", p.ImportPath, dep)
				}
			}
		}
	}
}

type listed struct {
	ImportPath string
	Dir        string
	Imports    []string
	Deps       []string
	Standard   bool
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Imports,Deps,Standard"}, args...)...)
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestImportLaw(t *testing.T) {
	for _, p := range list(t, "./...") {
		law, known := mayImport[p.ImportPath]
		isFree := slices.ContainsFunc(free, func(f string) bool { return strings.HasPrefix(p.ImportPath, f) })
		if !known && !isFree {
			t.Errorf("package %s is not in the law: say here what it may import", p.ImportPath)
			continue
		}
		if isFree {
			continue
		}
		for _, imp := range p.Imports {
			if own := imp == module || strings.HasPrefix(imp, module+"/"); own && !slices.Contains(law.own, imp) {
				t.Errorf("%s imports %s; it may import %v", p.ImportPath, imp, law.own)
			} else if !own && strings.Contains(strings.Split(imp, "/")[0], ".") &&
				!slices.ContainsFunc(law.outside, func(m string) bool { return imp == m || strings.HasPrefix(imp, m+"/") }) {
				t.Errorf("%s imports %s; from outside it may import %v", p.ImportPath, imp, law.outside)
			}
		}
	}
}

func TestWhatFliesStaysSmall(t *testing.T) {
	for _, p := range list(t, flying...) {
		for _, dep := range p.Deps {
			for _, g := range grounded {
				if dep == g || strings.HasPrefix(dep, g) {
					t.Errorf("%s needs %s, which does not fly", p.ImportPath, dep)
				}
			}
		}
	}
}

// goFiles calls fn for each Go file of the project.
func goFiles(t *testing.T, fn func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "build" || d.Name() == "bin" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			fn(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	comments := map[string]int{} // folder -> words of its package comment
	goFiles(t, func(path string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(path)
		comments[dir] = max(comments[dir], docWords(file))
	})
	for dir, words := range comments {
		if words < 15 {
			t.Errorf("%s: its package comment has %d words; say what it is for, what it is not for, and the main type in use", dir, words)
		}
	}
}

func docWords(f *ast.File) int {
	if f.Doc == nil {
		return 0
	}
	return len(strings.Fields(f.Doc.Text()))
}

func TestUnsafeStandsApart(t *testing.T) {
	goFiles(t, func(path string) {
		if strings.HasSuffix(path, "_unsafe.go") || strings.HasSuffix(path, "_unsafe_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range file.Imports {
			if imp.Path.Value == `"unsafe"` {
				t.Errorf("%s imports unsafe; that belongs into a file named *_unsafe.go", path)
			}
		}
	})
}

var (
	makeRule  = regexp.MustCompile("(?m)^([a-z-]+):")
	command   = regexp.MustCompile("`([^`]+)`")
	testName  = regexp.MustCompile(`-run '?\^?([A-Za-z0-9_]+)`)
	benchName = regexp.MustCompile(`-bench '?\^?([A-Za-z0-9_]+)`)
)

// TestEveryNumberNamesItsCommand reads the tables of SPECIFICATION.md: each
// row names a command in backquotes in its third column, or says pending.
func TestEveryNumberNamesItsCommand(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "SPECIFICATION.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || len(cells) < 4 || strings.HasPrefix(strings.TrimSpace(cells[0]), "-") || strings.TrimSpace(cells[0]) == "what" {
			continue
		}
		rows++
		how := cells[2]
		if strings.TrimSpace(how) == "pending" {
			if got := strings.TrimSpace(cells[3]); got != "pending" {
				t.Errorf("%q has a value (%s) and no command", strings.TrimSpace(cells[0]), got)
			}
			continue
		}
		found := command.FindAllStringSubmatch(how, -1)
		if len(found) == 0 {
			t.Errorf("%q names no command in %q", strings.TrimSpace(cells[0]), how)
		}
		for _, m := range found {
			checkCommand(t, m[1])
		}
	}
	if rows < 10 {
		t.Errorf("SPECIFICATION.md has %d rows with numbers; the budgets alone are more", rows)
	}
}

// checkCommand sees that what a command names is there.
func checkCommand(t *testing.T, cmd string) {
	t.Helper()
	fields := strings.Fields(cmd)
	switch fields[0] {
	case "make":
		mk, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range makeRule.FindAllStringSubmatch(string(mk), -1) {
			if len(fields) > 1 && m[1] == fields[1] {
				return
			}
		}
		t.Errorf("the Makefile has no rule for %q", cmd)
	case "go":
		for _, re := range []*regexp.Regexp{testName, benchName} {
			if m := re.FindStringSubmatch(cmd); m != nil && m[1] != "xxx" && !declared(t, m[1]) {
				t.Errorf("%q names %s, which no test file declares", cmd, m[1])
			}
		}
	default:
		if _, err := os.Stat(filepath.Join(root(t), fields[0])); err != nil && fields[0] != "bin/spaceos" {
			t.Errorf("%q: there is no %s", cmd, fields[0])
		}
	}
}

func declared(t *testing.T, name string) bool {
	t.Helper()
	found := false
	goFiles(t, func(path string) {
		if found || !strings.HasSuffix(path, "_test.go") {
			return
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found = strings.Contains(string(text), "func Test"+strings.TrimPrefix(name, "Test")) ||
			strings.Contains(string(text), "func Benchmark"+strings.TrimPrefix(name, "Benchmark"))
	})
	return found
}

// TestTheVerifierThatFliesStaysSmall counts the lines of what decides on board
// what may run, so that one person can read it: package trust with its
// comments, and its code together with that of the reader of canonical JSON
// that it stands on (writing is the ground's).
func TestTheVerifierThatFliesStaysSmall(t *testing.T) {
	const most = 1500
	trustLines, code := 0, 0
	goFiles(t, func(path string) {
		dir, name := filepath.Base(filepath.Dir(path)), filepath.Base(path)
		if filepath.Dir(filepath.Dir(path)) != root(t) || dir != "trust" && dir != "canonical" || strings.HasSuffix(name, "_test.go") || dir+"/"+name == "canonical/write.go" {
			return
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if dir == "trust" {
				trustLines++
			}
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				code++
			}
		}
	})
	t.Logf("total: the verifier has %d lines, and %d of code with the reader of canonical JSON", trustLines, code)
	if trustLines < 500 || trustLines > most || code > most {
		t.Errorf("the verifier has %d lines, and %d of code with the reader of canonical JSON; want at most %d of each", trustLines, code, most)
	}
}
