package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// output runs a payload that must end well.
func output(t *testing.T, args ...string) string {
	t.Helper()
	o := finish(t, command(t, append([]string{"run"}, args...)...))
	if o.status != 0 || o.stderr != "" {
		t.Fatalf("spaceos run %v: %v", args, o)
	}
	return o.stdout
}

func TestNothingOfTheEnvironmentIsInherited(t *testing.T) {
	t.Parallel()
	if got := output(t, guest("world"), "env"); got != "" {
		t.Errorf("the payload's environment is %q, want nothing", got)
	}
	got := output(t, "--env", "A=1", "--env=B=2=3,4", "--env", "EMPTY=", "--env", "C=\xff", "--env", "A=5", guest("world"), "env")
	if want := "A=5\nB=2=3,4\nEMPTY=\nC=\xff\n"; got != want {
		t.Errorf("the payload's environment is %q, want %q", got, want)
	}
}

// What stands behind the program is the program's, flags too.
func TestArgumentsAreThePayloads(t *testing.T) {
	t.Parallel()
	got := output(t, guest("world"), "args", "--env", "A=1", "-h", "", "caf\xe9", "--", "--seed=3")
	if want := "/app/world\nargs\n--env\nA=1\n-h\n\ncaf\xe9\n--\n--seed=3\n"; got != want {
		t.Errorf("the payload's arguments are %q, want %q", got, want)
	}
	if got, want := output(t, "--", guest("world"), "args"), "/app/world\nargs\n"; got != want {
		t.Errorf("behind --, the payload's arguments are %q, want %q", got, want)
	}
}

func TestSeed(t *testing.T) {
	t.Parallel()
	random := func(flags ...string) []string {
		return strings.Fields(output(t, append(flags, guest("world"), "random")...))
	}
	first := random("--seed=7")
	if len(first) != 6 {
		t.Fatalf("got %q, want three names with their bytes", first)
	}
	for _, c := range []struct {
		name  string
		got   []string
		equal bool
	}{
		{"the same seed", random("--seed=7"), true},
		{"the same seed in hexadecimal", random("--seed", "0x7"), true},
		{"another seed", random("--seed=8"), false},
		{"no seed", random(), false},
	} {
		if equal := slices.Equal(c.got, first); equal != c.equal {
			t.Errorf("%s: %v after %v: equal %v, want %v", c.name, c.got, first, equal, c.equal)
		}
		if !c.equal {
			for i := 1; i < len(first); i += 2 {
				if c.got[i] == first[i] {
					t.Errorf("%s: %s gives %s again", c.name, first[i-1], first[i])
				}
			}
		}
	}
	if first[1] == first[3] || first[3] == first[5] || first[1] == first[5] {
		t.Errorf("two sources give the same bytes: %v", first)
	}
}

// times are what the guest says of its clocks, in nanoseconds.
type times struct{ start, computeReal, computeMono, sleepReal, sleepMono int64 }

func clocks(t *testing.T, flags ...string) (c times) {
	t.Helper()
	text := output(t, append(flags, guest("world"), "clock")...)
	if n, err := fmt.Sscanf(text, "start %d\ncompute %d %d\nsleep %d %d\n", &c.start, &c.computeReal, &c.computeMono, &c.sleepReal, &c.sleepMono); err != nil {
		t.Fatalf("%d values of %q: %v", n, text, err)
	}
	return c
}

// A frozen clock stands while the payload computes, and a sleep passes at once
// and moves it: a minute's sleep ends within the test's patience of 20 s.
func TestFrozenClock(t *testing.T) {
	t.Parallel()
	minute, start := time.Minute.Nanoseconds(), time.Date(2031, 2, 3, 4, 5, 6, 7, time.UTC)
	got := clocks(t, "--timeout=20s", "--clock", "2031-02-03T04:05:06.000000007Z,frozen")
	if want := (times{start.UnixNano(), 0, 0, minute, minute}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	zoned := clocks(t, "--timeout=20s", "--clock", "2031-02-03T06:05:06.000000007+02:00,frozen")
	if zoned != got {
		t.Errorf("the same time in another zone gives %+v, want %+v", zoned, got)
	}
}

func TestRunningClock(t *testing.T) {
	t.Parallel()
	start := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, c := range []struct {
		name  string
		flags []string
		from  time.Time
	}{
		{"--clock", []string{"--clock", "2031-02-03T04:05:06Z"}, start},
		{"the host's", nil, time.Now()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// It is stopped in its minute's sleep: what it printed counts.
			o := finish(t, command(t, slices.Concat([]string{"run", "--timeout=1s"}, c.flags, []string{guest("world"), "clock"})...))
			if o.status != 124 {
				t.Fatalf("%v\nwant status 124: a running clock lets a sleep take its time", o)
			}
			cell := o.stdout
			var got times
			if _, err := fmt.Sscanf(cell, "start %d\ncompute %d %d\n", &got.start, &got.computeReal, &got.computeMono); err != nil {
				t.Fatalf("%q: %v", cell, err)
			}
			if since := time.Duration(got.start - c.from.UnixNano()); since < 0 || since > patience {
				t.Errorf("it is %v after %v", since, c.from)
			}
			if got.computeReal <= 0 || got.computeMono <= 0 {
				t.Errorf("the clocks stand: %+v", got)
			}
		})
	}
}
