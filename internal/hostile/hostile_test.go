package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"spaceos/cell"
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

// onLinux gives what attacks of a guest do natively: here, or where the facts
// come from.
func onLinux(t *testing.T, guest string, args ...string) conformance.Result {
	t.Helper()
	if path := os.Getenv(conformance.FactsVariable); path != "" {
		facts, err := conformance.ReadFacts(path)
		if err != nil {
			t.Fatal(err)
		}
		r, ok := facts[fact(guest, args)]
		if !ok {
			t.Fatalf("nobody ran %s on Linux", fact(guest, args))
		}
		return r
	}
	r, err := natively(t.Context(), shared.bench, guest, args)
	if err != nil {
		t.Fatal(err)
	}
	return r
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
	c := Case{Guest: Ordinary, Attack: "none", Limits: usual()}
	a := p.run(t, &c, folders(t), c.Attack)
	if got := end(t, &c, a.Report.Ended.Status, a.Stdout.Start); got.String() != "alive, 0" {
		t.Fatalf("an ordinary program ended with %q and %+v", got, a.Report.Ended)
	}
	return a.Left
}

// folders are those of a run, all empty.
func folders(t *testing.T) Order {
	t.Helper()
	dir := t.TempDir()
	o := Order{In: filepath.Join(dir, "in"), Out: filepath.Join(dir, "out"), Data: filepath.Join(dir, "data")}
	for _, f := range []string{o.In, o.Out, o.Data} {
		if err := os.Mkdir(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// run runs a guest in a cell, over the folders of o.
func (p *party) run(t *testing.T, c *Case, o Order, args ...string) Answer {
	t.Helper()
	path, err := shared.bench.Executable(Program(c.Guest))
	if err != nil {
		t.Fatal(err)
	}
	o.Program, o.Args, o.Limits = path, args, c.Limits
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
	case e != nil && e.Emulated != "" && emulation():
		return e.Emulated
	case e != nil && e.Paravirtual != "" && kvm == vmm.StubUser.String():
		return e.Paravirtual
	case e != nil && e.Cell != "":
		return e.Cell
	}
	return linux.String()
}

// right says whether a case may end so.
func right(c *Case, got, linux End, kvm string) bool {
	orLinux := c.Expected != nil && c.Expected.OrLinux && !emulation()
	return got.String() == wants(c, linux, kvm) || orLinux && got.String() == linux.String()
}

// Each attack ends as on Linux, or as the tables say, and the owner goes on.
func TestGuestsEndCleanly(t *testing.T) {
	p := newParty(t)
	total, runs := 0, 0
	for _, name := range dear {
		if emulation() {
			total--
			t.Logf("%s is left out: it makes too many calls for this processor", name)
		}
	}
	for _, g := range Guests() {
		cases, err := Cases(t.Context(), shared.bench, g)
		if err != nil {
			t.Fatal(err)
		}
		if g.Together {
			total += len(cases)
			t.Run(g.Name+"/together", func(t *testing.T) { p.together(t, g, cases) })
			runs++
		}
		for i := range cases {
			if i%g.alone(emulation()) != 0 {
				continue
			}
			runs++
			if !g.Together {
				total++
			}
			t.Run(cases[i].Name(), func(t *testing.T) { p.check(t, g, &cases[i]) })
		}
		if n, step := len(cases), g.alone(emulation()); !g.Together && step > 1 {
			t.Logf("%s/* is left out: %d of %d attacks, which take long here and are not about KVM", g.Name, n-(n+step-1)/step, n)
		}
		p.ordinary(t)
	}
	t.Logf("total: %d hostile guests in %d runs", total, runs)
}

// together tries all attacks in one run, a handler taking the signals.
func (p *party) together(t *testing.T, g Guest, cases []Case) {
	cases = slices.DeleteFunc(slices.Clone(cases), func(c Case) bool { return emulation() && slices.Contains(dear, c.Name()) })
	args := together(cases)
	o := folders(t)
	if g.Name == "paths" {
		defer trap(t, o.In)()
	}
	var wanted map[string]End
	if !g.OwnLimits {
		wanted = sections(cases, onLinux(t, g.Name, args...).Stdout)
	}
	a := p.run(t, &cases[0], o, args...)
	got := sections(cases, a.Stdout.Start)
	if a.Report.Ended.Status != 0 || !g.OwnLimits && len(wanted) != len(cases) || len(got) != len(cases) {
		t.Errorf("the report says %+v; %d of %d attacks were tried on Linux, %d in the cell", a.Report.Ended, len(wanted), len(cases), len(got))
	}
	differs := func(c *Case) bool {
		return !right(c, got[c.Attack], wanted[c.Attack], a.Report.Host.KVM)
	}
	var here map[string]End
	if !g.OwnLimits {
		here = onLinuxHere(t, g.Name, cases, differs)
	}
	for i := range cases {
		c := &cases[i]
		t.Run(c.Attack, func(t *testing.T) {
			switch same, ok := here[c.Attack]; {
			case !differs(c):
			case ok && same == got[c.Attack]:
				t.Logf("%q, as Linux on this processor; on the other %q", same, wanted[c.Attack])
			default:
				t.Errorf("the end is %q, want %q (on Linux %q, on this processor %q)",
					got[c.Attack], wants(c, wanted[c.Attack], a.Report.Host.KVM), wanted[c.Attack], same)
			}
		})
	}
	p.checkLeft(t, a)
}

// asksHere says whether an attack that ends other than on Linux elsewhere may
// end as on the Linux of this machine: an emulated processor lacks instructions
// and checks, and has others. What the tables speak of is not asked: it kills.
func asksHere(c *Case) bool {
	return emulation() && (c.Expected == nil || c.Expected.Emulated == "")
}

// onLinuxHere asks this machine's Linux about the attacks that differ.
func onLinuxHere(t *testing.T, guest string, cases []Case, differs func(*Case) bool) map[string]End {
	t.Helper()
	var some []Case
	for i := range cases {
		if c := &cases[i]; asksHere(c) && differs(c) {
			some = append(some, *c)
		}
	}
	if len(some) == 0 {
		return nil
	}
	r, err := natively(t.Context(), shared.bench, guest, together(some))
	if err != nil {
		t.Fatal(err)
	}
	ends := sections(some, r.Stdout)
	if r.Status != 0 || len(ends) != len(some) {
		t.Errorf("Linux on this processor ended with status %d after %d of %d attacks; the last word is %.300q", r.Status, len(ends), len(some), r.Stdout[max(0, len(r.Stdout)-100):])
	}
	return ends
}

// sections cuts what a guest said at the names of its attacks.
func sections(cases []Case, stdout string) map[string]End {
	ends := map[string]End{}
	for i, c := range cases {
		_, said, ok := strings.Cut("\n"+stdout, "\n"+c.Attack+"\n")
		if !ok {
			continue
		}
		if i+1 < len(cases) {
			said, _, _ = strings.Cut("\n"+said, "\n"+cases[i+1].Attack+"\n")
		}
		ends[c.Attack] = End{Said: strings.Trim(said, "\n")}
	}
	return ends
}

// check runs a case alone.
func (p *party) check(t *testing.T, g Guest, c *Case) {
	o := folders(t)
	if g.Name == "paths" {
		defer trap(t, o.In)()
	}
	a := p.run(t, c, o, c.Attack)
	got := end(t, c, a.Report.Ended.Status, a.Stdout.Start)
	limit, isLimited := limited()[c.Name()]
	switch {
	case isLimited: // the report has the rest
	case g.OwnLimits:
		if c.Expected == nil || c.Expected.Cell == "" {
			t.Fatalf("the tables do not say what must come of it; it was %q", got)
		}
		if got.String() != c.Expected.Cell {
			t.Errorf("the end is %q, want %q", got, c.Expected.Cell)
		}
	default:
		r := onLinux(t, g.Name, c.Attack)
		linux := end(t, c, r.Status, r.Stdout)
		if right(c, got, linux, a.Report.Host.KVM) {
			break
		}
		if asksHere(c) {
			r, err := natively(t.Context(), shared.bench, g.Name, []string{c.Attack})
			if err != nil {
				t.Fatal(err)
			}
			if here := end(t, c, r.Status, r.Stdout); got == here {
				t.Logf("%q, as Linux on this processor; on the other %q", here, linux)
				break
			}
		}
		t.Errorf("the end is %q, want %q (on Linux %q)\nthe report says %+v", got, wants(c, linux, a.Report.Host.KVM), linux, a.Report.Ended)
	}
	checkReport(t, c, a, limit)
	p.checkLeft(t, a)
	if !g.Together && !emulation() {
		p.ordinary(t)
	}
}

func (p *party) checkLeft(t *testing.T, a Answer) {
	t.Helper()
	if left := a.Left.Exceeds(p.before); left != "" {
		t.Errorf("the owner has left: %s", left)
	}
}

// checkReport holds the report against itself: what it says of an end must be
// what the status says, or what the limit says.
func checkReport(t *testing.T, c *Case, a Answer, limit cell.Ended) {
	t.Helper()
	e := a.Report.Ended
	want := e
	want.Cause, want.Signal, want.SignalName, want.Message = "exited", 0, "", ""
	if sig := e.Status - 128; sig > 0 {
		want.Cause, want.Signal, want.SignalName = "signal", sig, unix.SignalName(unix.Signal(sig))
	}
	if limit.Cause != "" {
		want = limit
	}
	said := a.Stderr.Bytes != 0 && !c.Limits.Trace && !strings.Contains(c.Attack, "stderr")
	if e != want || a.Err != "" || said {
		t.Errorf("the report says %+v, want %+v; error %q; the standard error is %.300q", e, want, a.Err, a.Stderr.Start)
	}
	var fault bool
	switch unix.Signal(e.Signal) {
	case unix.SIGSEGV, unix.SIGILL, unix.SIGBUS, unix.SIGFPE, unix.SIGTRAP:
		fault = true
	}
	if fault != (e.Fault != nil) {
		t.Errorf("%+v, and the report's fault is %+v", e, e.Fault)
	}
}
