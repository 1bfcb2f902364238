package image

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"spaceos"
	"spaceos/manifest"
)

// tree lists what lies below a folder.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && p != dir {
			names = append(names, strings.TrimPrefix(p, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestSealRefuses: what cannot be sealed leaves nothing behind.
func TestSealRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, dir string, m *manifest.Manifest)
		reason error
		text   string
	}{
		{"no program", func(t *testing.T, dir string, _ *manifest.Manifest) { remove(t, dir, "hello") }, ErrMissing, "hello: there is no such file, and the manifest names it"},
		{"no asset", func(_ *testing.T, _ string, m *manifest.Manifest) { m.Assets = []string{"models"} }, ErrMissing, "models: there is no such file, and the manifest names it"},
		{"the program is a folder", func(_ *testing.T, _ string, m *manifest.Manifest) { m.Program, m.Assets = "model", nil }, ErrKind, "model: this is a folder, and the manifest names it as the program"},
		{"the program is a link", func(t *testing.T, dir string, _ *manifest.Manifest) {
			remove(t, dir, "hello")
			link(t, "/bin/true", dir, "hello")
		}, ErrKind, "hello: this is a symbolic link"},
		{"a link among the assets", func(t *testing.T, dir string, _ *manifest.Manifest) { link(t, "table.bin", dir, "model/link") }, ErrKind, "model/link: this is a symbolic link"},
		{"a link to a folder elsewhere", func(t *testing.T, dir string, _ *manifest.Manifest) { link(t, "/etc", dir, "model/etc") }, ErrKind, "model/etc: this is a symbolic link"},
		{"a link in the way", func(t *testing.T, dir string, m *manifest.Manifest) {
			link(t, "/etc", dir, "etc")
			m.Assets = []string{"etc/passwd"}
		}, ErrKind, "etc: this is a symbolic link"},
		{"a named pipe", func(t *testing.T, dir string, _ *manifest.Manifest) {
			if err := syscall.Mkfifo(filepath.Join(dir, "model/pipe"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrKind, "model/pipe: this is a named pipe"},
		{"a name that others cannot hold", func(t *testing.T, dir string, _ *manifest.Manifest) {
			if err := (files{"model/a b": ""}).write(dir); err != nil {
				t.Fatal(err)
			}
		}, ErrName, "give the file another name"},
		{"more files than an image has", func(t *testing.T, dir string, _ *manifest.Manifest) {
			many := files{}
			for i := range MaxFiles {
				many["model/"+strings.Repeat("x", i/100+1)+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676))] = ""
			}
			if err := many.write(dir); err != nil {
				t.Fatal(err)
			}
		}, ErrLimit, "there are more than 2048 files, and an image has at most that many"},
		{"more bytes than an image has", func(t *testing.T, dir string, _ *manifest.Manifest) {
			if err := os.Truncate(filepath.Join(dir, "model/empty"), MaxSize+1); err != nil {
				t.Fatal(err)
			}
		}, ErrLimit, "model/empty: with this file of 4.0 GiB, the files have more than 4GiB in all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, out := filepath.Join(t.TempDir(), "source"), t.TempDir()
			if err := source.write(dir); err != nil {
				t.Fatal(err)
			}
			m := payload()
			c.change(t, dir, &m)
			_, err := sealFrom(m, dir, filepath.Join(out, "bad.oci"), false)
			if err == nil || !errors.Is(err, c.reason) || !strings.HasPrefix(err.Error(), dir+": ") || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got  %v\nwant %q because of %v, for %s", err, c.text, c.reason, dir)
			}
			if left := tree(t, out); len(left) > 0 {
				t.Errorf("it left %q behind", left)
			}
		})
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, dir, name string) {
	t.Helper()
	if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// TestNothingIsOverwritten: what is at the path stays as it is, unless it is an
// image and force is given.
func TestNothingIsOverwritten(t *testing.T) {
	second := payload()
	second.Version = "2.0.0"
	for _, c := range []struct {
		name, path string
		there      files // "" for the path itself
		force      bool
		text       string // empty if it is replaced
	}{
		{"a folder with work in it", "x", files{"x/main.c": "int main;"}, false, "this is there already: take another name, or replace it with --force"},
		{"a folder with work in it, with force", "x", files{"x/main.c": "int main;"}, true, "this is no image, and --force replaces images alone"},
		{"an empty folder", "x", files{"x/.d/x": ""}, false, "this is there already"},
		{"a file", "x", files{"x": "text"}, false, "this is there already"},
		{"a file, with force", "x", files{"x": "text"}, true, "this is a file, and a layout as a folder cannot take its place"},
		{"a file for a tar, with force", "x.tar", files{"x.tar": "text"}, true, "this is no image, and --force replaces images alone"},
		{"a folder for a tar, with force", "x.tar", files{"x.tar/a": "text"}, true, "this is a folder, and a layout as a tar cannot take its place"},
		{"an image", "x", nil, false, "this is there already"},
		{"an image as tar", "x.tar", nil, false, "this is there already"},
		{"an image, with force", "x", nil, true, ""},
		{"an image as tar, with force", "x.tar", nil, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, from := t.TempDir(), t.TempDir()
			path := filepath.Join(out, c.path)
			if err := errors.Join(source.write(from), c.there.write(out)); err != nil {
				t.Fatal(err)
			}
			if c.there == nil {
				seal(t, payload(), source, path)
			}
			before := tree(t, out)
			_, err := sealFrom(second, from, path, c.force)
			if c.text == "" {
				if err != nil {
					t.Fatal(err)
				}
				if img := read(t, path); img.Manifest.Version != "2.0.0" {
					t.Errorf("the image at %s is %s, not the new one", path, img.Name())
				}
				if left := len(tree(t, out)); left != len(before) {
					t.Errorf("there is %q, and before was %q", tree(t, out), before)
				}
				return
			}
			if !errors.Is(err, ErrExists) || !strings.HasPrefix(err.Error(), path+": "+c.text) {
				t.Errorf("got %v, want %s: %s", err, path, c.text)
			}
			if after := tree(t, out); !slices.Equal(before, after) {
				t.Errorf("there is %q, and before was %q", after, before)
			}
		})
	}
}

