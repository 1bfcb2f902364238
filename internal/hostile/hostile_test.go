package hostile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/internal/conformance"
	"spaceos/vmm"
)

// shared is what TestMain prepares for every test.
var shared struct {
	bench *conformance.Bench
	dir   string
}

func TestMain(m *testing.M) {
	Enter()
	conformance.Enter()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	shared.dir = dir
	if shared.bench, err = conformance.NewBench(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// native is the end of a case on Linux.
func native(t *testing.T, c *Case) End {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := conformance.Linux{}.Run(ctx, shared.bench, conformance.Case{
		Name: c.Name(), Program: Program(c.Guest), Args: []string{c.Attack}, In: c.In,
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(r.Stderr, "conformance:") {
		t.Fatal(r.Stderr)
	}
	return end(t, c, r.Status, r.Stdout)
}

// end takes the attack's name, which each program says first, from what it said.
func end(t *testing.T, c *Case, status int, stdout string) End {
	t.Helper()
	said, ok := strings.CutPrefix(stdout, c.Attack+"\n")
	if !ok {
		t.Errorf("the guest %s did not start: it said %q", c.Name(), stdout)
	}
	return End{Status: status, Said: said}
}

// A party is an owner and what it holds when it has run one ordinary program.
type party struct {
	owner  *Owner
	before Left
}

func newParty(t *testing.T) *party {
	t.Helper()
	owner, err := StartOwner()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := owner.Close(); err != nil {
			t.Errorf("the owner ended: %v", err)
		}
	})
	p := &party{owner: owner}
	for range 2 { // the second finds what the first made once for all
		p.before = p.ordinary(t)
	}
	return p
}

// ordinary runs a program that does nothing wrong.
func (p *party) ordinary(t *testing.T) Left {
	t.Helper()
	c := Case{Guest: "ordinary", Attack: "none", Limits: usual}
	a := p.run(t, &c)
	if got := end(t, &c, a.Report.Ended.Status, a.Stdout.Start); got.String() != "alive, 0" {
		t.Fatalf("an ordinary program ended with %q and %+v", got, a.Report.Ended)
	}
	return a.Left
}

// run runs a case in a cell.
func (p *party) run(t *testing.T, c *Case) Answer {
	t.Helper()
	path, err := shared.bench.Executable(Program(c.Guest))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	o := Order{Program: path, Args: []string{c.Attack}, Limits: c.Limits, Out: filepath.Join(dir, "out")}
	if err := os.Mkdir(o.Out, 0o755); err != nil {
		t.Fatal(err)
	}
	a, err := p.owner.Run(o)
	if err != nil {
		t.Fatal(err)
	}
	if a.Report == nil {
		t.Fatalf("no report, and %s", a.Err)
	}
	return a
}

// wants is the end that a case must have, given Linux's.
func wants(c *Case, linux End, kvm string) string {
	switch e := c.Expected; {
	case e != nil && e.Paravirtual != "" && kvm == vmm.StubUser.String():
		return e.Paravirtual
	case e != nil && e.Cell != "":
		return e.Cell
	}
	return linux.String()
}

func TestGuestsEndCleanly(t *testing.T) {
	cases, err := Cases(t.Context(), shared.bench)
	if err != nil {
		t.Fatal(err)
	}
	p := newParty(t)
	for i := range cases {
		c := &cases[i]
		t.Run(c.Name(), func(t *testing.T) { p.check(t, c) })
	}
	p.ordinary(t)
	t.Logf("%d hostile guests", len(cases))
}

// check runs a case natively and in a cell.
func (p *party) check(t *testing.T, c *Case) {
	linux := native(t, c)
	a := p.run(t, c)
	got := end(t, c, a.Report.Ended.Status, a.Stdout.Start)
	if want := wants(c, linux, a.Report.Host.KVM); got.String() != want {
		t.Errorf("the end is %q, want %q (on Linux %q)\nthe report says %+v", got, want, linux, a.Report.Ended)
	}
	checkReport(t, c, a)
	if left := a.Left.Exceeds(p.before); left != "" {
		t.Errorf("the owner has left: %s", left)
	}
}

// checkReport holds the report against itself: what it says of an end must be
// what the status says.
func checkReport(t *testing.T, c *Case, a Answer) {
	t.Helper()
	e := a.Report.Ended
	want := e
	want.Cause, want.Signal, want.SignalName, want.Message = "exited", 0, "", ""
	if sig := e.Status - 128; sig > 0 {
		want.Cause, want.Signal, want.SignalName = "signal", sig, unix.SignalName(unix.Signal(sig))
	}
	if l := limited[c.Name()]; l.Cause != "" {
		want.Cause, want.Signal, want.SignalName, want.Message = l.Cause, l.Signal, l.SignalName, l.Message
	}
	if e != want || a.Err != "" || a.Stderr.Bytes != 0 && !c.Limits.Trace {
		t.Errorf("the report says %+v, want %+v; error %q; the standard error is %q", e, want, a.Err, a.Stderr.Start)
	}
	fault := e.Status == 128+int(unix.SIGSEGV) || e.Status == 128+int(unix.SIGILL) || e.Status == 128+int(unix.SIGBUS) ||
		e.Status == 128+int(unix.SIGFPE) || e.Status == 128+int(unix.SIGTRAP)
	if fault != (e.Fault != nil) {
		t.Errorf("status %d, and the report's fault is %+v", e.Status, e.Fault)
	}
}
