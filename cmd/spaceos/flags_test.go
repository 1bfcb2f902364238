package main

import (
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"spaceos"
	"spaceos/cell"
	"spaceos/internal/cli"
)

// parse reads the flags of run.
func parse(args ...string) (*runFlags, error) {
	f := &runFlags{}
	cmd := &cobra.Command{Use: "run"}
	f.register(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		return nil, cli.ExplainFlag(cmd, err)
	}
	return f, f.complete()
}

func TestFlagsBecomeTheSpec(t *testing.T) {
	seed := uint64(0xbeef)
	for _, c := range []struct {
		name string
		args []string
		want cell.Spec
	}{
		{"none", nil, cell.Spec{Memory: cell.DefaultMemory}},
		{"folders", []string{"--in", "i", "--out=o", "--app", "a", "--data", "d"}, cell.Spec{Memory: cell.DefaultMemory, In: "i", Out: "o", App: "a", Data: "d"}},
		{"limits", []string{"--memory", "20MB", "--cpu-time", "1m30s", "--timeout=500ms", "--out-limit=1GiB", "--data-limit", "7", "--files-limit=9"},
			cell.Spec{Memory: 20 * spaceos.MB, CPUTime: 90 * time.Second, Timeout: 500 * time.Millisecond, OutBytes: spaceos.GiB, DataBytes: 7, Files: 9}},
		{"environment", []string{"--env", "A=1", "--env", "B=x,y=z", "--env=C="}, cell.Spec{Memory: cell.DefaultMemory, Env: []string{"A=1", "B=x,y=z", "C="}}},
		{"seed and clock", []string{"--seed=0xbeef", "--clock", "2026-01-01T00:00:00Z"}, cell.Spec{Memory: cell.DefaultMemory, Seed: &seed, Clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"frozen clock", []string{"--clock=2026-01-01T00:00:00Z,frozen"}, cell.Spec{Memory: cell.DefaultMemory, Clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Frozen: true}},
		{"the rest", []string{"--trace", "--huge-pages=never"}, cell.Spec{Memory: cell.DefaultMemory, Trace: true, NoHugePages: true}},
		{"the last of two", []string{"--memory=1MiB", "--memory=2MiB"}, cell.Spec{Memory: 2 * spaceos.MiB}},
		{"flags behind the program", []string{"program", "--memory=1MiB"}, cell.Spec{Memory: cell.DefaultMemory}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := parse(c.args...)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(f.spec, c.want) {
				t.Errorf("%q:\ngot  %+v\nwant %+v", c.args, f.spec, c.want)
			}
		})
	}
}

// Whatever is written, flags give a Spec or an error.
func FuzzFlags(f *testing.F) {
	for _, s := range [][2]string{{"memory", "64MiB"}, {"timeout", "1s"}, {"clock", "2026-01-01T00:00:00Z,frozen"}, {"seed", "0x7"}, {"env", "A=1"}, {"files-limit", "-1"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		flags, err := parse("--" + name + "=" + value)
		if err == nil && (flags.spec.Memory == 0 || flags.spec.Timeout < 0 || flags.spec.CPUTime < 0 || flags.spec.Files < 0) {
			t.Errorf("--%s=%s gives %+v", name, value, flags.spec)
		}
	})
}

func TestStatusOfErrors(t *testing.T) {
	reason := errors.New("reason")
	root := newRoot(cli.Streams{Out: io.Discard, Err: io.Discard})
	for _, c := range []struct {
		command string
		err     error
		want    int
	}{
		{"run", &cli.UsageError{Err: reason}, 125},
		{"run", &cell.Failure{Status: 127, Err: reason}, 127},
		{"doctor", &cli.UsageError{Err: reason}, 2},
		{"doctor", reason, 1},
	} {
		cmd, _, err := root.Find([]string{c.command})
		if err != nil {
			t.Fatal(err)
		}
		if got := statusOf(cmd, c.err); got != c.want {
			t.Errorf("%s with %T: got %d, want %d", c.command, c.err, got, c.want)
		}
	}
	if !errors.Is(&cli.UsageError{Err: reason}, reason) {
		t.Error("a usageError hides its reason")
	}
}
