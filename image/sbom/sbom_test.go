package sbom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"spaceos/image"
	"spaceos/manifest"
)

// officialSchema compiles the schema of CycloneDX 1.6, formats included.
var officialSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, name := range []string{"bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", "cyclonedx", name))
		if err != nil {
			return nil, err
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		if err := c.AddResource("http://cyclonedx.org/schema/"+name, value); err != nil {
			return nil, err
		}
	}
	return c.Compile(schemaURL)
})

func validate(t *testing.T, document []byte) error {
	t.Helper()
	schema, err := officialSchema()
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func payload() manifest.Manifest {
	m := manifest.Default()
	m.Name, m.Version, m.Tenant, m.Program = "hello", "1.0.0", "acme", "hello"
	m.Subjects = []string{manifest.SubjectFiles}
	m.Description, m.Licence = "Says <hello> & ends", "Apache-2.0 OR MIT"
	m.Source = manifest.Source{Repository: "https://example.org/hello", Commit: strings.Repeat("ab", 20)}
	return m
}

// seal makes an image of the program and the assets in a folder of its own.
func seal(t *testing.T, m manifest.Manifest, program []byte, assets map[string]string, to string) *image.Layout {
	t.Helper()
	from := t.TempDir()
	write(t, filepath.Join(from, m.Program), program)
	for name, text := range assets {
		write(t, filepath.Join(from, name), []byte(text))
		m.Assets = append(m.Assets, name)
	}
	slices.Sort(m.Assets)
	root, err := os.OpenRoot(from)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	w, err := image.Create(to, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := image.Seal(m, root, w); err != nil {
		t.Fatal(err)
	}
	l, err := image.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

func documentOf(t *testing.T, l *image.Layout) ([]byte, *bom) {
	t.Helper()
	data, _, err := Of(l)
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return data, &b
}

const cSource = `#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) { return printf("%f %s\n", argc * 0.1, strerror(argc)) < 0; }
`

// compile makes a static C program, as a payload is one.
func compile(t *testing.T, compiler string) []byte {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "p.c"), []byte(cSource))
	cmd := exec.Command(compiler, "-O2", "-static", "-s", "-o", "p", "p.c")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", compiler, err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "p"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// goProgram is a Go program with modules in it.
var goProgram = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "sbom")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "p")
	cmd := exec.Command("go", "build", "-o", path, "spaceos/cmd/spaceos")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, out)
	}
	return os.ReadFile(path)
})

func buildGo(t *testing.T) []byte {
	t.Helper()
	data, err := goProgram()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// goVersion is without the experiments that a build may name.
func goVersion() string {
	version, _, _ := strings.Cut(strings.TrimPrefix(runtime.Version(), "go"), "-X:")
	return version
}

// modulesOf asks the go command what a package is made of.
func modulesOf(t *testing.T, pkg string) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]string{"std": goVersion()}
	for line := range strings.Lines(string(out)) {
		if path, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			modules[path] = version
		}
	}
	return modules
}

func TestDocumentsFollowTheOfficialSchema(t *testing.T) {
	bare := payload()
	bare.Description, bare.Licence, bare.Source = "", "", manifest.Source{}
	for _, c := range []struct {
		name    string
		m       manifest.Manifest
		program []byte
		assets  map[string]string
	}{
		{"C with musl", payload(), compile(t, "musl-gcc"), nil},
		{"C with glibc", payload(), compile(t, "gcc"), nil},
		{"Go", payload(), buildGo(t), nil},
		{"of no known kind", bare, []byte("#!/bin/sh\n"), map[string]string{"table": "1 2 3"}},
		{"with assets", payload(), []byte("\x7fELF"), map[string]string{
			"model": "\x00\x01", "model.license": "SPDX-License-Identifier: CC-BY-SA-4.0\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			document, _ := documentOf(t, seal(t, c.m, c.program, c.assets, filepath.Join(t.TempDir(), "x.oci")))
			if err := validate(t, document); err != nil {
				t.Errorf("%v\nin %s", err, document)
			}
			for _, word := range []string{"serialNumber", "timestamp"} {
				if bytes.Contains(document, []byte(word)) {
					t.Errorf("%s is in the document, which would be another one each time:\n%s", word, document)
				}
			}
		})
	}
}

