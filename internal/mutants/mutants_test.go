package mutants

import (
	"errors"
	"path/filepath"
	"strings"
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
	trySwitched(t, seen)
	if len(seen) < 25 {
		t.Errorf("%d mutants are listed, want 25 at least", len(seen))
	}
	t.Logf("total: %d checks taken out one at a time", len(seen))
}

// trySwitched takes out the checks that one program for a package has switches
// for.
func trySwitched(t *testing.T, seen map[string]bool) {
	list := SwitchedList()
	for _, m := range list.All() {
		if seen[m.Name] {
			t.Errorf("two mutants are called %q", m.Name)
		}
		seen[m.Name] = true
	}
	for _, pkg := range list.Packages() {
		t.Run("switched in "+strings.ReplaceAll(pkg, "/", "."), func(t *testing.T) {
			t.Parallel()
			p, err := list.Build(t.Context(), root(t), t.TempDir(), pkg)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, m := range p.Mutants {
				t.Run(m.Name, func(t *testing.T) {
					if err := p.Try(t.Context(), m); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// TestSwitchesTellWhatIsWrong holds switched mutants to what they say.
func TestSwitchesTellWhatIsWrong(t *testing.T) {
	const file, old = "units.go", "if size = unitSize(unit); size == 0 {"
	row := func(name, old, fresh string) Mutant { return Mutant{name, file, old, fresh, ".", "TestParseBytes"} }
	list := Switched{
		Conditions: []Mutant{
			row("nothing changes", old, old),
			row("a unit that there is not", "if err != nil {", "if false {"),
		},
		Statements: []Mutant{row("a statement", "return 0, fmt.Errorf(\"%q is %w of bytes: it is more than 64 bits hold\", s, ErrUnits)", "return 1, nil")},
	}
	p, err := list.Build(t.Context(), root(t), t.TempDir(), ".")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(t.Context()); err != nil {
		t.Error(err)
	}
	for i, want := range []error{ErrSurvived, nil, nil} {
		if err := p.Try(t.Context(), p.Mutants[i]); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", p.Mutants[i].Name, err, want)
		}
	}
	for _, c := range []struct {
		name string
		list Switched
		want error
	}{
		{"source that is not there", Switched{Conditions: []Mutant{row("x", "no such words", "false")}}, ErrStale},
		{"source that another changed", Switched{Conditions: []Mutant{row("x", old, "false"), row("y", "size == 0 {", "true {")}}, ErrStale},
		{"a program that does not compile", Switched{Statements: []Mutant{row("x", old, "{")}}, ErrBuild},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := c.list.Build(t.Context(), root(t), t.TempDir(), "."); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
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
