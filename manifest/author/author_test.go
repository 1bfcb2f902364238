package author_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"spaceos"
	"spaceos/manifest"
	"spaceos/manifest/author"
)

func TestEveryKeyArrives(t *testing.T) {
	got, err := author.Read("testdata/good/full.yaml")
	want := manifest.Manifest{
		Name: "cloud-mask", Version: "2", Tenant: "acme", Description: `Finds clouds, and says "where".`, Licence: "MIT OR Apache-2.0",
		Source:  manifest.Source{Repository: "https://example.org/cloud-mask.git", Commit: "0123456789abcdef0123456789abcdef01234567"},
		Program: "bin/cloud-mask", Args: []string{"-v", "", "größe"}, Env: map[string]string{"LEVEL": "3", "TEXT": "a=b"},
		Assets: []string{"model", "tables/a.bin"}, Engine: manifest.EngineKVM,
		Limits: spaceos.Limits{Memory: 64 * spaceos.MiB, CPUTime: 1500 * time.Millisecond, WallTime: 90 * time.Second, Scratch: 8 * spaceos.MiB,
			Data: 100 * spaceos.KB, Products: 20 * spaceos.KB, ProductsDay: 480 * spaceos.KB, LogRate: 86400},
		Start: []manifest.Start{{On: manifest.OnFrame, Camera: "nadir"}, {On: manifest.OnSchedule, Every: 90 * time.Minute}, {On: manifest.OnBoot}, {On: manifest.OnOrder}},
		// The number of attempts is the default.
		Restart:  manifest.Restart{When: manifest.OnFailure, Attempts: 3, Delay: 500 * time.Millisecond},
		Services: []string{"position", "camera/nadir", "time"}, Subjects: []string{"time", "files"}, Priority: 1,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestWhatIsLeftOutHasADefault(t *testing.T) {
	got, err := author.Read("testdata/good/least.yaml")
	want := manifest.Default()
	want.Name, want.Version, want.Tenant, want.Program = "hello", "1.0.0", "acme", "hello"
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

// schema is the published one.
func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(author.SchemaName)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// editor says whether an editor that has the schema takes a text: it reads the
// YAML as any program does.
func editor(t testing.TB, s *jsonschema.Schema, text []byte) bool {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return false
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		return false
	}
	if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON)); err != nil {
		t.Fatal(err)
	}
	return s.Validate(value) == nil
}

func TestSchemaIsOfTheTypes(t *testing.T) {
	want, err := author.MakeSchema()
	if err != nil || !bytes.Equal(author.Schema, want) {
		t.Errorf("%s is not what MakeSchema makes (%v): write it again with go generate ./manifest/author", author.SchemaName, err)
	}
}

// TestBadManifests goes through a corpus with a file for each rule. In bad.txt
// stands what a tenant reads for it, and whether an editor that has the schema
// marks it too.
func TestBadManifests(t *testing.T) {
	text, err := os.ReadFile("testdata/bad.txt")
	if err != nil {
		t.Fatal(err)
	}
	s, want := schema(t), map[string]string{}
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(line, " ")
		file, _, _ := strings.Cut(rest, ":")
		want[file] = strings.TrimSpace(line)
	}
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) != len(want) {
		t.Errorf("%d files (%v), and bad.txt has %d lines", len(files), err, len(want))
	}
	for _, path := range files {
		name := filepath.Base(path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = author.Decode(name, text)
		who := "editor"
		if editor(t, s, text) {
			who = "seal"
		}
		if got := fmt.Sprintf("%s %v", who, err); got != want[name] {
			t.Errorf("got  %s\nwant %s", got, want[name])
		}
		var mistake *author.Error
		if !errors.As(err, &mistake) || !errors.Is(err, author.ErrYAML) && !errors.Is(err, manifest.ErrRule) {
			t.Errorf("%s: %#v is no Error of ours", name, err)
		}
	}
}

func TestSchemaTakesGoodManifests(t *testing.T) {
	s := schema(t)
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !editor(t, s, text) {
			t.Errorf("an editor would mark %s as wrong", path)
		}
	}
}

func TestReadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 10<<30); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                         "there is no " + filepath.Join(dir, "spaceos.yaml") + ": write one, or make a starter with spaceos init",
		filepath.Join(dir, "none"):  "there is no " + filepath.Join(dir, "none") + ": write one",
		pipe:                        "pipe is no plain file",
		large:                       "the file has more than 65536 bytes",
		filepath.Join(dir, "a\x00"): "invalid argument",
	} {
		if _, err := author.Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	if _, err := author.Read(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

// FuzzYAML: whatever a file holds, there is a manifest that keeps all rules,
// or an error in a line of the file. What the schema knows to be wrong is
// refused.
func FuzzYAML(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := author.Decode("f", text)
		if err != nil {
			var mistake *author.Error
			if !errors.As(err, &mistake) || mistake.Line < 1 || mistake.Line > bytes.Count(text, []byte("\n"))+bytes.Count(text, []byte("\r"))+1 {
				t.Errorf("%q: %v (%#v) is no mistake in a line", text, err, err)
			}
			return
		}
		canonical, err := m.Canonical()
		if err != nil {
			t.Fatalf("%q gives a manifest that cannot be written: %v", text, err)
		}
		if again, err := manifest.Decode(canonical); err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%q: read %+v, and its canonical form reads %+v, %v", text, m, again, err)
		}
	})
}
