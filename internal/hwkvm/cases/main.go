// Command cases runs the conformance cases in cells, on a machine that has
// neither a compiler nor the Linux that they are measured against, and compares
// them with what another machine's Linux did; some it runs twice, and compares
// the runs.
//
// It is a test binary that package hwkvm ships, with go test's flags, and not a
// test of go test's, which would have nothing to do elsewhere. The environment
// has the path of the results on Linux, by name of case
// ([conformance.FactsVariable]). It owns the cells itself, so that a case costs one new process.
package main

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
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
	b := &bench{seeded: map[string]conformance.Result{}}
	testing.Main(regexp.MatchString, []testing.InternalTest{
		{Name: "TestTheSameToTheByte", F: b.twice},
		{Name: "TestCellDoesWhatLinuxDoes", F: b.once},
	}, nil, nil)
}

// limit is for what hangs: emulation is slow.
const limit = 2 * time.Minute

// A bench is what the tests share.
type bench struct {
	*conformance.Bench
	// seeded is what cases did that ran with a seed and a clock.
	seeded map[string]conformance.Result
}

func (b *bench) prepare(t *testing.T) {
	t.Helper()
	var err error
	if b.Bench, err = conformance.NewBench(t.TempDir()); err != nil {
		t.Fatal(err)
	}
}

// once runs each case and compares it with what Linux did. A case that did the
// same with a seed and a clock need not run again.
func (b *bench) once(t *testing.T) {
	b.prepare(t)
	linux, err := conformance.ReadFacts(os.Getenv(conformance.FactsVariable))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conformance.Cases() {
		c = c.Brief()
		if why := leftOut(c); why != "" {
			t.Logf("%s is left out: %s", c.Name, why)
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			want, ok := linux[c.Name]
			if !ok {
				t.Fatalf("nobody ran %s on Linux", c.Name)
			}
			if got, ok := b.seeded[c.Name]; ok && len(conformance.Compare(c, want, got)) == 0 {
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			got, err := conformance.Func(inCell).Run(ctx, b.Bench, c)
			if err != nil {
				t.Fatal(err)
			}
			got.Stdout = asProcessors(got.Stdout)
			got.Stdout = withoutUnseen(c.Program.Subject, want.Stdout, got.Stdout)
			differences := conformance.Compare(c, want, got)
			if len(differences) == 0 {
				return
			}
			here := b.compareHere(ctx, t, c, got)
			if len(here) == 0 {
				t.Logf("as Linux does on this machine, and not on the other:\n%s", strings.Join(differences, ""))
				return
			}
			t.Errorf("guest: %s %q\n%s\nand from Linux on this machine it differs so:\n%s", c.Name, c.Args, strings.Join(differences, ""), strings.Join(here, ""))
		})
	}
}

// leftOut says which cases only the other KVM runs, and why; "" is none.
func leftOut(c conformance.Case) string {
	if c.Program.Subject == "faults" && c.Args[0] == "bad_iret" {
		return "QEMU's IRET to a null code segment never ends, without a cell too: Linux in the machine kills the program"
	}
	if c.Name == "grid/files/tmp" {
		return "grid/files/out makes the same calls here, upon files of another kind, in which KVM has no part; it takes 17 s"
	}
	return ""
}

// compareHere compares a case that differs with the Linux of this machine: its
// emulated processor lacks some exceptions, and then a program in a cell and
// the same program without one must still do the same.
func (b *bench) compareHere(ctx context.Context, t *testing.T, c conformance.Case, got conformance.Result) []string {
	here, err := conformance.Linux{}.Run(ctx, b.Bench, c)
	if err != nil {
		t.Fatal(err)
	}
	here.Stdout = asProcessors(here.Stdout)
	return conformance.Compare(c, here, got)
}

// refused finds the error code of a general-protection fault in what
// c/signals_faults.c prints.
var refused = regexp.MustCompile(`trapno 13 err [0-9a-f]+`)

// asProcessors gives the error code of an INT n that was refused the form that
// every processor gives it: QEMU counts the IDT in units of 16 bytes
// (do_interrupt64 in its target/i386/tcg/seg_helper.c), processors in units of 8.
func asProcessors(text string) string {
	return refused.ReplaceAllStringFunc(text, func(line string) string {
		const idt = 1 << 1
		at := strings.LastIndexByte(line, ' ') + 1
		code, err := strconv.ParseUint(line[at:], 16, 32)
		if err != nil || code&idt == 0 {
			return line
		}
		return line[:at] + strconv.FormatUint(code>>4<<3|idt, 16)
	})
}

