package cell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pairs are the folders of which the program may write to the first, at least.
var pairs = [][2]string{{"out", "data"}, {"out", "in"}, {"out", "app"}, {"data", "in"}, {"data", "app"}}

// specWith gives a run two folders.
func specWith(one, onePath, other, otherPath string) *Spec {
	p := map[string]string{one: onePath, other: otherPath}
	return &Spec{In: p["in"], Out: p["out"], App: p["app"], Data: p["data"]}
}

// grove makes folders in the working directory; link leads to a/b.
func grove(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, dir := range []string{"a/b/c", "ab", "elsewhere"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../a/b", "elsewhere/link"); err != nil {
		t.Fatal(err)
	}
}

// checkPlaces wants a sentence for two folders; none: that they are apart.
func checkPlaces(t *testing.T, spec *Spec, want string) {
	t.Helper()
	err := spec.checkApart()
	if want == "" && err != nil {
		t.Errorf("out %q, data %q, in %q, app %q: got %v, want no error", spec.Out, spec.Data, spec.In, spec.App, err)
	}
	if want != "" && (err == nil || err.Error() != want || Status(err) != StatusFailure) {
		t.Errorf("out %q, data %q, in %q, app %q: got %v with status %d, want %s with status %d", spec.Out, spec.Data, spec.In, spec.App, err, Status(err), want, StatusFailure)
	}
}

// TestOneFolderForTwo: a folder is the same by whatever path.
func TestOneFolderForTwo(t *testing.T) {
	grove(t)
	for _, path := range []string{"a/b", "./a/../a/b/", "elsewhere/link", "elsewhere/link/c/.."} {
		for _, p := range pairs {
			want := "--%[1]s %[3]s and --%[2]s %[4]s are the same folder, and the program may write to /%[1]s: give --%[1]s a folder of its own"
			checkPlaces(t, specWith(p[0], "a/b", p[1], path), fmt.Sprintf(want, p[0], p[1], "a/b", path))
			checkPlaces(t, specWith(p[0], path, p[1], "a/b"), fmt.Sprintf(want, p[0], p[1], path, "a/b"))
		}
	}
}

// TestOneFolderInsideAnother: that which may be written is inside, or around.
func TestOneFolderInsideAnother(t *testing.T) {
	grove(t)
	for _, c := range [][2]string{
		{"a/b", "a"}, {"a/b/c", "a"}, {"a/b/c", "."}, {"a", "/"},
		{"a/b/c", "elsewhere/link"}, {"elsewhere/link", "a"}, {"elsewhere/link/c", "a"},
	} {
		for _, p := range pairs {
			want := "--%s %s lies inside --%s %s, and the program may write to /%[5]s: give --%[5]s a folder of its own, apart from the others"
			checkPlaces(t, specWith(p[0], c[0], p[1], c[1]), fmt.Sprintf(want, p[0], c[0], p[1], c[1], p[0]))
			mine := p[0]
			if p[1] == "data" { // it may be written, too
				mine = "data"
			}
			checkPlaces(t, specWith(p[0], c[1], p[1], c[0]), fmt.Sprintf(want, p[1], c[0], p[0], c[1], mine))
		}
	}
}

// TestFoldersThatLieApart are taken; so is one that is not there, which is told
// by who opens it.
func TestFoldersThatLieApart(t *testing.T) {
	grove(t)
	for _, c := range [][2]string{
		{"a", "ab"}, {"a/b", "ab"}, {"elsewhere/link", "elsewhere"}, {"none", "none"}, {"a/none", "a"}, {"", "a"},
	} {
		for _, p := range pairs {
			checkPlaces(t, specWith(p[0], c[0], p[1], c[1]), "")
			checkPlaces(t, specWith(p[0], c[1], p[1], c[0]), "")
		}
	}
	for _, path := range []string{"a", "a/b"} { // what may only be read may be read twice
		checkPlaces(t, &Spec{In: "a", App: path, Out: "ab", Data: "elsewhere"}, "")
		checkPlaces(t, &Spec{In: path, App: "a"}, "")
	}
}

// TestAllFoldersAtOnce: a run is refused just where the paths, with links
// resolved, say that one of them which may be written is in or around another.
func TestAllFoldersAtOnce(t *testing.T) {
	grove(t)
	paths := []string{"", "a", "a/b/c", "ab", "elsewhere", "elsewhere/link", "elsewhere/link/c"}
	real := map[string]string{}
	for _, path := range paths[1:] {
		var err error
		if real[path], err = filepath.EvalSymlinks(path); err != nil {
			t.Fatal(err)
		}
	}
	for n := range len(paths) * len(paths) * len(paths) * len(paths) {
		var p [4]string // out, data, in, app
		for i, rest := 0, n; i < len(p); i, rest = i+1, rest/len(paths) {
			p[i] = paths[rest%len(paths)]
		}
		overlap := false
		for writable := range 2 {
			for other := range p {
				one, two := real[p[writable]]+"/", real[p[other]]+"/"
				overlap = overlap || writable != other && p[writable] != "" && p[other] != "" && (strings.HasPrefix(one, two) || strings.HasPrefix(two, one))
			}
		}
		spec := Spec{Out: p[0], Data: p[1], In: p[2], App: p[3]}
		if err := spec.checkApart(); (err != nil) != overlap {
			t.Fatalf("out %q, data %q, in %q, app %q: got %v, want an overlap: %v", p[0], p[1], p[2], p[3], err, overlap)
		}
	}
}

// TestOverlapIsSaidBeforeARun: nothing is started, and the report says why.
func TestOverlapIsSaidBeforeARun(t *testing.T) {
	in := t.TempDir()
	path, out := filepath.Join(in, "program"), filepath.Join(in, "out")
	if err := errors.Join(os.WriteFile(path, nil, 0o700), os.Mkdir(out, 0o700)); err != nil {
		t.Fatal(err)
	}
	want := "--out " + out + " lies inside --in " + in + ", and the program may write to /out: give --out a folder of its own, apart from the others"
	r, err := run(t, context.Background(), Spec{Program: path, In: in, Out: out})
	if err == nil || err.Error() != want || r.Ended.Status != StatusFailure || r.Ended.Message != want {
		t.Errorf("got %v and %+v, want %s with status %d", err, r.Ended, want, StatusFailure)
	}
}

// BenchmarkFoldersApart is what a run with three folders pays.
func BenchmarkFoldersApart(b *testing.B) {
	in, out, app := b.TempDir(), b.TempDir(), b.TempDir()
	spec := Spec{In: in, Out: out, App: app}
	for b.Loop() {
		if err := spec.checkApart(); err != nil {
			b.Fatal(err)
		}
	}
}
