package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"spaceos"
	"spaceos/cell"
	"spaceos/image"
	"spaceos/libos"
	"spaceos/manifest"
)

// hello is a sealed image as it was read.
func hello() *sealed {
	m := manifest.Default()
	m.Name, m.Version, m.Tenant, m.Program = "hello", "1.0.0", "acme", "bin/hello"
	m.Args, m.Env, m.Subjects = []string{"-v"}, map[string]string{"B": "2", "A": "1"}, []string{"time"}
	return &sealed{manifest: m}
}

func TestImageBecomesTheSpec(t *testing.T) {
	f, err := parse("--in", "i", "--seed", "7", "--memory", "8MiB", "--timeout=30s")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.seal(hello()); err != nil {
		t.Fatal(err)
	}
	subjects, err := libos.Only([]string{"time"})
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(7)
	want := cell.Spec{
		Program: "bin/hello", Args: []string{"-v"}, Env: []string{"A=1", "B=2"}, In: "i", Seed: &seed, Subjects: subjects,
		Memory: 8 * spaceos.MiB, Timeout: 30 * time.Second, // lowered
		CPUTime: 10 * time.Second, OutBytes: spaceos.MiB, DataBytes: spaceos.MiB, TmpBytes: spaceos.MiB, // the image's own
	}
	if !reflect.DeepEqual(f.spec, want) {
		t.Errorf("got  %+v\nwant %+v", f.spec, want)
	}
}

func TestFlagsOnlyLowerAnImagesLimits(t *testing.T) {
	for _, c := range []struct{ flag, within, above string }{
		{"--memory", "16MiB", "17MiB"}, {"--out-limit", "1MiB", "1025KiB"}, {"--data-limit", "1MiB", "1025KiB"},
		{"--cpu-time", "10s", "10001ms"}, {"--timeout", "1m", "61s"},
	} {
		f, err := parse(c.flag, c.within)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.seal(hello()); err != nil {
			t.Errorf("%s %s: %v", c.flag, c.within, err)
		}
		if f, err = parse(c.flag, c.above); err != nil {
			t.Fatal(err)
		}
		if err := f.seal(hello()); err == nil || !strings.Contains(err.Error(), "a flag can only lower it") {
			t.Errorf("%s %s: %v, want that it can only lower the limit", c.flag, c.above, err)
		}
	}
	for _, args := range [][]string{{"--app", "a"}, {"--env", "A=1"}} {
		f, err := parse(args...)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.seal(hello()); err == nil {
			t.Errorf("%q is taken beside an image", args)
		}
	}
}

func TestScratchIsWithinALoweredMemory(t *testing.T) {
	s := hello()
	s.manifest.Limits.Scratch = 16 * spaceos.MiB
	f, err := parse("--memory", "4MiB")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.seal(s); err != nil || f.spec.TmpBytes != 4*spaceos.MiB {
		t.Errorf("/tmp has %v of 4MiB, %v", f.spec.TmpBytes, err)
	}
}

// TestWhatOthersMayWriteIsCopied: the bytes that were checked are those that
// run, whoever may write to the image meanwhile.
func TestWhatOthersMayWriteIsCopied(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hello"), []byte("checked"), 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	m := hello().manifest
	m.Program = "hello"
	layout := filepath.Join(dir, "hello.oci")
	w, err := image.Create(layout, false)
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Seal(m, root, w)
	if err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(layout, image.BlobName(img.Files[0].Digest))
	for _, c := range []struct {
		name string
		mode os.FileMode
		want string
	}{
		{"nobody else may write", 0o644, "changed"}, // by ourselves, in place
		{"the group may write", 0o664, "checked"},
		{"anyone may write", 0o646, "checked"},
	} {
		if err := errors.Join(os.WriteFile(blob, []byte("checked"), 0o644), os.Chmod(blob, c.mode)); err != nil {
			t.Fatal(err)
		}
		s, err := openSealed(layout)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(blob, []byte("changed"), 0o644); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 7)
		if _, err := s.files[0].File.ReadAt(got, 0); err != nil || string(got) != c.want {
			t.Errorf("%s: the cell reads %q (%v), want %q", c.name, got, err, c.want)
		}
		s.close()
	}
}
