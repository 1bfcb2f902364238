package image

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"spaceos"
	"spaceos/manifest"
)

// Seal makes the image of a payload from the folder where its program and its
// assets lie, and writes it as a layout. What counts of a file are its path, its
// bytes and whether its owner may execute it: times, owners, other permissions,
// empty folders and the order of a folder's entries leave no trace.
func Seal(m manifest.Manifest, from *os.Root, w *Writer) (*Image, error) {
	img := &Image{Manifest: m}
	paths, err := pathsOf(&m, from)
	if err != nil {
		return nil, in(from.Name(), err)
	}
	for _, p := range paths {
		f, err := w.addFile(from, p)
		if err != nil {
			return nil, in(from.Name(), err)
		}
		f.Executable = f.Executable || p == m.Program
		img.Files = append(img.Files, f)
	}
	if err := img.checkFiles(); err != nil {
		return nil, in(from.Name(), err)
	}
	named, err := w.putManifest(img)
	if err != nil {
		return nil, err
	}
	return img, w.Commit(named)
}

// pathsOf is the program and all files of the assets, in order.
func pathsOf(m *manifest.Manifest, from *os.Root) ([]string, error) {
	var paths []string
	for _, start := range append([]string{m.Program}, m.Assets...) {
		err := fs.WalkDir(from.FS(), path.Clean(start), func(p string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist) && p == path.Clean(start):
				return bad(p, ErrMissing, "there is no such file, and the manifest names it")
			case err != nil:
				return unreadable(p, err)
			case d.IsDir() && p == m.Program:
				return bad(p, ErrKind, "this is a folder, and the manifest names it as the program")
			case d.IsDir():
				return nil
			case !d.Type().IsRegular():
				return bad(p, ErrKind, "this is %s, and an image holds plain files alone: put the file itself there", kind(d.Type()))
			case len(paths) == 2*MaxFiles:
				return bad(start, ErrLimit, "there are more than %d files in all, which is what an image has at most", MaxFiles)
			}
			paths = append(paths, p)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// addFile stores one file of the source folder.
func (w *Writer) addFile(from *os.Root, name string) (File, error) {
	if err := manifest.ValidPath(name); err != nil {
		return File{}, bad(name, ErrName, "%v: give the file another name", err)
	}
	f, err := from.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return File{}, unreadable(name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return File{}, unreadable(name, err)
	}
	if !info.Mode().IsRegular() {
		return File{}, bad(name, ErrKind, "this is %s, and an image holds plain files alone", kind(info.Mode()))
	}
	d, err := w.Add(f)
	if err != nil {
		return File{}, unreadable(name, err)
	}
	return File{name, d.Digest, d.Size, info.Mode()&0o100 != 0}, nil
}

// checkFiles sees that the files are a tree, and what the manifest names: the
// program, which can be executed, and its assets.
func (i *Image) checkFiles() error {
	folders := map[string]bool{}
	for _, f := range i.Files {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			folders[dir] = true
		}
	}
	for _, f := range i.Files {
		if folders[f.Path] {
			return bad(f.Path, ErrDoubled, "this is the path of a file and of a folder")
		}
		if !i.named(f.Path) {
			return bad(f.Path, ErrExtra, "the manifest names this file neither as program nor as asset")
		}
	}
	n, have := slices.BinarySearchFunc(i.Files, i.Manifest.Program, func(f File, p string) int { return cmp.Compare(f.Path, p) })
	switch {
	case !have:
		return bad(i.Manifest.Program, ErrMissing, "the manifest names this file as the program, and the image does not have it")
	case !i.Files[n].Executable:
		return bad(i.Manifest.Program, ErrMalformed, "this is the program, and its mode is %s: it cannot be executed", i.Files[n].Mode())
	case len(i.Files) > MaxFiles:
		return bad("", ErrLimit, "there are %d files in all, and an image has at most %d", len(i.Files), MaxFiles)
	case i.Bytes() > MaxSize:
		return bad("", ErrLimit, "the files are %v in all, and an image has at most %v", i.Bytes(), spaceos.Bytes(MaxSize))
	}
	return nil
}

// named says whether the manifest names a file, or a folder that it is in.
func (i *Image) named(p string) bool {
	return p == i.Manifest.Program || slices.ContainsFunc(i.Manifest.Assets, func(asset string) bool {
		asset = path.Clean(asset)
		return asset == "." || p == asset || strings.HasPrefix(p, asset+"/")
	})
}

// Program is the file that is run.
func (i *Image) Program() File {
	for _, f := range i.Files {
		if f.Path == i.Manifest.Program {
			return f
		}
	}
	return File{} // not of an image that Decode or Seal gave
}
