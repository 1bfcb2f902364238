package conformance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shared is what TestMain prepares for every test.
var shared struct {
	bench   *Bench
	spaceos string // "" when it could not be built
	failure error
	linux   map[string]Result // what Linux did, by the case's name
}

// binaryVariable names a spaceos to test in place of the one built here.
const binaryVariable = "SPACEOS_BINARY"

func TestMain(m *testing.M) {
	Enter()
	os.Exit(run(m))
}

// run prepares a folder, builds spaceos and runs the tests.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	shared.linux = map[string]Result{}
	if shared.bench, err = NewBench(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if shared.spaceos = os.Getenv(binaryVariable); shared.spaceos != "" {
		return m.Run()
	}
	shared.spaceos = filepath.Join(dir, "spaceos")
	build := exec.Command("go", "build", "-o", shared.spaceos, "./cmd/spaceos")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		shared.failure = fmt.Errorf("cannot build spaceos: %w\n%s", err, out)
	}
	return m.Run()
}

// onLinux is native for a case that an earlier test has already run.
func onLinux(t *testing.T, c Case) Result {
	t.Helper()
	if r, ok := shared.linux[c.Name]; ok {
		return r
	}
	return native(t, c)
}

// native runs a case on Linux and fails the test when that is not possible.
func native(t *testing.T, c Case) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Linux{}.Run(ctx, shared.bench, c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(r.Stderr, "conformance:") {
		t.Fatal(r.Stderr)
	}
	return r
}

func TestCasesAreTheSameTwiceOnLinux(t *testing.T) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			first, second := native(t, c), native(t, c)
			shared.linux[c.Name] = second
			c.Program.Subject = "" // Two runs on Linux show no deviation.
			for _, d := range Compare(c, first, second) {
				t.Errorf("guest: %s %q\nfirst (Linux) and second (cell) run on Linux: %s", c.Name, c.Args, d)
			}
			if strings.Contains(first.Stdout, "cannot go on") {
				t.Errorf("guest: %s %q\nthe case's preparation failed:\n%s", c.Name, c.Args, first.Stdout)
			}
			if testing.Verbose() && os.Getenv("CONFORMANCE_SHOW") != "" {
				t.Logf("status %d\n%s\nstderr: %s\n/out: %s", first.Status, first.Stdout, first.Stderr, first.Out.listing())
			}
		})
	}
}

func TestCellDoesWhatLinuxDoes(t *testing.T) {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		t.Skip("this machine has no /dev/kvm: ", err)
	}
	if shared.failure != nil {
		t.Fatal(shared.failure)
	}
	cell := Cell{Spaceos: shared.spaceos, Options: []string{"--memory", "256MiB", "--timeout", "60s"}}
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			want := onLinux(t, c)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			got, err := cell.Run(ctx, shared.bench, c)
			if err != nil {
				t.Fatal(err)
			}
			differences := Compare(c, want, got)
			for _, d := range differences {
				t.Errorf("guest: %s %q\n%s", c.Name, c.Args, d)
			}
		})
	}
}
