package hostile

import (
	"context"
	"embed"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"spaceos"
	"spaceos/internal/conformance"
)

//go:embed c
var sources embed.FS

// A Case is one attack.
type Case struct {
	// Guest and Attack name the program and what it shall try.
	Guest, Attack string
	// Limits are what it runs under.
	Limits Limits
	// Expected is what must come of it where that is not what Linux does; nil:
	// what Linux does.
	Expected *Expected
}

// Name is the case's, fit for a subtest.
func (c *Case) Name() string { return c.Guest + "/" + c.Attack }

// Limits are those of cell.Spec, 0 for none or its default.
type Limits struct {
	Memory, OutBytes, DataBytes spaceos.Bytes
	Files                       int
	Timeout, CPUTime            time.Duration
	Trace                       bool
}

// Expected is an end that Linux does not give.
type Expected struct {
	// Cell and Paravirtual are the ends in a cell on any KVM, and on the one on
	// which SYSCALL stays in ring 3, Emulated the one on QEMU's processor; "" is
	// Linux's end.
	Cell, Paravirtual, Emulated string
	// OrLinux says that it is Linux's end on some makes of processors; QEMU's is
	// always the same.
	OrLinux bool
	// Reason says why.
	Reason string
}

// A Guest is a program of the folder c.
type Guest struct {
	Name string
	// Together: its attacks leave the program able to try the next, if a handler
	// takes the signal.
	Together bool
	// OwnLimits: Linux would let its attacks have the machine, or shows them
	// another world, and is not asked.
	OwnLimits bool
	// Alone and AloneEmulated say how many of its attacks are tried in a run of
	// their own: one in so many. Where the processor is emulated, a start takes
	// half a second, and those that are not about KVM are left to the other one.
	Alone, AloneEmulated int
}

// alone says which attacks have a run of their own: one in so many.
func (g *Guest) alone(emulated bool) int {
	if emulated {
		return g.AloneEmulated
	}
	return g.Alone
}

// Guests are the programs, in the order in which they run.
func Guests() []Guest {
	return []Guest{
		{Name: "instructions", Together: true, Alone: 6, AloneEmulated: 60},
		{Name: "places", Together: true, Alone: 6, AloneEmulated: 60},
		{Name: "memory", Alone: 1, AloneEmulated: 1},
		{Name: "calls", Alone: 1, AloneEmulated: 1},
		{Name: "storm", OwnLimits: true, Alone: 1, AloneEmulated: 3},
		{Name: "paths", Together: true, OwnLimits: true, Alone: 1, AloneEmulated: 16},
		{Name: "bombs", OwnLimits: true, Alone: 1, AloneEmulated: 4},
	}
}

// Ordinary is the program that does nothing wrong.
const Ordinary = "ordinary"

// Program gives a guest's program for [conformance.Bench].
func Program(guest string) conformance.Program {
	return conformance.Program{Subject: guest, Build: conformance.Musl, From: sources}
}

// Programs are all that the tests of this package run in a cell.
func Programs() []conformance.Program {
	programs := []conformance.Program{Program(Ordinary)}
	for _, g := range Guests() {
		programs = append(programs, Program(g.Name))
	}
	return programs
}

// Cases asks a guest for its attacks.
func Cases(ctx context.Context, bench *conformance.Bench, g Guest) ([]Case, error) {
	path, err := bench.Executable(Program(g.Name))
	if err != nil {
		return nil, err
	}
	names, err := exec.CommandContext(ctx, path).Output()
	if err != nil {
		return nil, fmt.Errorf("%s does not list its attacks: %w", g.Name, err)
	}
	var cases []Case
	special, limits := expected(), limits()
	for _, name := range strings.Fields(string(names)) {
		c := Case{Guest: g.Name, Attack: name, Limits: usual()}
		if l, ok := limits[c.Name()]; ok {
			c.Limits = l
		}
		if e, ok := special[c.Name()]; ok {
			c.Expected = &e
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// An End is how a run ended, in words: the signal's name, or "exit N", and what
// it had said after its attack's name.
type End struct {
	Status int
	Said   string
}

// String is what the tables of expected.go have.
func (e End) String() string {
	said := strings.TrimSuffix(e.Said, "\n")
	how := ""
	switch {
	case e.Status > 128 && unix.SignalName(unix.Signal(e.Status-128)) != "":
		how = unix.SignalName(unix.Signal(e.Status - 128))
	case e.Status != 0:
		how = fmt.Sprint("exit ", e.Status)
	}
	if how != "" && said != "" {
		said += "; "
	}
	return said + how
}
