package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"spaceos/cell"
)

// isImage says whether a path is meant as a sealed image: a folder that is a
// layout, or a tar by its name or its bytes. The error says what else was meant
// as one.
func isImage(path string) (bool, error) {
	refuse := func(format string) (bool, error) {
		return false, &cell.Failure{Status: cell.StatusNotRunnable, Err: fmt.Errorf(format, path)}
	}
	named := strings.HasSuffix(path, ".tar") || strings.HasSuffix(path, ".oci")
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && named:
		err := fmt.Errorf("%s: there is no such folder or tar: name a sealed image (spaceos seal makes one)", path)
		return false, &cell.Failure{Status: cell.StatusNotFound, Err: err}
	case err != nil:
		return false, nil // it is said of the program
	case !info.IsDir():
		magic := head(path, info)
		if !named && strings.HasPrefix(magic, "\x1f\x8b") {
			return refuse("%s is compressed, and a sealed image is a folder or a plain tar: unpack it with gunzip first")
		}
		return named || strings.HasSuffix(magic, "ustar"), nil
	case there(path, "oci-layout"):
		return true, nil
	case there(path, "spaceos.yaml"):
		return refuse("%[1]s is the source of a payload, and no sealed image yet: spaceos seal %[1]s makes one")
	}
	return refuse("%s is a folder and no sealed image: give the path of a static Linux program, or of an image (spaceos seal makes one)")
}

func there(folder, name string) bool {
	_, err := os.Stat(filepath.Join(folder, name))
	return err == nil
}

// head is the beginning of a file up to where a tar says that it is one (ustar
// in pax(1) of POSIX); "" if there is none.
func head(path string, info fs.FileInfo) string {
	const magicEnd = 257 + len("ustar")
	if !info.Mode().IsRegular() {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, magicEnd)
	n, _ := io.ReadFull(f, buf) // a short file is neither
	return string(buf[:n])
}