// read gives the image at a path, all of it checked.
func read(t *testing.T, path string) *Image {
	t.Helper()
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	img, err := l.Verify()
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestPutTakesWhatIsClaimed: bytes from elsewhere are stored if they are those
// that were asked for.
func TestPutTakesWhatIsClaimed(t *testing.T) {
	good := Descriptor{TypeFile, spaceos.DigestOf([]byte("abc")), 3}
	for _, c := range []struct {
		name, bytes string
		reason      error
	}{
		{"as claimed", "abc", nil},
		{"other bytes", "abd", ErrDigest},
		{"cut short", "ab", ErrSize},
		{"without end", strings.Repeat("abc", 1000), ErrSize},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := t.TempDir()
			w, err := Create(filepath.Join(out, "x"), false)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Put(strings.NewReader(c.bytes), good); !errors.Is(err, c.reason) {
				t.Errorf("got %v, want %v", err, c.reason)
			}
			_, err = os.Stat(w.at(blobName(good.Digest)))
			if there := err == nil; there != (c.reason == nil) {
				t.Errorf("the blob is there: %v", there)
			}
			if err := w.Commit(Named{Descriptor: Descriptor{TypeManifest, spaceos.Digest{}, 1}}); !errors.Is(err, ErrMissing) {
				t.Errorf("a layout without its manifest: got %v, want %v", err, ErrMissing)
			}
			if left := tree(t, out); len(left) > 0 {
				t.Errorf("it left %q behind", left)
			}
		})
	}
}

// TestUnpack: the files are where the image says, and nobody may write to them.
func TestUnpack(t *testing.T) {
	p := filepath.Join(t.TempDir(), "hello.tar")
	seal(t, payload(), source, p)
	l, err := Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	img, err := l.Image()
	if err != nil {
		t.Fatal(err)
	}
	app := filepath.Join(t.TempDir(), "app")
	if err := l.Unpack(img, app); err != nil {
		t.Fatal(err)
	}
	want := []string{"hello", "model", "model/again.bin", "model/empty", "model/table.bin", "model/tools", "model/tools/run"}
	if got := tree(t, app); !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
	for _, f := range img.Files {
		info, err := os.Stat(filepath.Join(app, f.Path))
		if err != nil || info.Size() != f.Size || info.Mode()&0o222 != 0 || (info.Mode()&0o100 != 0) != f.Executable {
			t.Errorf("%s is %v, %v; want %+v", f.Path, info, err, f)
		}
	}
	if err := l.Unpack(img, app); !errors.Is(err, fs.ErrExist) {
		t.Errorf("into a folder that is there: got %v, want %v", err, fs.ErrExist)
	}
	img.Files[len(img.Files)-1].Size++
	gone := filepath.Join(t.TempDir(), "gone")
	if err := l.Unpack(img, gone); !errors.Is(err, ErrSize) {
		t.Errorf("a blob of another size: got %v, want %v", err, ErrSize)
	}
	if _, err := os.Stat(gone); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was unpacked of a bad image is still there (%v)", err)
	}
}

// TestKilledWritersLeaveNothing: what a killed process left is gone with the
// next one; what another is making stays.
func TestKilledWritersLeaveNothing(t *testing.T) {
	out := t.TempDir()
	p := filepath.Join(out, "x.oci")
	alive, err := Create(p, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := (files{".x.oci.part-killed/layout/blobs/sha256/00": "half", ".x.oci.part-file": "not ours"}).write(out); err != nil {
		t.Fatal(err)
	}
	if img := seal(t, payload(), source, p); img == nil {
		t.Fatal("not sealed")
	}
	if _, err := alive.Add(strings.NewReader("still there")); err != nil {
		t.Errorf("the folder of a living writer was removed: %v", err)
	}
	if err := alive.Abort(); err != nil {
		t.Error(err)
	}
	names, err := filepath.Glob(filepath.Join(out, ".*"))
	if want := []string{filepath.Join(out, ".x.oci.part-file")}; err != nil || !slices.Equal(names, want) {
		t.Errorf("there is %q (%v), want %q", names, err, want)
	}
}

// TestSealedTwiceAtOnce: of two that take one name, one is an image, and the
// other says that it is there already.
func TestSealedTwiceAtOnce(t *testing.T) {
	out := t.TempDir()
	p := filepath.Join(out, "x.oci")
	first, err := Create(p, false)
	if err != nil {
		t.Fatal(err)
	}
	made := seal(t, payload(), source, p)
	if err := first.Commit(); !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want %v", err, ErrExists)
	}
	if got := read(t, p); got.Digest != made.Digest {
		t.Errorf("there is %v, want %v", got.Digest, made.Digest)
	}
	if left := tree(t, out); len(left) != len(tree(t, p))+1 {
		t.Errorf("there is %q", left)
	}
}
