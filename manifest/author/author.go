// Package author reads what a tenant writes: spaceos.yaml. It turns it into a
// Manifest, whose rules are package manifest's, and says of every mistake in
// which line it is, what stands there and what is allowed. The JSON Schema by
// which editors complete and check the file is made from the same types. The
// package stays on the ground: a spacecraft sees the canonical form alone.
//
//	m, err := author.Read("hello/spaceos.yaml")
//	text, err := m.Canonical()
package author

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"spaceos/manifest"
)

// FileName is the name of the file in a payload's folder.
const FileName = "spaceos.yaml"

// MaxSize is how many bytes the file may have.
const MaxSize = 64 << 10

// Error is a mistake in the file. In its chain is what it breaks:
// manifest.ErrRule for a rule of manifests, ErrYAML for the rest.
type Error struct {
	File  string
	Line  int    // counted from 1
	Field string // "limits.memory"; may be empty
	Text  string
	Key   string   // that there is none of; empty for other mistakes
	Keys  []string // that there are in its place
	rule  error
}

func (e *Error) Error() string {
	field := e.Field
	if field != "" {
		field += ": "
	}
	return fmt.Sprintf("%s:%d: %s%s", e.File, e.Line, field, e.Text)
}

func (e *Error) Unwrap() error { return e.rule }

// ErrYAML says that a file is not the YAML that a manifest is written in.
var ErrYAML = errors.New("not a manifest in YAML")

// Read reads a file, or spaceos.yaml in a folder. Paths in the manifest are
// relative to the file's folder.
func Read(path string) (manifest.Manifest, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, FileName)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // of a pipe, which nobody may write
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return manifest.Manifest{}, fmt.Errorf("there is no %s: write one, or make a starter with spaceos init: %w", path, os.ErrNotExist)
		}
		return manifest.Manifest{}, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return manifest.Manifest{}, fmt.Errorf("%s is no plain file: write the manifest into one", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return manifest.Manifest{}, err
	}
	return Decode(path, text)
}

// Decode reads the text of a file; name is what errors call it.
func Decode(name string, text []byte) (manifest.Manifest, error) {
	r := &reader{file: name, lines: map[string]int{}}
	f := defaults()
	if err := r.read(text, &f); err != nil {
		return manifest.Manifest{}, err
	}
	m := f.manifest(func(field string) bool { return r.lines[field] > 0 })
	_, err := m.Canonical() // what cannot be written is wrong too
	var rule *manifest.Error
	if errors.As(err, &rule) {
		return manifest.Manifest{}, &Error{File: name, Line: r.line(rule.Field), Field: rule.Field, Text: rule.Text, rule: err}
	}
	return m, err
}

// line is where a field stands, or what it is missing in.
func (r *reader) line(field string) int {
	for field != "" {
		if line := r.lines[field]; line > 0 {
			return line
		}
		field = field[:max(0, strings.LastIndexAny(field, ".["))]
	}
	return 1
}

// defaults is a file that says nothing.
func defaults() File {
	m := manifest.Default()
	l := m.Limits
	return File{
		Engine: string(m.Engine),
		Limits: Limits{
			Size(l.Memory), Duration(l.CPUTime), Duration(l.WallTime), Size(l.Scratch), Size(l.Data),
			Size(l.Products), Rate(l.ProductsDay), Rate(l.LogRate),
		},
		Restart:  Restart{When: m.Restart.When, Attempts: defaultAttempts, Delay: defaultDelay},
		Priority: m.Priority,
	}
}

// manifest is what the file means; given says whether it has a field.
func (f *File) manifest(given func(field string) bool) manifest.Manifest {
	l := &f.Limits
	m := manifest.Manifest{
		Name: f.Name, Version: f.Version, Tenant: f.Tenant, Description: f.Description, Licence: f.Licence,
		Source: manifest.Source(f.Source), Program: f.Program, Args: f.Args, Env: f.Env, Assets: f.Assets,
		Engine: manifest.Engine(f.Engine), Services: f.Services, Subjects: f.Subjects, Priority: f.Priority,
		Restart: f.Restart.manifest(given),
	}
	m.Limits.Memory, m.Limits.CPUTime, m.Limits.WallTime = l.Memory.bytes(), l.CPUTime.time(), l.WallTime.time()
	m.Limits.Scratch, m.Limits.Data, m.Limits.Products = l.Scratch.bytes(), l.Data.bytes(), l.Products.bytes()
	m.Limits.ProductsDay, m.Limits.LogRate = l.ProductsDay.bytes(), l.LogRate.bytes()
	for _, s := range f.Start {
		m.Start = append(m.Start, manifest.Start{On: s.On, Camera: s.Camera, Every: s.Every.time()})
	}
	m.Assets = slices.Clone(m.Assets)
	return m
}

// manifest leaves out the defaults that have no meaning with what is given.
func (r Restart) manifest(given func(string) bool) manifest.Restart {
	m := manifest.Restart{When: r.When, Attempts: r.Attempts, Delay: r.Delay.time()}
	if r.When != manifest.OnFailure && !given("restart.attempts") {
		m.Attempts = 0
	}
	if r.When == manifest.Never && !given("restart.delay") {
		m.Delay = 0
	}
	return m
}
