package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// repeated names the cases that are run twice with one seed and one clock, as
// they stand in [Cases], beside those of repeat.c.
const repeated = `
	memory/musl memory/glibc-pie files/glibc tree/glibc stdio/musl poll/glibc
	random/musl random/glibc errno/musl math/glibc strings/musl process/musl process/glibc
	signals/state/glibc start/0/musl faults/null_read/musl faults/endless_recursion/musl
	command/busybox-awk command/busybox-sed-in-place command/busybox-sort-large command/busybox-grep-tree
	command/busybox-md5sum command/busybox-bc command/busybox-ed command/busybox-ls command/busybox-ls-recursive
	command/busybox-stat command/busybox-cp command/busybox-cp-preserve command/busybox-mv-across
	command/busybox-dd command/busybox-bunzip2 command/busybox-unzip command/busybox-tar-extract
	command/busybox-tar-create command/gpgv command/bash command/bash-more command/zsh command/mksh command/e2fsck
	command/busybox-wc command/busybox-find command/busybox-tac command/busybox-od command/busybox-readlink
	command/busybox-touch command/busybox-gunzip command/busybox-truncate command/busybox-sha256sum`

// Repeatable lists the cases that a cell must run the same to the byte when it
// is given a seed and a clock: cases that Linux runs too, and some that print
// what Linux leaves open.
func Repeatable() ([]Case, error) {
	byName := map[string]Case{}
	for _, c := range Cases() {
		byName[c.Name] = c
	}
	var cases []Case
	for _, name := range strings.Fields(repeated) {
		c, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("no case is named %q", name)
		}
		cases = append(cases, c)
	}
	for _, b := range []Build{Musl, Glibc, MuslPIE, GlibcPIE} {
		cases = append(cases, Case{
			Name: "repeat/" + b.String(), Program: Program{Subject: "repeat", Build: b},
			In: files, App: Tree{"model": "a model\n"}, Data: Tree{"kept": "kept\n", "sub/file": "in a folder\n"},
		})
	}
	for _, c := range []command{
		applet("date", "date"), applet("ls-inodes", "ls", "-laiR", "/"), applet("mktemp", "mktemp", "-d", "/out/XXXXXX"),
		applet("free", "free"), applet("df", "df", "/out"), applet("du-all", "du", "-a", "/"),
		{name: "bash-random", program: bash, args: []string{"--norc", "-c", `echo $RANDOM $SRANDOM $EPOCHREALTIME $SECONDS $$; echo /in/*`}},
	} {
		cases = append(cases, Case{Name: "repeat/" + c.name, Program: c.program, Args: c.args, In: commandInput()})
	}
	return append(cases, Case{Name: cycles, Program: Program{Subject: "repeat"}, Args: []string{"cycles"}}), nil
}

// cycles is the case that reads the processor's cycle counter: where the report
// says that it is visible, two runs must differ.
const cycles = "repeat/cycles"

// Frame is a case of the reference payload on one frame of its test data; root
// is the project's folder, program the payload's executable.
func Frame(root, program string) (Case, error) {
	c := Case{Name: "repeat/cloudmask", Program: Program{Path: program}, In: Tree{}, App: Tree{}}
	for name, tree := range map[string]Tree{"testdata/frame0.hdr": c.In, "testdata/frame0.img": c.In, "app/cloudmask.model": c.App} {
		b, err := os.ReadFile(filepath.Join(root, "payloads/cloudmask", name))
		if err != nil {
			return c, err
		}
		tree[filepath.Base(name)] = string(b)
	}
	return c, nil
}

// report is what of a run's report is compared.
type report struct {
	Host struct {
		CycleCounter string `json:"cycle_counter"`
	}
	Exits struct{ Calls, Faults uint64 }
	// Backed and Touched are bytes of memory.
	Memory struct{ Mapped, Backed, Touched uint64 }
	Bytes  struct{ Read, Written map[string]uint64 }
	Calls  struct{ Served, Unsupported map[string]uint64 }
}

// Seed and Clock are what both runs are given.
const (
	Seed  = 7
	Clock = "2026-06-01T12:00:00.000000005Z"
)

// Reported runs a case in a cell with Seed and a clock that stands still at
// Clock, and gives its report too, as JSON.
type Reported func(ctx context.Context, bench *Bench, c Case) (Result, []byte, error)

// Twice runs a case two times and says what differs in output, products, calls
// by name, and memory touched.
func Twice(ctx context.Context, bench *Bench, c Case, run Reported) (differences []string, err error) {
	var results [2]Result
	var reports [2]string
	visible := false
	for i := range results {
		var text []byte
		if results[i], text, err = run(ctx, bench, c); err != nil {
			return nil, err
		}
		var of report
		if err := json.Unmarshal(text, &of); err != nil {
			return nil, fmt.Errorf("the report of %s: %w\n%s", c.Name, err, results[i].Stderr)
		}
		reports[i], visible = of.String(), of.Host.CycleCounter == "visible"
	}
	note := func(what, one, two string) {
		if one != two {
			differences = append(differences, what+" (Linux is the first run, cell the second):\n"+lineDiff(one, two))
		}
	}
	first, second := results[0], results[1]
	note("standard output", first.Stdout, second.Stdout)
	note("standard error", first.Stderr, second.Stderr)
	note("exit status", fmt.Sprint(first.Status), fmt.Sprint(second.Status))
	note("/out", first.Out.listing(), second.Out.listing())
	note("/data", first.Data.listing(), second.Data.listing())
	note("report", reports[0], reports[1])
	if c.Name == cycles && visible {
		if len(differences) == 0 {
			return []string{"the report says that the cycle counter is visible, and it was the same in two runs"}, nil
		}
		return nil, nil
	}
	return differences, nil
}

func (r *report) String() string {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Reported is a [Reported].
func (r Cell) Reported(ctx context.Context, bench *Bench, c Case) (Result, []byte, error) {
	dir, err := os.MkdirTemp(bench.Dir, "report-")
	if err != nil {
		return Result{}, nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "report.json")
	r.Options = append(r.Options[:len(r.Options):len(r.Options)],
		"--report", path, "--seed", fmt.Sprint(Seed), "--clock", Clock+",frozen")
	result, err := r.Run(ctx, bench, c)
	if err != nil {
		return result, nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return result, nil, fmt.Errorf("%s left no report: %w\n%s", c.Name, err, result.Stderr)
	}
	return result, text, nil
}
