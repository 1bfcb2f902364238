package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"spaceos/internal/cli"
	"spaceos/internal/cli/programs"
	"spaceos/trust/repository"
)

// TestMain makes the test binary the ground program under its name, and puts
// spaceos beside it, so that scripts type what users do.
func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){cli.GroundProgram: weakMain})
}

// weakMain is main, but a try of a passphrase takes no second.
func weakMain() {
	s := cli.Standard()
	os.Exit(cli.Execute(newRootWith(s, repository.Protection{WorkFactor: 4}), os.Args[1:], s, cli.StatusOf))
}

type suite struct{ m *testing.M }

func (s suite) Run() int {
	ground, err := exec.LookPath(cli.GroundProgram)
	if err == nil {
		err = programs.Build(filepath.Dir(ground), "spaceos")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return s.m.Run()
}

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			project, err := filepath.Abs("../..")
			env.Setenv("PROJECT", project)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"sentence": programs.Sentence, "json": programs.JSON, "refused": programs.Refused, "examples": examples},
	})
}

// TestVerbsAreListed: what spaceos lists is what this program has.
func TestVerbsAreListed(t *testing.T) {
	has := map[string]bool{"completion": true}
	for _, v := range cli.GroundVerbs() {
		has[v.Name] = true
	}
	for _, c := range newRoot(cli.Standard()).Commands() {
		if !has[c.Name()] {
			t.Errorf("%s has %q, which cli.GroundVerbs does not list", cli.GroundProgram, c.Name())
		}
	}
}
