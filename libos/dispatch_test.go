package libos

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

func TestTraceReadsAsStrace(t *testing.T) {
	g := bare(t, nil)
	g.trace.Reset()
	g.poke(scratchPage, append([]byte("/tmp/x"), 0))
	g.poke(scratchPage+64, []byte("a\"b\n\x01\x012\xff and quite a lot more thn 32 bytes"))
	g.call("openat", 0xffff_ff9c, scratchPage, unix.O_RDWR|unix.O_CREAT, 0o644)
	g.call("write", 3, scratchPage+64, 40)
	g.call("open", scratchPage+3, 0, 0)
	g.call("mmap", 0x1000_0000, 4096, 3, anonymous|unix.MAP_FIXED, ^uint64(0), 0)
	g.call("lseek", 3, 0, 0)
	g.call("read", 3, scratchPage+128, 5)
	g.call("read", 3, 0, 5)
	g.poke(scratchPage+256, []byte{5, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0})
	g.call("nanosleep", 0)
	g.poke(scratchPage+256, make([]byte, 8))
	g.call("nanosleep", scratchPage+256, 0)
	g.call("select", 0, 0, 0, 0, scratchPage+256)
	g.poke(scratchPage+256, []byte{3, 0, 0, 0, 5, 0, 0, 0})
	g.call("poll", scratchPage+256, 1, 0)
	g.call("pipe", scratchPage+256)
	g.call("prlimit64", 0, unix.RLIMIT_STACK, 0, scratchPage+300)
	g.call("clone3", 1, 2)
	g.callNumber(0x1234)
	g.call("exit_group", 7)
	want := []string{
		`openat(AT_FDCWD, "/tmp/x", O_RDWR|O_CREAT, 0644) = 3`,
		`write(3, "a\"b\n\1\0012\377 and quite a lot more th"..., 40) = 40`,
		`open("p/x", O_RDONLY) = -1 ENOENT (No such file or directory)`,
		`mmap(0x10000000, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0x0) = 0x10000000`,
		`lseek(3, 0, SEEK_SET) = 0`,
		`read(3, "a\"b\n\1", 5) = 5`,
		`read(3, NULL, 5) = -1 EFAULT (Bad address)`,
		`nanosleep(NULL, NULL) = -1 EFAULT (Bad address)`,
		`nanosleep({tv_sec=0, tv_nsec=9}, NULL) = 0`,
		`select(0, NULL, NULL, NULL, {tv_sec=0, tv_usec=9}) = 0`,
		`poll([{fd=3, events=POLLIN|POLLOUT}], 1, 0) = 1`,
		`pipe([4, 5]) = 0`,
		`prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0`,
		`clone3(0x1, 0x2, 0x0, 0x0, 0x0, 0x0) = -1 ENOSYS (Function not implemented)`,
		`syscall_0x1234(0x0, 0x0, 0x0, 0x0, 0x0, 0x0) = -1 ENOSYS (Function not implemented)`,
		`exit_group(7) = ?`,
		`+++ exited with 7 +++`,
	}
	got := strings.Split(strings.TrimSpace(g.trace.String()), "\n")
	for i := range max(len(got), len(want)) {
		var a, b string
		if i < len(got) {
			a = strings.Join(strings.Fields(got[i]), " ")
		}
		if i < len(want) {
			b = strings.Join(strings.Fields(want[i]), " ")
		}
		if a != b {
			t.Errorf("line %d is\n%s\nwant\n%s", i, a, b)
		}
	}
}

func TestTraceShowsFaults(t *testing.T) {
	g := bare(t, nil)
	g.trace.Reset()
	g.touch(0x1234, ProtWrite)
	want := "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x1234} ---\n+++ killed by SIGSEGV +++\n"
	if got := g.trace.String(); got != want {
		t.Errorf("trace:\n%swant:\n%s", got, want)
	}
}

func TestTraceChangesNothing(t *testing.T) {
	g := bare(t, nil)
	addr := g.must("mmap", 0, PageSize, 3, anonymous|unix.MAP_GROWSDOWN, ^uint64(0), 0)
	before, pages := g.p.mapsText(), len(g.m.pages)
	g.fails(syscall.EBADF, "write", 99, addr-8, 100)
	if after := g.p.mapsText(); after != before || len(g.m.pages) != pages {
		t.Errorf("tracing a call that reads nothing changed memory from\n%s to\n%s", before, after)
	}
}

func TestCountsByName(t *testing.T) {
	g := bare(t, nil)
	for range 3 {
		g.call("getpid")
	}
	g.fails(syscall.ENOSYS, "clone")
	g.fails(syscall.ENOSYS, "rseq")
	for nr := range uint64(1000) {
		g.callNumber(1_000_000 + nr)
	}
	g.callNumber(1<<32 | 39) // the upper half of RAX does not count
	c := g.p.Counts()
	if c.Calls["getpid"] != 4 || c.Unsupported["clone"] != 1 || c.Unsupported["rseq"] != 1 || c.Unsupported["unknown"] != 1000 {
		t.Errorf("counts are %v and unsupported %v", c.Calls, c.Unsupported)
	}
	if c.Time <= 0 {
		t.Errorf("time in the library OS is %v", c.Time)
	}
}

