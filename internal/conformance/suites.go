package conformance

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// gnulib are the tests of the functions that gnulib makes portable: one C
// program a function, of those that make system calls and need nothing of
// gnulib's own library. They come with Debian's package gnulib
// (GPL-3.0-or-later); nothing of them is kept here.
var gnulib = suite{
	name:    "gnulib",
	folder:  "/usr/share/gnulib/tests",
	headers: "/usr/share/gnulib/lib",
	list:    gnulibList,
}

// gnulibList has a program a line, "#" starts a comment.
//
//go:embed testdata/gnulib.txt
var gnulibList string

// suitePrelude stands before each program of a suite: what its configure
// script would find out, and that it works in /tmp, where it may write.
//
//go:embed c/suite.h
var suitePrelude string

// A suite is a folder of programs of others in C, each a test by itself.
type suite struct {
	name, folder, headers, list string
}

// GnulibVersion is the package that the list was made for, and the digest of
// the programs on it.
const (
	GnulibVersion = "20230209+stable-1"
	GnulibDigest  = "5454a7a0e4dcf2b75382aa7826dd679d1316e246e20440d8396ac265d333f982"
)

// suites are all, by name.
func suites() map[string]suite {
	return map[string]suite{gnulib.name: gnulib}
}

// names gives the programs of a suite.
func (s suite) names() []string {
	var names []string
	for line := range strings.Lines(s.list) {
		if name := strings.TrimSpace(line); name != "" && !strings.HasPrefix(name, "#") {
			names = append(names, name)
		}
	}
	return names
}

// digest is the SHA-256 over the programs' sources, in the list's order.
func (s suite) digest() (string, error) {
	h := sha256.New()
	for _, name := range s.names() {
		source, err := os.ReadFile(filepath.Join(s.folder, name+".c"))
		if err != nil {
			return "", fmt.Errorf("%w: apt-get install %s: %w", ErrNoProgram, s.name, err)
		}
		h.Write(source)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// SuiteCases gives the programs of others' suites, each built with musl, and
// with glibc too.
func SuiteCases() []Case {
	var cases []Case
	for _, name := range gnulib.names() {
		for _, build := range []Build{Musl, Glibc} {
			cases = append(cases, Case{
				Name:    fmt.Sprintf("gnulib/%s/%v", name, build),
				Program: Program{Suite: gnulib.name, Subject: name, Build: build},
				Env:     []string{"LC_ALL=C", "TZ=UTC"},
			})
		}
	}
	return cases
}

// compileSuite builds a program of a suite, unless the cache has it.
func (b *Bench) compileSuite(p Program) (string, error) {
	s := suites()[p.Suite]
	source := filepath.Join(s.folder, p.Subject+".c")
	text, err := os.ReadFile(source)
	if err != nil {
		return "", fmt.Errorf("%w: apt-get install %s: %w", ErrNoProgram, s.name, err)
	}
	command := p.Build.compiler()
	name := fmt.Appendf(nil, "%q", command)
	digest := sha256.Sum256(bytes.Join([][]byte{name, []byte(suitePrelude), text}, []byte{0}))
	path := filepath.Join(b.cache, fmt.Sprintf("%s-%s-%x", p.Subject, p.Build, digest[:8]))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	work, err := os.MkdirTemp(b.cache, "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	// The programs' own first line is #include <config.h>.
	if err := os.WriteFile(filepath.Join(work, "config.h"), []byte(suitePrelude), 0o644); err != nil {
		return "", err
	}
	out := filepath.Join(work, "program")
	args := append(command[1:], "-I", work, "-I", s.folder, "-idirafter", s.headers, "-o", out, source, "-lm")
	if text, err := exec.Command(command[0], args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s cannot compile %s: %w\n%s", command[0], source, err, text)
	}
	return path, os.Rename(out, path)
}
