package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"spaceos/internal/cli/programs"
	"spaceos/internal/registries"
)

// TestShip runs the scripts of testdata/ship against two registries: Debian's
// docker-registry, which has no list of referrers (so that their list is kept
// under a tag), and one that has it.
func TestShip(t *testing.T) {
	debian, stop, err := registries.Debian(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	other, stopOther := registries.WithReferrers()
	t.Cleanup(stopOther)
	for _, at := range []struct{ name, host, api string }{{"docker-registry", debian, "no"}, {"with referrers", other, "yes"}} {
		t.Run(at.name, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir:                 "testdata/ship",
				RequireExplicitExec: true,
				Setup: func(e *testscript.Env) error {
					e.Setenv("REGISTRY", at.host)
					e.Setenv("HOME", e.WorkDir) // without anybody's credentials
					e.Setenv("XDG_RUNTIME_DIR", e.WorkDir)
					return nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"sentence": programs.Sentence, "same": sameTree,
				},
				Condition: func(cond string) (bool, error) { return cond == "referrers" && at.api == "yes", nil },
			})
		})
	}
}

// sameTree is a command of scripts: two folders hold the same files.
func sameTree(ts *testscript.TestScript, neg bool, args []string) {
	out, err := exec.Command("diff", "-r", ts.MkAbs(args[0]), ts.MkAbs(args[1])).CombinedOutput()
	if (err != nil) != neg {
		ts.Fatalf("diff -r %s %s: %v %s", args[0], args[1], err, bytes.TrimSpace(out))
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := newProgress(file)
	p.show(1, 2)
	p.end()
	if data, err := os.ReadFile(file.Name()); err != nil || len(data) > 0 {
		t.Errorf("into a file it says %q (%v), want nothing", data, err)
	}
	var terminal bytes.Buffer
	p = &progress{out: &terminal}
	p.show(1<<20, 4<<20)
	p.end()
	if got, want := terminal.String(), "\r\x1b[K 25 %  1.0 MiB of 4.0 MiB\r\x1b[K"; got != want {
		t.Errorf("on a terminal it says %q, want %q", got, want)
	}
}
