package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"spaceos"
	"spaceos/cell"
	"spaceos/internal/cli"
)

// measured runs a payload that ends well and gives its report.
func measured(t *testing.T, args ...string) (outcome, *cell.Report) {
	t.Helper()
	o, r := runReported(t, args...)
	if r.Ended.Cause != "exited" {
		t.Fatalf("spaceos run %v: %v\n%+v", args, o, r.Ended)
	}
	return o, r
}

func TestReportNamesWhatRan(t *testing.T) {
	t.Parallel()
	_, r := measured(t, guest("known"), "calls", "0")
	content, err := os.ReadFile(guest("known"))
	if err != nil {
		t.Fatal(err)
	}
	if want := spaceos.DigestOf(content).String(); r.Program != "/app/known" || r.Digest != want || r.Engine != "kvm" {
		t.Errorf("got %s %s by %s, want /app/known %s by kvm", r.Program, r.Digest, r.Engine, want)
	}
	d := diagnosis(t, finish(t, command(t, "doctor", "--json")), 0)
	facts := map[string]string{}
	for _, f := range d.Findings {
		facts[f.Subject] = f.Fact
	}
	if r.Host.KVM != facts["system calls"] || r.Host.HugePages != facts["huge pages"] {
		t.Errorf("the report says %+v of the host, doctor says %v", r.Host, facts)
	}
}

func TestReportCountsBytesByMount(t *testing.T) {
	t.Parallel()
	p := place{t, t.TempDir()}
	for name, size := range map[string]int{"in/a": 5000, "app/model": 3000, "data/state": 700} {
		p.mkdir(filepath.Dir(name), 0o755)
		p.write(name, []byte(strings.Repeat("x", size)))
	}
	o, r := measured(t, "--in", p.path("in"), "--app", p.path("app"), "--data", p.path("data"), "--out", p.mkdir("out", 0o755), guest("known"), "files")
	if o.stdout != "to stdout!\n" || o.stderr != "errors" {
		t.Fatal(o)
	}
	read := map[string]uint64{"/in": 5000, "/app": 3000, "/data": 700}
	written := map[string]uint64{"/out": 8700, "/tmp": 8, "stdout": 11, "stderr": 6}
	if !maps.Equal(r.Bytes.Read, read) || !maps.Equal(r.Bytes.Written, written) {
		t.Errorf("read %v, want %v; written %v, want %v", r.Bytes.Read, read, r.Bytes.Written, written)
	}
	if info, err := os.Stat(p.path("out/copy")); err != nil || info.Size() != 8700 {
		t.Errorf("the output has %v (%v), want 8700 bytes", info, err)
	}
}

func TestReportCountsCallsByName(t *testing.T) {
	t.Parallel()
	_, none := measured(t, guest("known"), "calls", "0")
	_, some := measured(t, guest("known"), "calls", "1234")
	if none.Calls.Served["getppid"] != 0 || some.Calls.Served["getppid"] != 1234 {
		t.Errorf("getppid was called 0 and 1234 times; counted %d and %d", none.Calls.Served["getppid"], some.Calls.Served["getppid"])
	}
	if more := some.Exits.Calls - none.Exits.Calls; more != 1234 {
		t.Errorf("1234 calls gave %d exits", more)
	}
	if got := some.Calls.Unsupported; got["io_uring_setup"] != 3 || got["clone3"] != 1 || len(got) != 3 {
		t.Errorf("unsupported: %v, want io_uring_setup 3, clone3 1 and a call without a name", got)
	}
	var all uint64
	for _, calls := range []map[string]uint64{some.Calls.Served, some.Calls.Unsupported} {
		for _, n := range calls {
			all += n
		}
	}
	if all != some.Exits.Calls {
		t.Errorf("%d calls are named, and there were %d exits for calls", all, some.Exits.Calls)
	}
}

// Touched pages are counted to the page; the rest stands around them.
func TestReportCountsPagesTouched(t *testing.T) {
	t.Parallel()
	_, few := measured(t, "--memory=32MiB", guest("known"), "touch", "100", "37")
	_, many := measured(t, "--memory=32MiB", guest("known"), "touch", "400", "37")
	if more := many.Memory.Touched - few.Memory.Touched; more != 300*4096 {
		t.Errorf("300 more pages were touched; counted %d bytes more, want %d", more, 300*4096)
	}
	for _, m := range []cell.Memory{few.Memory, many.Memory} {
		if m.Limit != 32<<20 || m.Touched < 100*4096 || m.Touched > m.Backed || m.Backed > m.Limit || m.HostResident < m.Touched || m.RunnerPeak < m.HostResident || m.Mapped < 512*4096 {
			t.Errorf("memory does not add up: %+v", m)
		}
	}
}

// The peak is what was used at once, though it was given back.
func TestReportSaysThePeak(t *testing.T) {
	t.Parallel()
	_, r := measured(t, guest("known"), "gone", "500")
	if m := r.Memory; m.Peak < 500*4096 || m.Backed > 200*4096 || m.Peak > m.Limit {
		t.Errorf("500 pages came and went: %+v", m)
	}
}

