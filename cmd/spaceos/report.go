package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"spaceos/cell"
	"spaceos/internal/cli"
)

// reportFile is where the report goes. The path is tried before the run, so
// that a wrong one is known before anything happens; nothing is left there
// while the run lasts, since it may be killed.
type reportFile struct {
	path string      // "": nowhere
	out  io.Writer   // written to directly; nil: to path
	old  os.FileInfo // what lay there before the run, or nil
}

func newReportFile(path string, s cli.Streams) (*reportFile, error) {
	r := &reportFile{path: path, out: s.Err}
	if path == "" || path == "-" {
		return r, nil
	}
	switch info, err := os.Stat(path); {
	case err != nil:
	case info.Mode().IsRegular():
		r.old = info
	case info.IsDir():
		return nil, fmt.Errorf("the report cannot be written to %s, which is a folder: give --report the path of a file", path)
	default: // a device or a pipe is written to, never replaced
		return r, r.openDirect()
	}
	tmp, err := r.create()
	if err == nil {
		err = tmp.discard()
	}
	if err != nil {
		return nil, fmt.Errorf("the report cannot be written to %s (%w): give --report a path in a folder that exists and is writable", path, reason(err))
	}
	r.out = nil
	return r, nil
}

// A draft is the file that gets the report's name when it is complete.
type draft struct {
	*os.File
	named bool // else it is gone when it is closed, whatever happens until then
}

// create makes a draft without a name where the file system can (O_TMPFILE in
// open(2)), so that a kill leaves nothing; elsewhere it has one beside path.
func (r *reportFile) create() (draft, error) {
	dir := filepath.Dir(r.path)
	f, err := os.OpenFile(dir, os.O_WRONLY|unix.O_TMPFILE, 0o600)
	// EISDIR is of kernels, EOPNOTSUPP of file systems that do not know it.
	if !errors.Is(err, syscall.EISDIR) && !errors.Is(err, syscall.EOPNOTSUPP) {
		return draft{File: f}, err
	}
	f, err = os.CreateTemp(dir, "."+filepath.Base(r.path)+".*")
	return draft{f, true}, err
}

// discard closes a draft and takes it away.
func (d draft) discard() error {
	err := d.Close()
	if d.named {
		err = errors.Join(err, os.Remove(d.Name()))
	}
	return err
}

// publish gives a draft the name path. Nothing replaces a file by one that has
// no name: a draft gets one for the moment between two calls then.
func (d draft) publish(path string) error {
	name := d.Name()
	if !d.named {
		self := fmt.Sprintf("/proc/self/fd/%d", d.Fd())
		link := func(to string) error {
			return unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, to, unix.AT_SYMLINK_FOLLOW)
		}
		err := link(path)
		if !errors.Is(err, syscall.EEXIST) {
			return err
		}
		name = fmt.Sprintf("%s/.%s.%d", filepath.Dir(path), filepath.Base(path), os.Getpid())
		_ = os.Remove(name) // of one killed in that moment
		if err := link(name); err != nil {
			return err
		}
	}
	err := os.Rename(name, path)
	if err != nil && !d.named {
		_ = os.Remove(name)
	}
	return err
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
		if _, err := r.out.Write(text); err != nil {
			return fmt.Errorf("the report cannot be written to %s (%w): make room there, or give --report another path", r.where(), reason(err))
		}
		return nil
	}
	if err := r.sparesProduct(); err != nil {
		return err
	}
	if err := r.place(text); err != nil {
		return fmt.Errorf("the report cannot be written to %s (%w): make room there, or give --report another path", r.path, reason(err))
	}
	return nil
}

// where names the path for an error.
func (r *reportFile) where() string {
	if r.path == "-" {
		return "standard error"
	}
	return r.path
}

// spares refuses a report that would replace the program, or a file that is no
// report in a folder that the program is given; in an image there is no place
// for one more file.
func (r *reportFile) spares(target, in, app, data string) error {
	if r.path == "" || r.out != nil {
		return nil
	}
	exists := r.old != nil
	if program, err := os.Stat(target); exists && err == nil && os.SameFile(r.old, program) {
		return fmt.Errorf("--report %s is what shall run, and the report would replace it: give --report the path of another file", r.path)
	}
	for _, folder := range []struct{ name, path string }{{"the image", target}, {"--in", in}, {"--app", app}, {"--data", data}} {
		if folder.path != target && (!exists || isReport(r.path)) {
			continue
		}
		if info, err := os.Stat(folder.path); err == nil && info.IsDir() && inside(filepath.Dir(r.path), info) {
			return fmt.Errorf("--report %s lies in %s %s, whose files are not the run's to change: give --report a path outside of it", r.path, folder.name, folder.path)
		}
	}
	return nil
}

// sparesProduct refuses a report that would replace what the run has made.
func (r *reportFile) sparesProduct() error {
	now, err := os.Stat(r.path)
	if err != nil || r.old != nil && os.SameFile(r.old, now) || isReport(r.path) {
		return nil
	}
	return fmt.Errorf("the report cannot be written to %s, which came to be during the run: give --report a path outside of --out", r.path)
}

// isReport says whether a file is the report of an earlier run.
func isReport(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	want := []byte(fmt.Sprintf("{\n  \"schema\": %q", cell.ReportSchema))
	got := make([]byte, len(want))
	_, err = io.ReadFull(f, got)
	return err == nil && bytes.Equal(got, want)
}

// inside says whether a folder is another one, or lies in it, whatever links
// lead there.
func inside(path string, outer os.FileInfo) bool {
	path, err := filepath.EvalSymlinks(path)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	for err == nil {
		info, statErr := os.Stat(path)
		if statErr == nil && os.SameFile(info, outer) {
			return true
		}
		if path == filepath.Dir(path) {
			return false
		}
		path = filepath.Dir(path)
	}
	return false
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
	if err == nil {
		err = tmp.publish(r.path)
	}
	if err != nil {
		_ = tmp.discard() // what went wrong first is what counts
		return err
	}
	if err := tmp.Close(); err != nil {
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
