package author_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"spaceos/manifest/author"
)

// names lists a folder, hidden files too.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestStarterBuildsAndIsValid(t *testing.T) {
	for _, language := range author.Languages() {
		dir := t.TempDir()
		folder := filepath.Join(dir, "first-1")
		if err := author.WriteStarter(folder, language, "acme"); err != nil {
			t.Fatal(err)
		}
		m, err := author.Read(folder)
		if err != nil || m.Name != "first-1" || m.Tenant != "acme" {
			t.Errorf("%s: %+v, %v", language, m, err)
		}
		text, err := os.ReadFile(filepath.Join(folder, author.FileName))
		if err != nil || !editor(t, schema(t), text) {
			t.Errorf("%s: an editor would mark the starter's manifest as wrong (%v)", language, err)
		}
		if out, err := exec.Command("make", "-C", folder).CombinedOutput(); err != nil {
			t.Errorf("%s: make: %v\n%s", language, err, out)
		}
		if info, err := os.Stat(filepath.Join(folder, m.Program)); err != nil || info.Mode()&0o100 == 0 {
			t.Errorf("%s: make does not build %s: %v", language, m.Program, err)
		}
		if left := names(t, dir); len(left) != 1 {
			t.Errorf("%s: the folder above holds %v", language, left)
		}
	}
}

func TestStarterTouchesNothing(t *testing.T) {
	dir := t.TempDir()
	file, empty, link := filepath.Join(dir, "file"), filepath.Join(dir, "empty"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("precious"), 0o644), os.Mkdir(empty, 0o755), os.Symlink("nowhere", link)); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{file, empty, link} {
		if err := author.WriteStarter(folder, "c", "acme"); !errors.Is(err, author.ErrExists) {
			t.Errorf("%s: %v, want ErrExists", folder, err)
		}
	}
	for _, c := range []struct{ folder, language, tenant string }{
		{filepath.Join(dir, "Upper"), "c", "acme"}, {filepath.Join(dir, "none", "x"), "c", "acme"},
		{filepath.Join(dir, "x"), "cobol", "acme"}, {filepath.Join(dir, "x"), "c", "a/b"}, {filepath.Join(dir, ".."), "c", "acme"},
	} {
		if err := author.WriteStarter(c.folder, c.language, c.tenant); err == nil {
			t.Errorf("%+v is made", c)
		}
	}
	if got := names(t, dir); len(got) != 3 {
		t.Errorf("left in the folder: %v", got)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" {
		t.Errorf("the file is %q, %v", text, err)
	}
}