// Huge pages leave room for what else a program has mapped.
func TestSparseMemoryIsNotTooMuch(t *testing.T) {
	t.Parallel()
	o, r := measured(t, "--memory=64MiB", guest("known"), "sparse", "8")
	if o.status != 0 || r.Ended.Status != 0 {
		t.Errorf("160 bytes in 320 MiB: %v, %+v", o, r.Ended)
	}
}

// Where a guest goes through its memory in order, what was backed ahead of it
// counts as touched: about as much as it has behind it.
func TestReportCountsPagesTouchedInOrder(t *testing.T) {
	t.Parallel()
	_, none := measured(t, guest("known"), "touch", "0", "1")
	for _, c := range []struct {
		pages string
		bytes uint64
	}{{"100", 100 * 4096}, {"400", 400 * 4096}} {
		_, some := measured(t, guest("known"), "touch", c.pages, "1")
		if got := some.Memory.Touched - none.Memory.Touched; got < c.bytes || got > 2*c.bytes+64<<10 {
			t.Errorf("%s pages were touched in order; counted %d bytes, want %d to twice that and 64 KiB", c.pages, got, c.bytes)
		}
	}
}

func TestReportOfTheRunnersPeak(t *testing.T) {
	t.Parallel()
	_, r := runReported(t, "--memory=64MiB", guest("ends"), "memory")
	if got := r.Memory.RunnerPeak; got < 60<<20 || got > 128<<20 {
		t.Errorf("the guest used all of 64 MiB, and its runner's peak was %d bytes", got)
	}
}

func TestReportOfTimes(t *testing.T) {
	t.Parallel()
	_, busy := measured(t, guest("known"), "compute", "300") // some tenths of a second
	_, idle := measured(t, guest("known"), "sleep", "300")
	_, calls := measured(t, guest("known"), "calls", "20000")
	for _, r := range []*cell.Report{busy, idle, calls} {
		if x := r.Time; x.Setup <= 0 || x.Setup >= x.Wall || x.GuestCPU <= 0 || x.LibraryOS <= 0 || x.GuestCPU+x.LibraryOS > x.RunnerCPU+20e3 {
			t.Errorf("times do not add up: %+v", x)
		}
	}
	if x := busy.Time; x.GuestCPU < 10*idle.Time.GuestCPU || x.GuestCPU < x.RunnerCPU/2 || x.LibraryOS > x.GuestCPU {
		t.Errorf("a payload that computes: %+v; one that sleeps: %+v", x, idle.Time)
	}
	if idle.Time.Wall < 300e3 || idle.Time.GuestCPU > 100e3 || idle.Time.RunnerCPU > 200e3 {
		t.Errorf("a payload that sleeps for 300 ms: %+v", idle.Time)
	}
	if calls.Time.LibraryOS < 1000 { // 50 ns for each
		t.Errorf("20000 calls take the library OS %d us", calls.Time.LibraryOS)
	}
}

func TestReportOfAFault(t *testing.T) {
	t.Parallel()
	o, r := runReported(t, guest("known"), "fault")
	f := r.Ended.Fault
	if o.status != 139 || f == nil {
		t.Fatalf("%v\n%+v", o, r.Ended)
	}
	rip := strings.TrimSpace(o.stdout)
	if f.RIP != rip || f.Address != "0x0000123456789005" || f.Vector != 14 || f.ErrorCode != 6 || f.Code != 1 {
		t.Errorf("got %+v, want a page fault (14, error 6, si_code 1) at RIP %s upon 0x0000123456789005", f, rip)
	}
	for reg, want := range map[string]string{"rax": "0x0000123456789000", "rbx": "0x0000000000001111", "r12": "0x0000000000002222"} {
		if f.Registers[reg] != want {
			t.Errorf("%s is %s, want %s", reg, f.Registers[reg], want)
		}
	}
	if want := "spaceos: the program died by SIGSEGV (si_code 1, address 0x0000123456789005) at RIP " + rip + "\n"; o.stderr != want {
		t.Errorf("stderr %q, want %q", o.stderr, want)
	}
	if r.Exits.Faults == 0 {
		t.Error("no fault was counted")
	}
}

func TestReportReplacesAFile(t *testing.T) {
	t.Parallel()
	p := place{t, t.TempDir()}
	p.write("report.json", []byte(strings.Repeat("old", 10_000)))
	o := finish(t, command(t, "run", "--report", p.path("report.json"), guest("ends"), "exit", "0"))
	report(t, p.path("report.json"))
	if names := listing(t, p.dir); o.status != 0 || len(names) != 1 {
		t.Errorf("%v; left: %v", o, names)
	}
}