// unseen are lines of programs of ours that QEMU's processor makes other than
// every processor, and that Linux there cannot show instead: it dies of the
// next instruction, or has no state like the cell's. Each has both lines, as
// prefixes.
var unseen = []struct{ subject, elsewhere, here, why string }{
	{"signals_faults", "  signal 8 code ", "  no signal", "no SSE exception comes, and no x87 stack fault"},
	{"signals_faults", "  signal 5 code 1 ", "  signal 4 code 2 ", "INT1 is an invalid opcode"},
	{"signals_faults", "  signal 7 code 128 ", "  signal 11 code 128 ", "a stack pointer that is not canonical makes no stack fault"},
	{"signals_frames", "  goes on: mxcsr 4000 xmm5 0 0 x87 3.25", "  goes on: mxcsr 4000 xmm5 0 0 x87 0", "an empty x87 register reads as what it holds"},
	{"signals_frames", "  goes on: mxcsr 1f80 xmm5 0 0 x87 -nan", "  goes on: mxcsr 1f80 xmm5 0 0 x87 0", "an empty x87 register reads as what it holds"},
	{"signals_frames", "  goes on: mxcsr 3f80 xmm5 1234567 89 x87 -nan", "  goes on: mxcsr 3f80 xmm5 1234567 89 x87 0", "an empty x87 register reads as what it holds"},
	{"signals_frames", "  goes on: mxcsr 3f80 xmm5 0 0 x87 -nan", "  goes on: mxcsr 3f80 xmm5 0 0 x87 0", "an empty x87 register reads as what it holds"},
}

// withoutUnseen gives the cell's output with each such line as it is elsewhere.
func withoutUnseen(subject, elsewhere, here string) string {
	want, got := strings.Split(elsewhere, "\n"), strings.Split(here, "\n")
	for i := range min(len(want), len(got)) {
		for _, u := range unseen {
			if u.subject == subject && strings.HasPrefix(want[i], u.elsewhere) && strings.HasPrefix(got[i], u.here) {
				got[i] = want[i]
			}
		}
	}
	return strings.Join(got, "\n")
}

// twice runs cases two times with one seed and one clock.
func (b *bench) twice(t *testing.T) {
	b.prepare(t)
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
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			differences, err := conformance.Twice(ctx, b.Bench, c, b.reported)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range differences {
				t.Errorf("guest: %s %q\n%s", c.Name, c.Args, d)
			}
		})
	}
}

// dear are cases with many exits or much to compute, which emulation makes slow;
// enough others are left.
var dear = []string{"memory/musl", "memory/glibc-pie", "math/glibc", "command/busybox-sort-large", "faults/endless_recursion/musl",
	"tree/glibc", "stdio/musl", "repeat/musl-pie", "repeat/glibc-pie"}

// reported is a conformance.Reported.
func (b *bench) reported(ctx context.Context, on *conformance.Bench, c conformance.Case) (conformance.Result, []byte, error) {
	seed := uint64(conformance.Seed)
	clock, err := time.Parse(time.RFC3339Nano, conformance.Clock)
	if err != nil {
		return conformance.Result{}, nil, err
	}
	var report *cell.Report
	r, err := conformance.Func(func(ctx context.Context, s *conformance.Staged) (int, error) {
		spec := specOf(s)
		spec.Seed, spec.Clock, spec.Frozen = &seed, clock, true
		var err error
		report, err = cell.Run(ctx, spec)
		return report.Ended.Status, err
	}).Run(ctx, on, c)
	if err != nil {
		return r, nil, err
	}
	b.seeded[c.Name] = r
	text, err := json.Marshal(report)
	return r, text, err
}

// inCell runs a case in a cell whose owner is this process.
func inCell(ctx context.Context, s *conformance.Staged) (int, error) {
	r, err := cell.Run(ctx, specOf(s))
	return r.Ended.Status, err
}

func specOf(s *conformance.Staged) cell.Spec {
	return cell.Spec{
		Program: s.Program, Args: s.Args, Env: s.Env,
		In: s.In, Out: s.Out, App: s.App, Data: s.Data,
		Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr,
		Memory: 256 * spaceos.MiB, Timeout: limit,
	}
}
