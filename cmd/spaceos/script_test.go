package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"spaceos/internal/cli/programs"
)

func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"json": programs.JSON, "sentence": programs.Sentence},
	})
}
