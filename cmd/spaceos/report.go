package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"spaceos/cell"
)

// reportFile is where the report goes. The file is opened before the run, so
// that a wrong path is known before anything happens.
type reportFile struct {
	path string   // "": nowhere
	tmp  *os.File // renamed to path when it is complete
	s    streams
}

func newReportFile(path string, s streams) (*reportFile, error) {
	r := &reportFile{path: path, s: s}
	if path == "" || path == "-" {
		return r, nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("the report cannot be written to %s (%w): give --report a path in a folder that exists and is writable", path, err)
	}
	r.tmp = tmp
	return r, nil
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
		_, err := r.s.err.Write(text)
		return err
	}
	if err := r.place(text); err != nil {
		os.Remove(r.tmp.Name())
		return fmt.Errorf("the report cannot be written to %s: %w", r.path, err)
	}
	return nil
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
