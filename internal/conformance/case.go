package conformance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// A Case is one program run once: what it is given and nothing of what it
// should do, since Linux says that.
type Case struct {
	// Name is unique, fit for a subtest: "memory/musl", "awk-sum/busybox".
	Name string
	// Program is what runs.
	Program Program
	// Args follow the program's name.
	Args []string
	// Env is the whole environment, as K=V.
	Env []string
	// Stdin is what the program reads from a pipe; the pipe is closed behind it.
	Stdin string
	// In, App and Data are the files of /in, /app and /data at the start; /out
	// and /tmp start empty.
	In, App, Data Tree
}

// A Program is either one of ours, compiled from c/Subject.c with c/facts.h
// beside it, or a static
// executable of a Debian package.
type Program struct {
	// Subject names the source of ours: "memory".
	Subject string
	// Suite names the test suite of others that the source is from, if it is not
	// ours (suites.go).
	Suite string
	// Build is how ours is compiled.
	Build Build
	// From holds the folder c with the source, where another package has it; nil
	// is this package.
	From fs.FS
	// Path is the executable of others, Package the one that Debian has it in.
	Path, Package string
}

// Build is a C library and a kind of static executable.
type Build int

// The builds that programs of ours are tried in.
const (
	Musl     Build = iota // fixed address, musl
	Glibc                 // fixed address, glibc
	MuslPIE               // position independent, musl
	GlibcPIE              // position independent, glibc
)

// String gives the build's name as it stands in the names of cases.
func (b Build) String() string {
	return [...]string{"musl", "glibc", "musl-pie", "glibc-pie"}[b]
}

// A Tree is a folder's content by slash-separated path: a file's bytes, a link
// ("-> target"), or a folder when the path ends in a slash.
type Tree map[string]string

// linkMark starts the content of a tree's entry that is a symbolic link.
const linkMark = "-> "

// epoch is the time that every entry of a tree carries, so that programs may
// print it. It has passed: 2024-02-03 04:05:06 UTC.
const epoch = 1706933106

// A Result is what a run left behind.
type Result struct {
	Stdout, Stderr string
	// Status is the exit status, 128+N for a death by signal N.
	Status int
	// Out and Data are the folders' content afterwards, with modes.
	Out, Data Tree
}

// A Runner runs a case to its end.
type Runner interface {
	// Run gives what the program did. An error means that the case could not be
	// run at all, never that the program failed.
	Run(ctx context.Context, bench *Bench, c Case) (Result, error)
}

// write makes the tree's files below dir, which it makes too.
func (t Tree) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range t.names() {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		content := t[name]
		target, link := strings.CutPrefix(content, linkMark)
		var err error
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case link:
			err = os.Symlink(target, path)
		case strings.HasPrefix(content, "#!"):
			err = os.WriteFile(path, []byte(content), 0o755)
		default:
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			return fmt.Errorf("cannot prepare the files of a case: %w", err)
		}
	}
	return setTimes(dir)
}

// names lists the tree's paths in order, folders before what they hold.
func (t Tree) names() []string {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// readTree reads a folder back: each entry's mode and content, and its time
// when that is so old that a program must have set it.
func readTree(dir string) (Tree, error) {
	tree := Tree{}
	recent := time.Now().Add(-24 * time.Hour)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		content := ""
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(b)
		}
		stamp := ""
		if info.ModTime().Before(recent) {
			stamp = info.ModTime().UTC().Format(time.RFC3339Nano) + " "
		}
		tree[name] = info.Mode().String() + " " + stamp + content
		return nil
	})
	return tree, err
}
