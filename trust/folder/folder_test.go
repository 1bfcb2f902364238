package folder_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"spaceos/internal/trusttest"
	"spaceos/trust"
	"spaceos/trust/folder"
)

func open(t *testing.T, path string) *folder.Store {
	t.Helper()
	s, err := folder.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestVerifierLivesInAFolder(t *testing.T) {
	path, r := t.TempDir(), trusttest.New("a", "b")
	if err := trust.Provision(open(t, path), r.RootDocument()); err != nil {
		t.Fatal(err)
	}
	set := r.Publish()
	trusted := false
	for _, doc := range append([][]byte{set.Timestamp}, slices.Collect(maps.Values(set.Pieces))...) {
		v, err := trust.New(open(t, path), "sat-7", trusttest.Floor) // anew for each document
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Status().Open) == 0 {
			_, err = v.Open(doc)
		} else {
			trusted, err = v.Piece(doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !trusted {
		t.Error("the set is not trusted after all of its pieces")
	}
	names, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(set.Pieces) + 3; len(names) != want { // root, timestamp, state
		t.Errorf("files in the folder: got %d, want %d", len(names), want)
	}
}

func TestGetPutSweep(t *testing.T) {
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, "new.tmp"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	if _, err := s.Get("new.tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a power cut left: got %v, want that it is gone", err)
	}
	for _, text := range []string{"one", "two"} {
		if err := s.Put("a", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get("a"); err != nil || string(got) != text {
			t.Errorf("Get: got %q, %v, want %q", got, err, text)
		}
	}
	if err := s.Put("b", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(func(name string) bool { return name == "b" }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get of what was swept: got %v, want %v", err, fs.ErrNotExist)
	}
	if err := s.Put("../x", nil); err == nil {
		t.Error("Put outside of the folder succeeded")
	}
	if err := os.Truncate(filepath.Join(path, "b"), 10<<30); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("b"); err == nil {
		t.Error("Get of a file of 10 GiB succeeded")
	}
}
