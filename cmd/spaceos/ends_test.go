package main

import (
	"strings"
	"testing"
)

// The exit status is the payload's, 128+N for signal N, and docker's and
// timeout's words for the rest.
func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		status int
		cause  string
		stderr string // the sentence; "": none
	}{
		{"success", []string{"ends", "exit", "0"}, 0, "exited", ""},
		{"the payload's own", []string{"ends", "exit", "7"}, 7, "exited", ""},
		{"the payload's own 125", []string{"ends", "exit", "125"}, 125, "exited", ""},
		{"the greatest", []string{"ends", "exit", "255"}, 255, "exited", ""},
		{"its low byte", []string{"ends", "exit", "256"}, 0, "exited", ""},
		{"SIGHUP", []string{"ends", "raise", "1"}, 129, "signal", "the program died by SIGHUP"},
		{"SIGKILL of itself", []string{"ends", "raise", "9"}, 137, "signal", "the program died by SIGKILL"},
		{"SIGPIPE", []string{"ends", "raise", "13"}, 141, "signal", "the program died by SIGPIPE"},
		{"a real-time signal", []string{"ends", "raise", "40"}, 168, "signal", "the program died by signal 40"},
		{"abort", []string{"ends", "abort"}, 134, "signal", "the program died by SIGABRT"},
		{"a store to nowhere", []string{"ends", "store", "0x1234"}, 139, "signal", "the program died by SIGSEGV (si_code 1, address 0x0000000000001234) at RIP 0x"},
		{"a store to the null page", []string{"ends", "store", "0"}, 139, "signal", "the program died by SIGSEGV (si_code 1, address 0x0000000000000000) at RIP 0x"},
		{"a division by zero", []string{"ends", "divide"}, 136, "signal", "the program died by SIGFPE (si_code 1, address 0x"},
		{"--timeout", []string{"--timeout=100ms", "ends", "sleep"}, 124, "timeout", "the program was stopped at its time limit of 100ms; give it more with --timeout"},
		{"--timeout of a spinning payload", []string{"--timeout=100ms", "ends", "spin"}, 124, "timeout", "the program was stopped at its time limit of 100ms; give it more with --timeout"},
		{"--cpu-time", []string{"--cpu-time=100ms", "ends", "spin"}, 152, "cpu-time", "the program was stopped at its limit of 100ms of processor time; give it more with --cpu-time"},
		{"out of memory", []string{"--memory=8MiB", "ends", "memory"}, 137, "out-of-memory", "out of memory: the program touched more than its limit of 8MiB; give it more with --memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for i := range c.args {
				if c.args[i] == "ends" {
					c.args[i] = guest("ends")
				}
			}
			o, r := runReported(t, c.args...)
			said := strings.TrimPrefix(o.stderr, "ready\n")
			want := c.stderr
			if want != "" {
				want = "spaceos: " + want
			}
			if o.status != c.status || !strings.HasPrefix(said, want) || want == "" && said != "" || strings.Count(said, "\n") > 1 {
				t.Errorf("spaceos run %v: %v\nwant status %d and on stderr %q", c.args, o, c.status, want)
			}
			if string(r.Ended.Cause) != c.cause || r.Ended.Status != c.status {
				t.Errorf("the report says %+v, want cause %s and status %d", r.Ended, c.cause, c.status)
			}
		})
	}
}

// Sleeping uses no CPU time, so that a sleeper outlives its CPU limit.
func TestSleepUsesNoCPUTime(t *testing.T) {
	t.Parallel()
	o, r := runReported(t, "--cpu-time=100ms", "--timeout=1s", guest("ends"), "sleep")
	if o.status != 124 || r.Time.Wall < 1e6 {
		t.Errorf("%v\nwant status 124 after the time limit of 1s, got %+v", o, r.Time)
	}
	if used := r.Time.RunnerCPU; used > 100e3 {
		t.Errorf("a sleeping payload's runner used %d us of CPU time", used)
	}
}
