// Command testrun runs go test over packages and ends with a plain summary:
// what failed with its output, what was skipped and why, and how many passed.
//
// It is test support: go test's own output says nothing of skips and cannot be
// counted by eye.
//
//	go run ./internal/testrun [-p 1] PACKAGE...
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sort"
	"strings"
	"syscall"
	"time"
)

// event is one line of go test -json (cmd/test2json).
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// id names a test, or a package where Test is empty.
type id struct{ Package, Test string }

// tally counts what happened.
type tally struct {
	output                  map[id][]string
	parents                 map[id]bool // tests that have subtests: counted by those
	outcome                 map[id]string
	passed, failed, skipped int
	packages                map[string]float64
}

func main() {
	args := append([]string{"test", "-json", "-timeout", "20m"}, os.Args[1:]...)
	cmd := exec.Command("go", args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		fail(err)
	}
	var stderr strings.Builder
	cmd.Stderr = io.MultiWriter(os.Stderr, &stderr)
	hearIgnored()
	started := time.Now()
	if err := cmd.Start(); err != nil {
		fail(err)
	}
	t := newTally()
	t.read(out)
	err = cmd.Wait()
	t.report(time.Since(started))
	if err != nil || t.failed > 0 {
		os.Exit(1)
	}
}

func newTally() *tally {
	return &tally{output: map[id][]string{}, parents: map[id]bool{}, outcome: map[id]string{}, packages: map[string]float64{}}
}

// hearIgnored makes the tests start with signals as they are by default, also
// under nohup or in the background of a shell: what is handled here is not
// ignored there (execve(2)).
func hearIgnored() {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "testrun:", err)
	os.Exit(1)
}

func (t *tally) read(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			t.add(line)
		}
		if err != nil {
			return
		}
	}
}

func (t *tally) add(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		fmt.Print(string(line)) // a compiler's words
		return
	}
	k := id{e.Package, e.Test}
	if parent, _, sub := cutLast(e.Test); sub {
		t.parents[id{e.Package, parent}] = true
	}
	switch e.Action {
	case "output", "build-output":
		t.output[k] = append(t.output[k], e.Output)
	case "pass", "fail", "skip":
		t.outcome[k] = e.Action
		if e.Test == "" {
			t.packages[e.Package] = e.Elapsed
			if e.Action != "skip" {
				fmt.Printf("%-4s  %-40s %6.1f s\n", e.Action, e.Package, e.Elapsed)
			}
		}
	}
}

func cutLast(test string) (parent, name string, found bool) {
	i := strings.LastIndexByte(test, '/')
	if i < 0 {
		return "", test, false
	}
	return test[:i], test[i+1:], true
}

// totals prints the sums that a test that passed logs for the summary, in lines
// that begin with "total: ". It says whether the test is a parent, which its
// subtests count for.
func (t *tally) totals(k id) bool {
	for _, line := range t.output[k] {
		if _, sum, found := strings.Cut(line, ": total: "); found && t.outcome[k] == "pass" {
			fmt.Printf("total %-24s %s", strings.TrimPrefix(k.Package, "spaceos/"), sum)
		}
	}
	return t.parents[k]
}

// report prints what a person needs to know, and the last line that scripts
// look for.
func (t *tally) report(took time.Duration) {
	ids := make([]id, 0, len(t.outcome))
	for k := range t.outcome {
		ids = append(ids, k)
	}
	sort.Slice(ids, func(i, j int) bool {
		return ids[i].Package < ids[j].Package || ids[i].Package == ids[j].Package && ids[i].Test < ids[j].Test
	})
	fmt.Println()
	failedIn := map[string]bool{}
	for _, k := range ids {
		if k.Test == "" {
			continue
		}
		switch {
		case t.outcome[k] == "fail":
			failedIn[k.Package] = true
			if !t.parents[k] {
				t.failed++
			}
			fmt.Printf("\n--- failed: %s %s\n%s", k.Package, k.Test, strings.Join(t.output[k], ""))
		case t.totals(k):
		case t.outcome[k] == "skip":
			t.skipped++
			fmt.Printf("\n--- skipped: %s %s\n%s", k.Package, k.Test, strings.Join(t.output[k], ""))
		default:
			t.passed++
		}
	}
	// A package that failed without a failing test: it did not compile, or died.
	for _, k := range ids {
		if k.Test == "" && t.outcome[k] == "fail" && !failedIn[k.Package] {
			t.failed++
			fmt.Printf("\n--- failed: %s\n%s", k.Package, strings.Join(t.output[k], ""))
		}
	}
	t.reportKVMs(os.Stdout)
	fmt.Printf("\n%d packages in %.0f s\n%d passed, %d failed, %d skipped\n", len(t.packages), took.Seconds(), t.passed, t.failed, t.skipped)
}
