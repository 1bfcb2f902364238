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

// reportFile is where the report goes. The path is tried before the run, so
// that a wrong one is known before anything happens; nothing is left there
// while the run lasts, since it may be killed.
type reportFile struct {
	path string    // "": nowhere
	out  io.Writer // written to directly; nil: to path
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
	tmp, err := r.create()
	if err == nil {
		err = errors.Join(tmp.Close(), os.Remove(tmp.Name()))
	}
	if err != nil {
		return nil, fmt.Errorf("the report cannot be written to %s (%w): give --report a path in a folder that exists and is writable", path, reason(err))
	}
	r.out = nil
	return r, nil
}

// create makes the file that is renamed to path when it is complete.
func (r *reportFile) create() (*os.File, error) {
	return os.CreateTemp(filepath.Dir(r.path), "."+filepath.Base(r.path)+".*")
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
	if r.out != nil {
		_, err := r.out.Write(text)
		return err
	}
	if err := r.place(text); err != nil {
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
	tmp, err := r.create()
	if err != nil {
		return err
	}
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), r.path)
	}
	if err != nil {
		os.Remove(tmp.Name())
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
