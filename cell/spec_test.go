package cell

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"spaceos"
)

func TestSpecLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		spec Spec
		want string // in the sentence; "": accepted
	}{
		{"the zero value", Spec{}, ""},
		{"the least memory", Spec{Memory: minMemory}, ""},
		{"the most memory", Spec{Memory: maxMemory}, ""},
		{"too little memory", Spec{Memory: minMemory - 1}, "--memory"},
		{"too much memory", Spec{Memory: maxMemory + 1}, "--memory"},
		{"memory without end", Spec{Memory: 1<<64 - 1}, "--memory"},
		{"the least time", Spec{Timeout: minTime, CPUTime: minTime}, ""},
		{"a nanosecond", Spec{Timeout: 1}, "--timeout"},
		{"a nanosecond of CPU time", Spec{CPUTime: 1}, "--cpu-time"},
		{"a negative time", Spec{Timeout: -time.Second}, "--timeout"},
		{"a negative CPU time", Spec{CPUTime: -time.Second}, "--cpu-time"},
		{"time without end", Spec{Timeout: 1<<63 - 1}, "--timeout"},
		{"a frozen clock without a time", Spec{Frozen: true}, "--clock"},
		{"a frozen clock", Spec{Frozen: true, Clock: time.Unix(0, 0)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.spec.check()
			if c.want == "" {
				if err != nil {
					t.Errorf("got %v, want nothing", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || Status(err) != StatusFailure {
				t.Errorf("got %v with status %d, want a sentence about %s with status %d", err, Status(err), c.want, StatusFailure)
			}
		})
	}
}

func TestSpecMemoryIsWholePages(t *testing.T) {
	for _, c := range []struct{ given, want spaceos.Bytes }{
		{0, DefaultMemory}, {20 * spaceos.MB, 20*spaceos.MB - 20*spaceos.MB%4096}, {16 * spaceos.MiB, 16 * spaceos.MiB},
	} {
		s := Spec{Memory: c.given}
		if err := s.check(); err != nil || s.Memory != c.want {
			t.Errorf("%v: got %v and %v, want %v", c.given, s.Memory, err, c.want)
		}
	}
}

func TestStatusOfErrors(t *testing.T) {
	reason := errors.New("reason")
	for _, c := range []struct {
		err  error
		want int
	}{
		{&Failure{StatusNotFound, reason}, 127},
		{fmt.Errorf("around it: %w", &Failure{StatusNotRunnable, reason}), 126},
		{reason, 125},
	} {
		if got := Status(c.err); got != c.want {
			t.Errorf("%v: got %d, want %d", c.err, got, c.want)
		}
	}
	if err := error(&Failure{StatusFailure, reason}); !errors.Is(err, reason) {
		t.Error("a Failure hides its reason")
	}
}
