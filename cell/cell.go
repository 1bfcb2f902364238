// Package cell runs payloads, each in a cell of its own: a machine with a
// library OS in a process of its own.
//
// Run is the owner's side. It opens what the payload may see, starts the
// runner (this program again, under another name), answers the runner's
// requests about the world, holds the limits, and gives a Report whatever
// became of the runner. RunnerMain is the other side: it makes the machine,
// loads the program and serves its calls until the end.
//
//	report, err := cell.Run(ctx, cell.Spec{Program: "bin/cloudmask", In: "frames", Out: "results"})
//	os.Exit(report.Ended.Status)
//
// The package holds no policy about whose payload runs when; that is the
// node's. The machine is package vmm's, the calls package libos's.
package cell

import (
	"errors"
	"fmt"
	"os"
	"time"

	"spaceos"
	"spaceos/libos"
	"spaceos/world"
)

// RunnerName is the runner's argv[0]: a main function that sees it calls
// RunnerMain and nothing else.
const RunnerName = "spaceos-runner"

// Exit statuses, as docker run and timeout(1) have them. A payload's own
// status is its exit status, or 128 and the signal that killed it.
const (
	StatusTimeout     = 124 // Spec.Timeout was reached
	StatusFailure     = 125 // we failed, or were used wrongly
	StatusNotRunnable = 126 // the program is there and cannot run
	StatusNotFound    = 127 // there is no such program
	StatusOutOfMemory = 137 // as if killed by SIGKILL
	StatusCPUTime     = 152 // as if killed by SIGXCPU
)

// Spec says what to run, what it sees, and what it may use.
type Spec struct {
	Program string   // path on the host; /app/NAME in the world
	Args    []string // without the program's own name
	Env     []string // K=V; nothing is inherited

	In, Out, App, Data string // folders of the host; "": empty ones

	// Sealed is what /app shows in place of App: the files of an image, found
	// right by whoever opened them. Program is the path of one of them. They
	// stay the caller's.
	Sealed []world.SealedFile

	// Subjects are the library OS's calls that exist; none: all. A call of
	// another subject gets ENOSYS, and counts as unsupported.
	Subjects libos.SubjectSet

	Memory  spaceos.Bytes // 0: DefaultMemory
	CPUTime time.Duration // 0: no limit
	Timeout time.Duration // 0: no limit

	OutBytes, DataBytes spaceos.Bytes // quotas; 0: the world's default
	TmpBytes            spaceos.Bytes // quota of /tmp, within Memory; 0: Memory alone
	Files               int           // quota of names; 0: the world's default

	Seed   *uint64   // of all entropy; nil: the host's
	Clock  time.Time // the world's time at start; zero: the host's
	Frozen bool      // time passes only while the payload sleeps

	NoHugePages bool
	Trace       bool // one line a call on standard error

	Stdin, Stdout, Stderr *os.File // nil: this process's own

	Signals <-chan os.Signal // the first goes to the payload, the second kills it
	Ready   func()           // called before the payload starts; nil: nothing
}

// Limits of Spec.
const (
	DefaultMemory = 64 * spaceos.MiB
	minMemory     = 1 * spaceos.MiB
	// maxMemory bounds what KVM and the runner keep for each page.
	maxMemory = 16 * spaceos.GiB
	maxTime   = 366 * 24 * time.Hour
	minTime   = time.Millisecond
)

// Failure is a run that did not come to the payload's first instruction, or
// that we could not bring to its end. Status is the exit status for it.
type Failure struct {
	Status int
	Err    error
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap gives the reason.
func (f *Failure) Unwrap() error { return f.Err }

func fail(status int, format string, args ...any) error {
	return &Failure{status, fmt.Errorf(format, args...)}
}

// Status is the exit status for an error of Run.
func Status(err error) int {
	var f *Failure
	if errors.As(err, &f) {
		return f.Status
	}
	return StatusFailure
}

// check refuses limits that nobody can mean.
func (s *Spec) check() error {
	if s.Memory == 0 {
		s.Memory = DefaultMemory
	}
	if s.Memory < minMemory || s.Memory > maxMemory {
		return fail(StatusFailure, "a memory limit of %v is not between %v and %v: give --memory a size like 64MiB", s.Memory, minMemory, maxMemory)
	}
	s.Memory -= s.Memory % libos.PageSize // the machine's memory comes in pages
	for _, l := range []struct {
		flag string
		d    time.Duration
	}{{"--cpu-time", s.CPUTime}, {"--timeout", s.Timeout}} {
		if l.d != 0 && (l.d < minTime || l.d > maxTime) {
			return fail(StatusFailure, "a limit of %v is not between %v and %v: give %s a time like 30s", l.d, minTime, maxTime, l.flag)
		}
	}
	if s.Frozen && s.Clock.IsZero() {
		return fail(StatusFailure, "a frozen clock needs a time to stand at: write --clock 2026-01-01T00:00:00Z,frozen")
	}
	return nil
}
