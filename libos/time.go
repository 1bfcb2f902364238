package libos

import (
	"encoding/binary"
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timeCalls are the calls of clocks and sleep.
var timeCalls = []call{
	{35, "nanosleep", SubjectTime, []Arg{{"req", ArgStructIn, 16}, {"rem", ArgStructOut, 16}}, sysNanosleep},
	{96, "gettimeofday", SubjectTime, []Arg{{"tv", ArgStructOut, 16}, {"tz", ArgStructOut, 8}}, sysGettimeofday},
	{164, "settimeofday", SubjectTime, []Arg{{"tv", ArgStructIn, 16}, {"tz", ArgStructIn, 8}}, sysSettimeofday},
	{201, "time", SubjectTime, []Arg{{"tloc", ArgStructOut, 8}}, sysTime},
	{227, "clock_settime", SubjectTime, []Arg{{"clockid", ArgClock, 0}, {"tp", ArgStructIn, 16}}, sysClockSettime},
	{228, "clock_gettime", SubjectTime, []Arg{{"clockid", ArgClock, 0}, {"tp", ArgStructOut, 16}}, sysClockGettime},
	{229, "clock_getres", SubjectTime, []Arg{{"clockid", ArgClock, 0}, {"tp", ArgStructOut, 16}}, sysClockGetres},
	{230, "clock_nanosleep", SubjectTime, []Arg{{"clockid", ArgClock, 0}, {"flags", ArgHex, 0}, {"req", ArgStructIn, 16}, {"rem", ArgStructOut, 16}}, sysClockNanosleep},
}

// clockKind is what a clock of Linux is in the world.
type clockKind int

const (
	clockNone clockKind = iota
	clockWall
	clockUptime
	clockCPU  // time that the processor ran
	clockUser // time that it ran the program's own code
)

// kernelTick is the resolution of the coarse clocks (CONFIG_HZ=250).
const kernelTick = 4 * time.Millisecond

// clockOf gives a clock id's kind and resolution. Negative ids name the CPU
// clock of a process or thread (include/linux/posix-timers.h), of which only
// our own exists.
func clockOf(id int32) (clockKind, time.Duration) {
	switch id {
	case unix.CLOCK_REALTIME, unix.CLOCK_TAI, unix.CLOCK_REALTIME_ALARM:
		return clockWall, 1
	case unix.CLOCK_REALTIME_COARSE:
		return clockWall, kernelTick
	case unix.CLOCK_MONOTONIC, unix.CLOCK_MONOTONIC_RAW, unix.CLOCK_BOOTTIME, unix.CLOCK_BOOTTIME_ALARM:
		return clockUptime, 1
	case unix.CLOCK_MONOTONIC_COARSE:
		return clockUptime, kernelTick
	case unix.CLOCK_PROCESS_CPUTIME_ID, unix.CLOCK_THREAD_CPUTIME_ID:
		return clockCPU, 1
	}
	const cpuClockSched = 2
	if id < 0 && id&3 <= cpuClockSched {
		if pid := ^id >> 3; pid == 0 || pid == guestPID {
			if id&3 != cpuClockSched {
				return clockCPU, kernelTick // counted in ticks
			}
			return clockCPU, 1
		}
	}
	return clockNone, 0
}

// read gives a clock's time since its start.
func (p *Process) read(kind clockKind, tick time.Duration) time.Duration {
	var now time.Duration
	switch kind {
	case clockWall:
		now = time.Duration(p.cfg.Clock.Now().UnixNano())
	case clockUptime:
		now = p.cfg.Clock.Uptime()
	case clockCPU:
		now = p.cpuTime()
	case clockUser:
		now = p.userTime()
	}
	return now / tick * tick
}

// cpuTime is the processor time of the program, as far as the machine meters
// it; otherwise the time since its start less that spent in waits. On a frozen
// clock a program runs in no time at all.
func (p *Process) cpuTime() time.Duration {
	if p.cfg.Clock.Frozen() {
		return 0
	}
	if p.cfg.CPUTime != nil {
		return p.cfg.CPUTime()
	}
	return max(p.cfg.Clock.Uptime()-p.ident.started-p.ident.waited, 0)
}

func (p *Process) writeTimespec(addr uint64, d time.Duration) errno {
	return p.writeWords(addr, uint64(d/time.Second), uint64(d%time.Second))
}

// readTimespec copies a timespec in: EFAULT, then EINVAL if it is no time
// (timespec64_valid). What is longer than a Duration holds becomes that.
func (p *Process) readTimespec(addr uint64) (time.Duration, errno) {
	words, e := p.readWords(addr, 2)
	if e != 0 {
		return 0, e
	}
	sec, nsec := int64(words[0]), words[1]
	if sec < 0 || nsec >= uint64(time.Second) {
		return 0, syscall.EINVAL
	}
	if sec >= math.MaxInt64/int64(time.Second) {
		return math.MaxInt64, 0
	}
	return time.Duration(sec)*time.Second + time.Duration(nsec), 0
}

func sysClockGettime(t *Thread, a args) (uint64, errno) {
	kind, tick := clockOf(a.int(0))
	if kind == clockNone {
		return 0, syscall.EINVAL
	}
	return 0, t.p.writeTimespec(a[1], t.p.read(kind, tick))
}

func sysClockGetres(t *Thread, a args) (uint64, errno) {
	kind, tick := clockOf(a.int(0))
	if kind == clockNone {
		return 0, syscall.EINVAL
	}
	if a[1] == 0 {
		return 0, 0
	}
	return 0, t.p.writeTimespec(a[1], tick)
}

// sysClockSettime refuses: the world's clock is not the payload's to set.
func sysClockSettime(t *Thread, a args) (uint64, errno) {
	id := a.int(0)
	if id > 0 {
		return 0, syscall.EINVAL
	}
	words, e := t.p.readWords(a[1], 2)
	if e != 0 {
		return 0, e
	}
	if kind, _ := clockOf(id); kind == clockNone || id == 0 && !settable64(words[0], words[1]) {
		return 0, syscall.EINVAL
	}
	return 0, syscall.EPERM
}

// settable64 says whether a time is one that a clock can be set to: after 1970,
// and 30 years before the end of ktime_t (timespec64_valid_settod).
func settable64(sec, nsec uint64) bool {
	const end = math.MaxInt64/int64(time.Second) - 30*365*24*3600
	return sec < uint64(end) && nsec < uint64(time.Second)
}

func sysGettimeofday(t *Thread, a args) (uint64, errno) {
	if a[0] != 0 {
		now := t.p.read(clockWall, time.Microsecond)
		if e := t.p.writeWords(a[0], uint64(now/time.Second), uint64(now%time.Second/time.Microsecond)); e != 0 {
			return 0, e
		}
	}
	if a[1] != 0 {
		return 0, t.p.write32(a[1], 0, 0) // UTC
	}
	return 0, 0
}

// sysSettimeofday refuses like clock_settime.
func sysSettimeofday(t *Thread, a args) (uint64, errno) {
	valid := true
	if a[0] != 0 {
		words, e := t.p.readWords(a[0], 2)
		if e != 0 {
			return 0, e
		}
		if words[1] > 1_000_000 {
			return 0, syscall.EINVAL
		}
		valid = settable64(words[0], 1000*words[1])
	}
	if a[1] != 0 {
		var tz [8]byte
		if e := t.p.readStruct(a[1], tz[:]); e != 0 {
			return 0, e
		}
	}
	if !valid {
		return 0, syscall.EINVAL
	}
	return 0, syscall.EPERM
}

func sysTime(t *Thread, a args) (uint64, errno) {
	now := uint64(t.p.cfg.Clock.Now().Unix())
	if a[0] != 0 {
		if e := t.p.writeWords(a[0], now); e != 0 {
			return 0, e
		}
	}
	return now, 0
}

func sysNanosleep(t *Thread, a args) (uint64, errno) {
	d, e := t.p.readTimespec(a[0])
	if e != 0 {
		return 0, e
	}
	return 0, t.sleep(d, a[1])
}

func sysClockNanosleep(t *Thread, a args) (uint64, errno) {
	id, flags := a.int(0), a.uint(1)
	kind, _ := clockOf(id)
	const perThread, clockFD, idMask = 4, 3, 7
	switch {
	case kind == clockNone && id >= 0:
		return 0, syscall.EINVAL
	case id < 0 && id&idMask == clockFD:
		return 0, syscall.EOPNOTSUPP // a device's clock, open or not
	case id == unix.CLOCK_THREAD_CPUTIME_ID, id == unix.CLOCK_MONOTONIC_RAW,
		id == unix.CLOCK_REALTIME_COARSE, id == unix.CLOCK_MONOTONIC_COARSE:
		return 0, syscall.EOPNOTSUPP // ENOTSUP: nobody can sleep on them
	}
	d, e := t.p.readTimespec(a[2])
	if e != 0 {
		return 0, e
	}
	if kind == clockNone || id < 0 && id&perThread != 0 { // posix_cpu_nsleep: a thread never waits for its own clock
		return 0, syscall.EINVAL
	}
	if flags&unix.TIMER_ABSTIME == 0 {
		return 0, t.sleep(d, a[3])
	}
	return 0, t.sleep(d-t.p.read(kind, 1), 0)
}

// sleep waits for d; rem, if not 0, is where the rest is written when a signal
// ends it.
func (t *Thread) sleep(d time.Duration, rem uint64) errno {
	if d <= 0 {
		return 0
	}
	begin := t.p.cfg.Clock.Uptime()
	_, e := t.wait(nil, d)
	if e == 0 || rem == 0 {
		return noHandler(e)
	}
	left := max(d-(t.p.cfg.Clock.Uptime()-begin), 0)
	if e := t.p.writeTimespec(rem, left); e != 0 {
		return e
	}
	return noHandler(e)
}

// noHandler turns the restart of a wait into that of a call which no handler
// lets go on.
func noHandler(e errno) errno {
	if e == errRestart {
		return errRestartNoHandler
	}
	return e
}

// times are the four clocks of times(2), in ticks.
func (p *Process) times() []byte {
	ticks := uint64(p.cpuTime() / (time.Second / clockTicks))
	raw := make([]byte, 32)
	binary.LittleEndian.PutUint64(raw, ticks)
	return raw
}
