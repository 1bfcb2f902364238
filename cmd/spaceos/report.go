package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"spaceos/cell"
)

// reportFile is where the report goes. The file is opened before the run, so
// that a wrong path is known before anything happens.
type reportFile struct {
	path string    // "": nowhere
	out  io.Writer // written to directly
	tmp  *os.File  // renamed to path when it is complete
}

func newReportFile(path string, s streams) (*reportFile, error) {
	r := &reportFile{path: path, out: s.err}
	if path == "" || path == "-" {
		return r, nil
	}
	switch info, err := os.Stat(path); {
	case err != nil || info.Mode().IsRegular():
	case info.IsDir():
		return nil, fmt.Errorf("the report cannot be written to %s, which is a folder: give --report the path of a file", path)
	default: // a device or a pipe is written to, never replaced
		return r, r.openDirect()
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("the report cannot be written to %s (%w): give --report a path in a folder that exists and is writable", path, reason(err))
	}
	r.tmp = tmp
	return r, nil
}

func (r *reportFile) openDirect() error {
	f, err := os.OpenFile(r.path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("the report cannot be written to %s (%w): give --report the path of a file", r.path, reason(err))
	}
	r.out = f // closed by the end of the program
	return nil
}

// write puts the report into place, whole or not at all.
func (r *reportFile) write(report *cell.Report) error {
	if r.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("the report cannot be written as JSON: %w", err)
	}
	text = append(text, '\n')
	if r.tmp == nil {
		_, err := r.out.Write(text)
		return err
	}
	if err := r.place(text); err != nil {
		os.Remove(r.tmp.Name())
		return fmt.Errorf("the report cannot be written to %s (%w): make room there, or give --report another path", r.path, reason(err))
	}
	return nil
}

// reason is an error without the path that it happened at, which is the
// temporary file's.
func reason(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func (r *reportFile) place(text []byte) error {
	_, err := r.tmp.Write(text)
	if err == nil {
		err = r.tmp.Chmod(0o644)
	}
	if err == nil {
		err = r.tmp.Sync()
	}
	if e := r.tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(r.tmp.Name(), r.path)
	}
	if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(r.path))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