func TestSubjectsSwitchCallsOff(t *testing.T) {
	g := newGuest(t, func(c *Config) { c.Subjects = 1 << SubjectTime })
	g.fails(syscall.EFAULT, "clock_gettime", 0, 0)
	g.fails(syscall.ENOSYS, "times", 0)
	if got := g.call("getpid"); got != guestPID {
		t.Errorf("getpid of the core gives %d", got)
	}
}

// TestTableNamesAreLinuxs holds the rows to Linux's own names and numbers.
func TestTableNamesAreLinuxs(t *testing.T) {
	seen := map[uint32]bool{}
	for _, rows := range callRows {
		for _, c := range rows {
			if callName(c.nr) != c.name {
				t.Errorf("row %d is %q, Linux says %q", c.nr, c.name, callName(c.nr))
			}
			if seen[c.nr] {
				t.Errorf("%s has two rows", c.name)
			}
			seen[c.nr] = true
			if c.fn == nil || len(c.args) > 6 {
				t.Errorf("%s has no function or %d arguments", c.name, len(c.args))
			}
		}
	}
}

func TestWaitIsNotCounted(t *testing.T) {
	g := bare(t, nil)
	g.poke(scratchPage, make([]byte, 16))
	g.p.writeTimespec(scratchPage, 100*time.Millisecond)
	begin := time.Now()
	g.must("nanosleep", scratchPage, 0)
	if slept := time.Since(begin); slept < 100*time.Millisecond {
		t.Errorf("slept %v, want 100ms", slept)
	}
	if used := g.p.Counts().Time; used > 90*time.Millisecond {
		t.Errorf("the sleep counts as %v of the library OS's time", used)
	}
}

func TestFrozenClockMovesInSleepAlone(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	g := bare(t, func(c *Config) { c.Clock = world.NewClock(start, true) })
	g.p.writeTimespec(scratchPage, 1000*time.Hour)
	begin := time.Now()
	g.must("nanosleep", scratchPage, 0)
	g.must("clock_gettime", 0, scratchPage)
	if got, want := g.peek64(scratchPage), uint64(start.Add(1000*time.Hour).Unix()); got != want {
		t.Errorf("after sleeping 1000 hours it is %d, want %d", got, want)
	}
	g.must("clock_gettime", 1, scratchPage)
	if got := g.peek64(scratchPage); got != 3_600_000 {
		t.Errorf("the uptime is %d s, want 3600000", got)
	}
	if time.Since(begin) > time.Minute {
		t.Error("the sleep took real time")
	}
}

func TestCallEndedBySignalIsMadeAgain(t *testing.T) {
	g := bare(t, nil)
	g.p.main.mask = 0
	time.AfterFunc(20*time.Millisecond, func() { g.p.Signal(int(syscall.SIGTERM)) })
	g.call("pause")
	if end := g.p.End(); end == nil || end.Signal != int(syscall.SIGTERM) || end.Status() != 143 {
		t.Fatalf("a signal from outside ends pause with %+v, want SIGTERM", end)
	}
	if nr := g.m.regs.RAX; nr != uint64(numberOf["pause"]) || g.m.regs.RIP != 0x40_0010-2 {
		t.Errorf("registers are RAX %d, RIP %#x: want the call again", nr, g.m.regs.RIP)
	}
}

func TestKillEndsWait(t *testing.T) {
	g := bare(t, nil)
	time.AfterFunc(20*time.Millisecond, func() { g.p.Kill(End{Signal: int(syscall.SIGKILL), Reason: "time is up"}) })
	g.call("pause")
	if end := g.p.End(); end.Reason != "time is up" {
		t.Errorf("end is %+v", end)
	}
}

func TestOnlySomeSubjects(t *testing.T) {
	for name, c := range map[string]struct {
		subjects    []string
		there, gone []string
	}{
		"none":             {nil, []string{"mmap", "write", "read", "close", "fstat", "exit_group", "getpid"}, []string{"openat", "clock_gettime", "getrandom", "rt_sigaction", "poll", "times", "ioctl", "lseek"}},
		"files":            {[]string{"files"}, []string{"write", "openat", "lseek"}, []string{"clock_gettime", "getrandom"}},
		"time and signals": {[]string{"time", "signals"}, []string{"clock_gettime", "rt_sigaction"}, []string{"openat", "poll"}},
	} {
		set, err := Only(c.subjects)
		if err != nil || set == 0 {
			t.Fatalf("%s: %v, %v", name, set, err)
		}
		allowed := map[string]bool{}
		for _, info := range Calls() {
			allowed[info.Name] = set.Allows(info.Subject)
		}
		for _, call := range c.there {
			if !allowed[call] {
				t.Errorf("%s: %s is off", name, call)
			}
		}
		for _, call := range c.gone {
			if allowed[call] {
				t.Errorf("%s: %s is on", name, call)
			}
		}
	}
	for _, bad := range []string{"", "core", "threads", "Files", "Subject(9)"} {
		if set, err := Only([]string{"files", bad}); err == nil {
			t.Errorf("%q is taken for a subject: %b", bad, set)
		}
	}
}
