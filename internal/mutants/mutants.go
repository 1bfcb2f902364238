// Package mutants takes the checks that matter out of the program, one at a
// time, and looks whether a test notices.
//
// A mutant names a piece of source that occurs once in its file, what stands
// there instead, and the test that must fail then. The changed file is laid
// over the tree by the go command (go help build, -overlay): nothing of the
// tree changes, and several mutants can be tried at once.
//
//	err := mutants.List()[0].Try(ctx, root, tmp)
//
// It is not a search for mutants: the list is kept by hand, a row for each
// check that keeps a guest in its cell.
package mutants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Mutant is one change to a check.
type Mutant struct {
	Name string // what is gone
	File string // below the module's root
	Old  string // occurs once
	New  string
	Pkg  string // of the test, below the module's root
	Test string // that must fail
}

// What can come of a mutant that is not as it should be.
var (
	ErrSurvived = errors.New("no test noticed")
	ErrStale    = errors.New("the source has changed: bring the list up to date")
	ErrBuild    = errors.New("the mutant does not compile")
	ErrSlow     = errors.New("the test took too long, which says nothing")
)

// Try runs the mutant's test, which must fail. Files are made below tmp.
func (m Mutant) Try(ctx context.Context, root, tmp string) error {
	overlay, err := m.overlay(root, tmp)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-vet=off", "-timeout=120s", "-v", "-run", pattern(m.Test), "./"+m.Pkg)
	cmd.Dir = root
	// In GOFLAGS, so that programs which the test builds are changed as well.
	cmd.Env = environ("GOFLAGS=-overlay=" + overlay)
	out, err := cmd.CombinedOutput()
	return m.judge(string(out), err)
}

// environ is what a mutant's test runs with. Rapid stops at the first failure: it
// neither looks for a smaller one, for half a minute that tells us nothing, nor
// writes it into the tree, where every later run would try it again.
func environ(variable string) []string {
	return append(os.Environ(), "RAPID_SHRINKTIME=0s", "RAPID_NOFAILFILE=1", variable)
}

// pattern is a test's name, and no other's, as -run takes it.
func pattern(test string) string { return "^" + strings.Replace(test, "/", "$/", 1) + "$" }

// judge says what the go command's output and end say of the mutant. A test
// that ran out of time has not noticed anything: the machine may be loaded.
func (m Mutant) judge(text string, err error) error {
	switch {
	case strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]"):
		return fmt.Errorf("%w:\n%s", ErrBuild, text)
	case strings.Contains(text, "no tests to run"):
		return fmt.Errorf("%w: there is no %s in %s", ErrStale, m.Test, m.Pkg)
	case strings.Contains(text, "panic: test timed out after"):
		return fmt.Errorf("%w:\n%s", ErrSlow, text)
	case err == nil:
		return fmt.Errorf("%w: %s passes with %q in place of %q in %s", ErrSurvived, m.Test, m.New, m.Old, m.File)
	case !strings.Contains(text, "=== RUN   "+strings.Split(m.Test, "/")[0]):
		return fmt.Errorf("%s did not run: %w\n%s", m.Test, err, text)
	}
	return nil
}

// overlay writes the changed file and the go command's description of it.
func (m Mutant) overlay(root, tmp string) (string, error) {
	path := filepath.Join(root, m.File)
	src, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(src), m.Old); n != 1 {
		return "", fmt.Errorf("%w: %q stands %d times in %s, not once", ErrStale, m.Old, n, m.File)
	}
	changed := filepath.Join(tmp, filepath.Base(m.File))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(src), m.Old, m.New, 1)), 0o644); err != nil {
		return "", err
	}
	description, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(tmp, "overlay.json")
	return overlay, os.WriteFile(overlay, description, 0o644)
}