// TestTheSchemaIsHeldAgainst shows that the check above can fail.
func TestTheSchemaIsHeldAgainst(t *testing.T) {
	document, _ := documentOf(t, seal(t, payload(), []byte("\x7fELF"), nil, filepath.Join(t.TempDir(), "x.oci")))
	for _, change := range [][2]string{
		{`"bomFormat"`, `"format"`}, {`"SHA-256"`, `"SHA-255"`}, {`"declared"`, `"claimed"`}, {`"version": 1,`, `"version": "one",`},
	} {
		bad := bytes.Replace(document, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(bad, document) {
			t.Fatalf("%s is not in the document %s", change[0], document)
		}
		if err := validate(t, bad); err == nil {
			t.Errorf("with %s in place of %s the schema finds nothing wrong", change[1], change[0])
		}
	}
}

func TestOneImageHasOneDocument(t *testing.T) {
	program := compile(t, "musl-gcc")
	assets := map[string]string{"b": "2", "a": "1", "c/d": "3"}
	folder, _ := documentOf(t, seal(t, payload(), program, assets, filepath.Join(t.TempDir(), "x.oci")))
	tar, _ := documentOf(t, seal(t, payload(), program, assets, filepath.Join(t.TempDir(), "y.tar")))
	if !bytes.Equal(folder, tar) {
		t.Errorf("the same image sealed twice, as folder and as tar, has two documents:\n%s\n%s", folder, tar)
	}
}

// linkedIn is name and version of what the document says the program consists
// of.
func linkedIn(b *bom) map[string]string {
	list := map[string]string{}
	for _, c := range b.Components {
		if c.Type != "file" {
			list[c.Name] = c.Version
		}
	}
	return list
}

func gccVersion(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("gcc", "-dumpfullversion").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestWhatACProgramSays(t *testing.T) {
	for _, c := range []struct{ compiler, libc string }{{"musl-gcc", "musl"}, {"gcc", "glibc"}} {
		t.Run(c.compiler, func(t *testing.T) {
			_, b := documentOf(t, seal(t, payload(), compile(t, c.compiler), nil, filepath.Join(t.TempDir(), "x.oci")))
			got := linkedIn(b)
			if _, has := got[c.libc]; !has {
				t.Errorf("%s is not among %v", c.libc, got)
			}
			if !slices.ContainsFunc(b.Components, func(part component) bool {
				return part.Name == "gcc" && part.Version == gccVersion(t) && part.Scope == "excluded"
			}) {
				t.Errorf("no gcc %s among %v", gccVersion(t), b.Components)
			}
			if want := (composition{"incomplete", []string{"file:hello"}}); !slices.ContainsFunc(b.Compositions, func(c composition) bool { return reflect.DeepEqual(c, want) }) {
				t.Errorf("a C program does not say all that was linked into it, but the compositions are %v", b.Compositions)
			}
		})
	}
}

func TestWhatAGoProgramSays(t *testing.T) {
	_, b := documentOf(t, seal(t, payload(), buildGo(t), nil, filepath.Join(t.TempDir(), "x.oci")))
	want := modulesOf(t, "spaceos/cmd/spaceos")
	if len(want) < 3 {
		t.Fatalf("go list names only %v", want)
	}
	if got := linkedIn(b); !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if want := (composition{"complete", []string{"file:hello"}}); !slices.ContainsFunc(b.Compositions, func(c composition) bool { return reflect.DeepEqual(c, want) }) {
		t.Errorf("a Go program without cgo names all that is in it, but the compositions are %v", b.Compositions)
	}
	for _, c := range b.Components {
		if c.Name == "github.com/spf13/cobra" && c.PURL != "pkg:golang/github.com/spf13/cobra@"+c.Version {
			t.Errorf("package URL %q of %s %s", c.PURL, c.Name, c.Version)
		}
	}
}

func TestLicencesOfAssets(t *testing.T) {
	assets := map[string]string{
		"says-itself.txt":          "# SPDX-License-Identifier: MIT\n# and more\n",
		"in-c.h":                   "/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */\n",
		"beside.bin":               "\x00SPDX-License-Identifier: MIT\n",
		"beside.bin.license":       "Somebody\nSPDX-License-Identifier: CC-BY-SA-4.0\n",
		"as-the-image.bin":         "\x00\x01",
		"too-far-down.txt":         strings.Repeat("x", headerSize) + "SPDX-License-Identifier: MIT\n",
		"beside-empty.bin":         "\x00",
		"beside-empty.bin.license": "nothing here\n",
	}
	want := map[string]string{
		"hello": "Apache-2.0 OR MIT", "says-itself.txt": "MIT", "in-c.h": "(GPL-2.0-only WITH Linux-syscall-note) OR MIT",
		"beside.bin": "CC-BY-SA-4.0", "beside.bin.license": "CC-BY-SA-4.0", "as-the-image.bin": "Apache-2.0 OR MIT",
		"too-far-down.txt": "Apache-2.0 OR MIT", "beside-empty.bin": "Apache-2.0 OR MIT", "beside-empty.bin.license": "Apache-2.0 OR MIT",
	}
	_, b := documentOf(t, seal(t, payload(), []byte("\x7fELF"), assets, filepath.Join(t.TempDir(), "x.oci")))
	got := map[string]string{}
	for _, c := range b.Components {
		if c.Type == "file" && len(c.Licenses) == 1 {
			got[c.Name] = c.Licenses[0].Expression
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestPackageURLs(t *testing.T) {
	for in, want := range map[string]string{"1.2.3+incompatible": "1.2.3%2Bincompatible", "a b": "a%20b", "~x": "~x", "ü": "%C3%BC"} {
		if got := escaped(in); got != want {
			t.Errorf("escaped(%q) is %q, want %q", in, got, want)
		}
	}
}

// TestLinkedTwiceIsListedOnce: the schema wants each name once.
func TestLinkedTwiceIsListedOnce(t *testing.T) {
	b := builder{known: map[string]bool{}}
	for range 2 {
		if got := b.add([]component{{Ref: "a"}, {Ref: "b"}, {Ref: "a"}}); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("a, b, a depends on %v, want a, b", got)
		}
	}
	if len(b.linked) != 2 {
		t.Errorf("listed are %v, want a and b", b.linked)
	}
}

// FuzzProgram feeds programs that no linker made: none may do more than have
// nothing to say.
func FuzzProgram(f *testing.F) {
	small := []byte("\x7fELF\x02\x01\x01\x00")
	f.Add(small)
	f.Add(append(append([]byte{}, "\xff Go buildinf:\x08\x02"...), bytes.Repeat([]byte{0xff}, 64)...))
	if data, err := os.ReadFile("/proc/self/exe"); err == nil && len(data) > 4096 {
		f.Add(data[:4096])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := readProgram(bytes.NewReader(data), int64(len(data)))
		if len(p.linked) > maxModules+maxTools+2 || len(p.properties) > 70 {
			t.Errorf("%d components and %d properties from %d bytes", len(p.linked), len(p.properties), len(data))
		}
		for _, c := range p.linked {
			if len(c.Name) > maxProperty || strings.ContainsAny(c.Name+c.Version, "\n\x00") {
				t.Errorf("a component's name is %q %q", c.Name, c.Version)
			}
		}
	})
}
