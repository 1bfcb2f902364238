package image

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

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
	var total int64
	for _, p := range paths {
		f, err := w.addFile(&folder{from}, p, MaxSize-total)
		if err != nil {
			return nil, in(from.Name(), err)
		}
		total += f.Size
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
func pathsOf(m *manifest.Manifest, from *os.Root) (paths []string, err error) {
	for _, start := range append([]string{m.Program}, m.Assets...) {
		info, err := (&folder{from}).look(start)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, bad(start, ErrMissing, "there is no such file, and the manifest names it")
		case err != nil:
			return nil, unreadable(start, err)
		case info.IsDir() && start == m.Program:
			return nil, bad(start, ErrKind, "this is a folder, and the manifest names it as the program")
		case !info.IsDir():
			paths = append(paths, start) // addFile looks what it is
			continue
		}
		before := len(paths)
		if paths, err = walk(from, start, paths); err != nil {
			return nil, err
		}
		if len(paths) == before {
			return nil, bad(start, ErrMissing, "there is no file in this folder, and an image has no empty folders: put one there, or take it out of assets")
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// walk appends the files below a folder.
func walk(from *os.Root, start string, paths []string) ([]string, error) {
	err := fs.WalkDir(from.FS(), start, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return unreadable(p, err)
		case d.IsDir():
			return nil
		case len(paths) > MaxFiles: // the program may be there twice
			return bad(start, ErrLimit, "there are more than %d files, and an image has at most that many", MaxFiles)
		}
		paths = append(paths, p)
		return nil
	})
	return paths, err
}

// addFile stores one file of the source folder, of at most so many bytes.
func (w *Writer) addFile(from *folder, name string, most int64) (File, error) {
	if err := manifest.ValidPath(name); err != nil {
		return File{}, bad(name, ErrName, "%v: give the file another name", err)
	}
	r, size, closer, err := from.open(name)
	if err != nil {
		return File{}, unreadable(name, err)
	}
	defer closer.Close()
	if size > most {
		return File{}, bad(name, ErrLimit, "with this file of %s, the files have more than %v in all, and an image has at most that much", spaceos.Bytes(size).Approx(), spaceos.Bytes(MaxSize))
	}
	info, err := from.look(name)
	if err != nil {
		return File{}, unreadable(name, err)
	}
	d, err := w.Add(io.NewSectionReader(r, 0, size))
	return File{name, d.Digest, d.Size, info.Mode()&0o100 != 0}, err
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
