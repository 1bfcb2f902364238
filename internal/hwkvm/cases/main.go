// Command cases runs the conformance cases in cells, on a machine that has
// neither a compiler nor the Linux that they are measured against, and compares
// them with what another machine's Linux did.
//
// It is a test binary that package hwkvm ships, with go test's flags, and not a
// test of go test's, which would have nothing to do elsewhere. The environment
// has the path of the results on Linux, by name of case (FACTS, gob). It owns
// the cells itself, so that a case costs one new process.
package main

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"spaceos"
	"spaceos/cell"
	"spaceos/internal/conformance"
)

func main() {
	if os.Args[0] == cell.RunnerName {
		os.Exit(cell.RunnerMain())
	}
	conformance.Enter()
	testing.Main(regexp.MatchString, []testing.InternalTest{
		{Name: "TestCellDoesWhatLinuxDoes", F: cases},
		{Name: "TestTheSameToTheByte", F: same},
	}, nil, nil)
}

// same runs programs two times with one seed and one clock.
func same(t *testing.T) {
	bench, err := conformance.NewBench(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cases, err := conformance.Repeatable()
	if err != nil {
		t.Fatal(err)
	}
	cases = slices.DeleteFunc(cases, func(c conformance.Case) bool { return slices.Contains(dear, c.Name) })
	if len(cases) < 50 {
		t.Fatalf("%d programs, want 50 or more", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			differences, err := conformance.Twice(ctx, bench, c, reported)
			if err != nil {
				t.Fatal(err)
			}
			judge(t, c, differences)
		})
	}
}

// dear are cases with many exits or much to compute, which emulation makes slow;
// enough others are left.
var dear = []string{"memory/musl", "memory/glibc-pie", "math/glibc", "command/busybox-sort-large", "faults/endless_recursion/musl",
	"tree/glibc", "stdio/musl", "repeat/musl-pie", "repeat/glibc-pie"}

// reported runs a case with a seed and a clock that stands still.
func reported(ctx context.Context, bench *conformance.Bench, c conformance.Case) (conformance.Result, []byte, error) {
	var report []byte
	run := func(ctx context.Context, s *conformance.Staged) (int, error) {
		spec, seed := spec(s), uint64(conformance.Seed)
		clock, err := time.Parse(time.RFC3339, conformance.Clock)
		if err != nil {
			return 0, err
		}
		spec.Seed, spec.Clock, spec.Frozen = &seed, clock, true
		r, err := cell.Run(ctx, spec)
		if err != nil {
			return 0, err
		}
		report, err = json.Marshal(r)
		return r.Ended.Status, err
	}
	result, err := conformance.Func(run).Run(ctx, bench, c)
	return result, report, err
}

func cases(t *testing.T) {
	bench, err := conformance.NewBench(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	linux, err := facts(os.Getenv("FACTS"))
	if err != nil {
		t.Fatal(err)
	}
	// Emulation is slow: the time limit is for what hangs.
	cell := conformance.Func(inCell)
	for _, c := range conformance.Cases() {
		if why := leftOut(c); why != "" {
			t.Logf("%s is left out: %s", c.Name, why)
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			want, ok := linux[c.Name]
			if !ok {
				t.Fatalf("nobody ran %s on Linux", c.Name)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			got, err := cell.Run(ctx, bench, c)
			if err != nil {
				t.Fatal(err)
			}
			differences := conformance.Compare(c, want, got)
			if len(differences) > 0 && sameHere(ctx, t, bench, c, got) {
				t.Logf("as Linux does on this machine, and not on the other:\n%s", strings.Join(differences, ""))
				return
			}
			judge(t, c, differences)
		})
	}
}

// leftOut says which cases only the other KVM runs, and why; "" is none.
func leftOut(c conformance.Case) string {
	switch {
	case c.Program.Subject == "sequences" && c.Args[len(c.Args)-1] != "0":
		return "emulated, each walk of random calls takes a quarter of a minute: the first of each place is run"
	case c.Program.Subject == "faults" && c.Args[0] == "bad_iret":
		return "QEMU's IRET to a null code segment never ends, without a cell too: Linux in the machine kills the program"
	}
	return ""
}

// sameHere runs a case that differs on the Linux of this machine: its emulated
// processor lacks some exceptions, and then a program in a cell and the same
// program without one must still do the same.
func sameHere(ctx context.Context, t *testing.T, bench *conformance.Bench, c conformance.Case, got conformance.Result) bool {
	here, err := conformance.Linux{}.Run(ctx, bench, c)
	if err != nil {
		t.Fatal(err)
	}
	return len(conformance.Compare(c, here, got)) == 0
}

// judge fails the test for each difference.
func judge(t *testing.T, c conformance.Case, differences []string) {
	for _, d := range differences {
		t.Errorf("guest: %s %q\n%s", c.Name, c.Args, d)
	}
}

func facts(path string) (map[string]conformance.Result, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var linux map[string]conformance.Result
	return linux, gob.NewDecoder(file).Decode(&linux)
}

// inCell runs a case in a cell whose owner is this process.
func inCell(ctx context.Context, s *conformance.Staged) (int, error) {
	r, err := cell.Run(ctx, spec(s))
	if err != nil {
		return 0, err
	}
	return r.Ended.Status, nil
}

func spec(s *conformance.Staged) cell.Spec {
	return cell.Spec{
		Program: s.Program, Args: s.Args, Env: s.Env,
		In: s.In, Out: s.Out, App: s.App, Data: s.Data,
		Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr,
		Memory: 256 * spaceos.MiB, Timeout: 100 * time.Second,
	}
}