// A device or a pipe is written to and never replaced.
// TestReportBesideTheInput: where people work in the folder that they give as
// --in, a report is one more file there, and replaced by the next run's.
func TestReportBesideTheInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "report.json")
	for round := range 2 {
		o := finish(t, command(t, "run", "--in", dir, "--report", path, guest("ends"), "exit", strconv.Itoa(3+round)))
		content, err := os.ReadFile(path)
		if want := fmt.Sprintf(`"status": %d`, 3+round); err != nil || !strings.Contains(string(content), want) {
			t.Errorf("round %d: %v leaves %.200q (%v), want a report with %s", round, o, content, err, want)
		}
	}
}

func TestReportToWhatIsNoFile(t *testing.T) {
	for _, to := range []string{"/dev/stdout", "/dev/fd/1"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			o := finish(t, command(t, "run", "--report", to, guest("ends"), "exit", "0"))
			if err := validate([]byte(o.stdout)); err != nil || o.status != 0 {
				t.Errorf("%v: %v", err, o)
			}
		})
	}
	o := finish(t, command(t, "run", "--report", "-", guest("ends"), "exit", "0"))
	if err := validate([]byte(o.stderr)); err != nil || o.status != 0 {
		t.Errorf("-: %v: %v", err, o)
	}
	finish(t, command(t, "run", "--report", os.DevNull, guest("ends"), "exit", "0"))
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Errorf("/dev/null is %v (%v) now", info.Mode(), err)
	}
}

// A run that is refused has a report too.
func TestReportOfARefusedRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		status int
	}{
		{"no program", []string{"/no/such/program"}, 127},
		{"a script", []string{"testdata/guests/ends.c"}, 126},
		{"a folder that is not there", []string{"--in=/no/such/folder", guest("ends")}, 125},
		{"a limit that nobody can hold", []string{"--memory=1", guest("ends")}, 125},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o, r := runReported(t, c.args...)
			said := strings.TrimSuffix(strings.TrimPrefix(o.stderr, "spaceos: "), "\n")
			if o.status != c.status || r.Ended.Status != c.status || r.Ended.Cause != "refused" || r.Ended.Message != said {
				t.Errorf("%v\nthe report says %+v; want status %d and the same sentence", o, r.Ended, c.status)
			}
		})
	}
}

func TestReportIsForPeopleToo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "report.json")
	finish(t, command(t, "run", "--report", path, guest("ends"), "exit", "0"))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines < 30 || !strings.HasSuffix(string(text), "}\n") || !json.Valid(text) {
		t.Errorf("%d lines:\n%s", lines, text)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o644 {
		t.Errorf("its mode is %v, want -rw-r--r--", info.Mode())
	}
}

// namesMade are the names that come up in a folder while f runs.
func namesMade(t *testing.T, dir string, f func()) (names []string) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_MOVED_TO); err != nil {
		t.Fatal(err)
	}
	f()
	raw := make([]byte, 16<<10)
	n, err := unix.Read(fd, raw)
	if err != nil && err != unix.EAGAIN {
		t.Fatal(err)
	}
	for raw = raw[:max(n, 0)]; len(raw) > 0; {
		length := binary.LittleEndian.Uint32(raw[12:])
		names = append(names, unix.ByteSliceToString(raw[16:16+length]))
		raw = raw[16+length:]
	}
	return names
}

// A kill at any moment leaves no file beside the report: none is ever there but
// for the moment in which a report takes another one's place.
func TestReportIsWrittenWithoutAName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "report.json")
	for _, c := range []struct {
		prove string
		names []string
	}{
		{"a new report", []string{"report.json"}},
		{"a report in place of another", []string{".report.json.", "report.json"}},
	} {
		var r *reportFile
		if names := namesMade(t, dir, func() {
			var err error
			if r, err = newReportFile(path, cli.Streams{}); err != nil {
				t.Fatal(err)
			}
		}); len(names) > 0 {
			t.Errorf("%s: the path was tried by the names %q, want none", c.prove, names)
		}
		names := namesMade(t, dir, func() {
			if err := r.write(&cell.Report{Schema: cell.ReportSchema}); err != nil {
				t.Fatal(err)
			}
		})
		if !slices.EqualFunc(names, c.names, strings.HasPrefix) {
			t.Errorf("%s: names %q, want those that begin with %q", c.prove, names, c.names)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: %v in the folder (%v), want the report alone", c.prove, entries, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the report: %v, %v; want mode 0644", info, err)
	}
}

// Where a file system knows no files without a name, a draft has one.
func TestReportByANamedDraft(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "report.json")
	for _, text := range []string{"first", "second"} {
		f, err := os.Create(path + ".draft")
		if err != nil {
			t.Fatal(err)
		}
		d := draft{f, true}
		if _, err := d.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := d.publish(path); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("got %q (%v), want %q", got, err, text)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(f.Name()); !os.IsNotExist(err) {
			t.Errorf("the draft is left: %v", err)
		}
	}
	f, err := os.Create(path + ".draft")
	if err != nil {
		t.Fatal(err)
	}
	if err := (draft{f, true}).discard(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(f.Name()); !os.IsNotExist(err) {
		t.Errorf("the discarded draft is left: %v", err)
	}
}
