package mutants

import (
	"errors"
	"path/filepath"
	"testing"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEveryMutantIsNoticed takes each check of the list out.
func TestEveryMutantIsNoticed(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range List() {
		if seen[m.Name] {
			t.Errorf("two mutants are called %q", m.Name)
		}
		seen[m.Name] = true
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			if err := m.Try(t.Context(), root(t), t.TempDir()); err != nil {
				t.Error(err)
			}
		})
	}
	if len(seen) < 25 {
		t.Errorf("%d mutants are listed, want 25 at least", len(seen))
	}
	t.Logf("total: %d checks taken out one at a time", len(seen))
}

// TestTryTellsWhatIsWrong holds Try itself to what it says.
func TestTryTellsWhatIsWrong(t *testing.T) {
	const file, old = "units.go", "package spaceos"
	for _, c := range []struct {
		name string
		m    Mutant
		want error
	}{
		{"a change that changes nothing", Mutant{File: file, Old: old, New: old, Pkg: ".", Test: "TestParseBytes"}, ErrSurvived},
		{"source that is not there", Mutant{File: file, Old: "no such words", Pkg: ".", Test: "TestParseBytes"}, ErrStale},
		{"source that is there twice", Mutant{File: file, Old: "\n", Pkg: ".", Test: "TestParseBytes"}, ErrStale},
		{"a test that is not there", Mutant{File: file, Old: old, New: old, Pkg: ".", Test: "TestNoSuch"}, ErrStale},
		{"a mutant that does not compile", Mutant{File: file, Old: old, New: old + "\n{", Pkg: ".", Test: "TestParseBytes"}, ErrBuild},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.m.Try(t.Context(), root(t), t.TempDir()); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// A test that hangs or that the machine is too slow for is not one that noticed.
func TestATestOutOfTimeNoticesNothing(t *testing.T) {
	m := Mutant{Test: "TestParseBytes"}
	const ran = "=== RUN   TestParseBytes\n"
	failed := errors.New("exit status 1")
	if err := m.judge(ran+"panic: test timed out after 2m0s\n", failed); !errors.Is(err, ErrSlow) {
		t.Errorf("out of time: got %v, want %v", err, ErrSlow)
	}
	if err := m.judge(ran+"--- FAIL: TestParseBytes\n", failed); err != nil {
		t.Errorf("failed: got %v, want nil", err)
	}
}
