package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shownOtherwise are calls whose arguments or results strace knows better.
var shownOtherwise = []string{"fcntl", "access", "clock_nanosleep", "umask", "mmap"}

var (
	addresses = regexp.MustCompile(`0x[0-9a-f]{4,}`)
	pids      = regexp.MustCompile(`^(getpid\(\) *= |set_tid_address\(ADDR\) *= |kill\()\d+`)
)

// calls are the lines of a trace behind its start, without what differs from
// run to run.
func tracedCalls(text string) []string {
	var list []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n")[1:] {
		name, _, _ := strings.Cut(line, "(")
		if slices.Contains(shownOtherwise, name) {
			line = name
		}
		line = pids.ReplaceAllString(addresses.ReplaceAllString(line, "ADDR"), "${1}PID")
		list = append(list, strings.Join(strings.Fields(line), " "))
	}
	return list
}

// The trace of a program is what strace shows of it under Linux.
func TestTraceIsLikeStrace(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed (apt-get install strace)")
	}
	file := fmt.Sprintf("/tmp/traced-%d", os.Getpid()) // in the cell's /tmp as well; strace cuts longer arguments
	native := exec.Command("strace", guest("traced"), file)
	var linux bytes.Buffer
	native.Stderr = &linux
	_ = native.Run() // its status is 5
	o := finish(t, command(t, "run", "--trace", guest("traced"), file))
	if o.status != 5 || o.stdout != "" {
		t.Fatal(o)
	}
	want, got := tracedCalls(linux.String()), tracedCalls(o.stderr)
	if !slices.Equal(got, want) || len(want) < 25 {
		t.Errorf("Linux:\n%s\ncell:\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
	start := regexp.MustCompile(`^execve\("/app/traced", \["/app/traced", "` + file + `"\], /\* 0 vars \*/\) += 0\n`)
	if !start.MatchString(o.stderr) {
		t.Errorf("the trace does not begin with execve:\n%s", o.stderr)
	}
}

func TestTraceOfDeaths(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // last lines
	}{
		{[]string{"store", "0x1234"}, "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x1234} ---\n+++ killed by SIGSEGV +++\n"},
		{[]string{"exit", "3"}, "exit_group(3)                           = ?\n+++ exited with 3 +++\n"},
		{[]string{"raise", "15"}, "--- SIGTERM {si_signo=SIGTERM, si_code=SI_TKILL, si_pid=2, si_uid=0} ---\n+++ killed by SIGTERM +++\n"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			o := finish(t, command(t, append([]string{"run", "--trace", guest("ends")}, c.args...)...))
			trace, _, _ := strings.Cut(o.stderr, "spaceos: ")
			if !strings.HasSuffix(trace, c.want) {
				t.Errorf("got\n%s\nwant at its end\n%s", o.stderr, c.want)
			}
		})
	}
}
