package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Building a program for each mutant costs seconds. So most are switched: one
// program has both what stands in the source and what stands there instead, and
// a variable of the environment says whose turn it is.

// Switched is the mutants that are built into one program for each package
// whose tests they are for.
type Switched struct {
	// Conditions have a condition as Old and as New; "if" or "case" before it,
	// a statement of the if before it, and what follows may stand with it.
	Conditions []Mutant
	// Statements have a statement that declares nothing as Old and as New.
	Statements []Mutant
}

// variable names the mutant that is on.
const variable = "SPACEOS_MUTANT"

// switchFile is put beside the changed files.
const switchFile = `package %s

import "os"

var mutantInUse = os.Getenv("` + variable + `")

func mutantOn(name string) bool { return mutantInUse == name }
`

// All lists the mutants of every form.
func (s Switched) All() []Mutant { return slices.Concat(s.Conditions, s.Statements) }

// Packages lists the packages with tests, each once.
func (s Switched) Packages() []string {
	var list []string
	for _, m := range s.All() {
		list = append(list, m.Pkg)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Program is the tests of a package, with mutants in it.
type Program struct {
	path, dir string
	Mutants   []Mutant
}

// Build makes the program of a package. Files are made below tmp.
func (s Switched) Build(ctx context.Context, root, tmp, pkg string) (*Program, error) {
	sources := map[string]string{} // path -> changed text
	p := &Program{path: filepath.Join(tmp, "tests"), dir: filepath.Join(root, pkg)}
	for _, list := range []struct {
		mutants []Mutant
		lay     func(Mutant) string
	}{{s.Conditions, layCondition}, {s.Statements, layStatement}} {
		for _, m := range list.mutants {
			if m.Pkg != pkg {
				continue
			}
			if err := m.layInto(sources, root, list.lay(m)); err != nil {
				return nil, fmt.Errorf("%s: %w", m.Name, err)
			}
			p.Mutants = append(p.Mutants, m)
		}
	}
	overlay, err := writeOverlay(sources, tmp)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay="+overlay, "-o", p.path, "./"+pkg)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w:\n%s", ErrBuild, out)
	}
	return p, nil
}

// layInto puts the text that has both into the file, in the place of Old.
func (m Mutant) layInto(sources map[string]string, root, both string) error {
	at := filepath.Join(root, m.File)
	original, err := os.ReadFile(at)
	if err != nil {
		return err
	}
	if n := bytes.Count(original, []byte(m.Old)); n != 1 {
		return fmt.Errorf("%w: %q stands %d times in %s, not once", ErrStale, m.Old, n, m.File)
	}
	if sources[at] == "" {
		sources[at] = string(original)
	}
	if strings.Count(sources[at], m.Old) != 1 {
		return fmt.Errorf("%w: another mutant has changed %q in %s: this one needs a program of its own", ErrStale, m.Old, m.File)
	}
	sources[at] = strings.Replace(sources[at], m.Old, both, 1)
	return nil
}

// condition takes apart what stands around a condition.
var condition = regexp.MustCompile(`^((?:\} else if |if |case )?(?:.*; )?)(.*?)( \{|:)?$`)

func layCondition(m Mutant) string {
	old, fresh := condition.FindStringSubmatch(m.Old), condition.FindStringSubmatch(m.New)
	return fmt.Sprintf("%s(mutantOn(%q) && (%s) || !mutantOn(%[2]q) && (%[4]s))%[5]s", old[1], m.Name, fresh[2], old[2], old[3])
}

func layStatement(m Mutant) string {
	return fmt.Sprintf("if mutantOn(%q) {\n%s\n} else {\n%s\n}", m.Name, m.New, m.Old)
}

var packageClause = regexp.MustCompile(`(?m)^package (\w+)`)

// writeOverlay writes the changed files and the go command's description of
// them (go help build, -overlay).
func writeOverlay(sources map[string]string, tmp string) (string, error) {
	replace := map[string]string{}
	put := func(at, text string) error {
		replace[at] = filepath.Join(tmp, fmt.Sprintf("%d-%s", len(replace), path.Base(at)))
		return os.WriteFile(replace[at], []byte(text), 0o644)
	}
	for at, text := range sources {
		name := packageClause.FindStringSubmatch(text)[1] // it was read from Go source
		if err := put(at, text); err != nil {
			return "", err
		}
		if err := put(filepath.Join(filepath.Dir(at), "mutant_switch.go"), fmt.Sprintf(switchFile, name)); err != nil {
			return "", err
		}
	}
	description, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(tmp, "overlay.json")
	return overlay, os.WriteFile(overlay, description, 0o644)
}

// run runs tests with a mutant on, or with none.
func (p *Program) run(ctx context.Context, mutant string, tests ...string) (string, error) {
	for i, t := range tests {
		tests[i] = pattern(t)
	}
	cmd := exec.CommandContext(ctx, p.path, "-test.v", "-test.timeout=120s", "-test.run", strings.Join(tests, "|"))
	cmd.Dir, cmd.Env = p.dir, environ(variable+"="+mutant)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Check runs the tests of all mutants with none of them on: they must pass.
func (p *Program) Check(ctx context.Context) error {
	var tests []string
	for _, m := range p.Mutants {
		tests = append(tests, strings.Split(m.Test, "/")[0])
	}
	slices.Sort(tests)
	if out, err := p.run(ctx, "", slices.Compact(tests)...); err != nil {
		return fmt.Errorf("the tests fail with no mutant on: %w\n%s", err, out)
	}
	return nil
}

// Try runs the test of a mutant, which must fail.
func (p *Program) Try(ctx context.Context, m Mutant) error {
	out, err := p.run(ctx, m.Name, m.Test)
	return m.judge(out, err)
}
