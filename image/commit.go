package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"spaceos"
	"spaceos/canonical"
)

// Commit ends the layout with the manifests that its index names, and gives it
// its name. Nothing is at the path before, and all of it is on the disk after.
func (w *Writer) Commit(manifests ...Named) error {
	if err := w.finish(manifests); err != nil {
		return errors.Join(in(w.path, err), w.Abort())
	}
	return w.Abort()
}

func (w *Writer) finish(manifests []Named) error {
	for _, m := range manifests {
		if size, have := w.blobs[m.Digest]; !have || size != m.Size {
			return bad(blobName(m.Digest), ErrMissing, "the index names this blob, and it was not written")
		}
	}
	index, err := indexOf(manifests)
	if err != nil {
		return bad(indexFile, ErrMalformed, "%v", err)
	}
	for name, text := range map[string]string{layoutFile: layoutText, indexFile: string(index)} {
		if _, err := w.copy(w.at(name), strings.NewReader(text)); err != nil {
			return err
		}
	}
	made := w.at("")
	if w.isTar() {
		made = filepath.Join(w.staging, "tar")
		err = w.pack(made)
	} else {
		err = syncFolders(made, w.at("blobs"), w.at(blobFolder))
	}
	if err != nil {
		return w.failed(err)
	}
	if err := w.place(made); err != nil {
		return w.failed(err)
	}
	return w.failed(syncFolders(filepath.Dir(w.path)))
}

// Abort removes what was made and not committed; after Commit it does nothing.
func (w *Writer) Abort() error {
	if w.staging == "" {
		return nil
	}
	err := os.RemoveAll(w.staging)
	if w.lock != nil {
		err = errors.Join(err, w.lock.Close())
	}
	w.staging, w.lock = "", nil
	return w.failed(err)
}

func indexOf(manifests []Named) ([]byte, error) {
	list := make([]canonical.Value, len(manifests))
	for i, m := range manifests {
		var annotations map[string]string
		var more []canonical.Member
		if m.Ref != "" {
			annotations = map[string]string{keyRefName: m.Ref}
		}
		if m.ArtifactType != "" {
			more = append(more, canonical.Member{Name: "artifactType", Value: canonical.NewString(m.ArtifactType)})
		}
		list[i] = descriptorValue(m.Descriptor, annotations, more...)
	}
	return canonical.Encode(canonical.NewObject(
		canonical.Member{Name: "schemaVersion", Value: canonical.NewInt(2)},
		canonical.Member{Name: "mediaType", Value: canonical.NewString(TypeIndex)},
		canonical.Member{Name: "manifests", Value: canonical.NewArray(list...)},
	))
}

// pack makes the tar. Its bytes follow from those of the layout alone: order,
// owners, times and modes are fixed, and the format is ustar (POSIX.1-1988),
// which holds nothing else.
func (w *Writer) pack(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	names := []string{layoutFile, indexFile}
	for d := range w.blobs {
		names = append(names, blobName(d))
	}
	slices.Sort(names[2:])
	t := tar.NewWriter(f)
	for _, name := range names {
		if err := w.packFile(t, name); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), f.Sync())
}

func (w *Writer) packFile(t *tar.Writer, name string) error {
	f, err := os.Open(w.at(name))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o444, Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// syncFolders puts names of files on the disk.
func syncFolders(paths ...string) error {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// place gives what was made its name, in one step: rename(2) with
// RENAME_NOREPLACE, or RENAME_EXCHANGE with what it replaces.
func (w *Writer) place(made string) error {
	err := unix.Renameat2(unix.AT_FDCWD, made, unix.AT_FDCWD, w.path, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EEXIST) {
		if err := w.mayStand(); err != nil {
			return err
		}
		err = unix.Renameat2(unix.AT_FDCWD, made, unix.AT_FDCWD, w.path, unix.RENAME_EXCHANGE)
	}
	if errors.Is(err, unix.EINVAL) { // a file system without them: two steps
		if err := w.mayStand(); err != nil {
			return err
		}
		if err := os.Rename(w.path, filepath.Join(w.staging, "old")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return os.Rename(made, w.path)
	}
	return err
}

// putManifest stores the documents of an image whose files are stored, and
// fills in what they come to.
func (w *Writer) putManifest(img *Image) (Named, error) {
	config, err := img.Manifest.Canonical()
	if err != nil {
		return Named{}, err
	}
	if img.Config, err = w.addBytes(config, TypeConfig); err != nil {
		return Named{}, err
	}
	raw, err := img.encode()
	if err != nil {
		return Named{}, err
	}
	d, err := w.addBytes(raw, TypeManifest)
	img.Digest, img.Size = d.Digest, d.Size
	return Named{Descriptor: d, ArtifactType: TypePayload, Ref: img.Name()}, err
}

func (w *Writer) addBytes(data []byte, mediaType string) (Descriptor, error) {
	d, err := w.Add(strings.NewReader(string(data)))
	d.MediaType = mediaType
	if err == nil && d.Digest != spaceos.DigestOf(data) {
		err = fmt.Errorf("%s changed while it was written", w.path)
	}
	return d, err
}
