package libos

import (
	"encoding/binary"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timerCalls are the calls of timers that send signals.
var timerCalls = []call{
	{36, "getitimer", SubjectTime, []Arg{{"which", ArgInt, 0}, {"curr_value", ArgStructOut, 32}}, sysGetitimer},
	{37, "alarm", SubjectTime, []Arg{{"seconds", ArgUint, 0}}, sysAlarm},
	{38, "setitimer", SubjectTime, []Arg{{"which", ArgInt, 0}, {"new_value", ArgStructIn, 32}, {"old_value", ArgStructOut, 32}}, sysSetitimer},
	{222, "timer_create", SubjectTime, []Arg{{"clockid", ArgClock, 0}, {"sevp", ArgStructIn, sigeventSize}, {"timerid", ArgStructOut, 4}}, sysTimerCreate},
	{223, "timer_settime", SubjectTime, []Arg{{"timerid", ArgInt, 0}, {"flags", ArgHex, 0}, {"new_value", ArgStructIn, 32}, {"old_value", ArgStructOut, 32}}, sysTimerSettime},
	{224, "timer_gettime", SubjectTime, []Arg{{"timerid", ArgInt, 0}, {"curr_value", ArgStructOut, 32}}, sysTimerGettime},
	{225, "timer_getoverrun", SubjectTime, []Arg{{"timerid", ArgInt, 0}}, sysTimerGetoverrun},
	{226, "timer_delete", SubjectTime, []Arg{{"timerid", ArgInt, 0}}, sysTimerDelete},
}

// itimer gives a timer of setitimer, or nil.
func (p *Process) itimer(which int32) *timer {
	if which < 0 || which >= itimers {
		return nil
	}
	x := &p.timers.itimers[which]
	x.clock = [...]clockKind{clockUptime, clockUser, clockCPU}[which]
	x.info = sigInfo{sig: int([...]syscall.Signal{syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGPROF}[which]), code: codeKernel}
	return x
}

// itimerValue is a struct itimerval: interval, then what is left.
func (p *Process) itimerValue(x *timer) []uint64 {
	shortest := time.Microsecond
	if x.clock != clockUptime {
		shortest = kernelTick
	}
	left := x.left(p.read(x.clock, 1), shortest)
	split := func(d time.Duration) (sec, usec uint64) {
		return uint64(d / time.Second), uint64(d % time.Second / time.Microsecond)
	}
	sec, usec := split(x.interval)
	leftSec, leftUsec := split(left)
	return []uint64{sec, usec, leftSec, leftUsec}
}

// sysGetitimer is getitimer(2): kernel/time/itimer.c.
func sysGetitimer(t *Thread, a args) (uint64, errno) {
	x := t.p.itimer(a.int(0))
	if x == nil {
		return 0, syscall.EINVAL
	}
	return 0, t.p.writeWords(a[1], t.p.itimerValue(x)...)
}

func sysSetitimer(t *Thread, a args) (uint64, errno) {
	var value, interval time.Duration
	if a[1] != 0 {
		words, e := t.p.readWords(a[1], 4)
		if e != 0 {
			return 0, e
		}
		var ok1, ok2 bool
		interval, ok1 = duration(words[0], words[1], time.Microsecond)
		value, ok2 = duration(words[2], words[3], time.Microsecond)
		if !ok1 || !ok2 {
			return 0, syscall.EINVAL
		}
	}
	x := t.p.itimer(a.int(0))
	if x == nil {
		return 0, syscall.EINVAL
	}
	old := t.p.itimerValue(x)
	if value == 0 {
		interval = 0
	}
	x.set(t.p.read(x.clock, 1), value, interval, false)
	if a[2] != 0 {
		return 0, t.p.writeWords(a[2], old...)
	}
	return 0, 0
}

// sysAlarm is alarm(2), which counts whole seconds: what is left is rounded,
// and never to 0.
func sysAlarm(t *Thread, a args) (uint64, errno) {
	x := t.p.itimer(itimerReal)
	now := t.p.read(x.clock, 1)
	left := x.left(now, time.Microsecond)
	sec, part := uint64(left/time.Second), left%time.Second
	if sec == 0 && part > 0 || part >= time.Second/2 {
		sec++
	}
	x.set(now, time.Duration(a.uint(0))*time.Second, 0, false)
	return sec, 0
}

// duration makes one of seconds and a part in a unit; it says whether that is
// a time (timespec64_valid). What is longer than a Duration holds is cut.
func duration(sec, part uint64, unit time.Duration) (time.Duration, bool) {
	const longest = 1<<33 - 1 // seconds: 272 years
	if int64(sec) < 0 || part >= uint64(time.Second/unit) {
		return 0, false
	}
	return time.Duration(min(sec, longest))*time.Second + time.Duration(part)*unit, true
}

// Places in struct sigevent (include/uapi/asm-generic/siginfo.h), and what it
// says of the way to notify.
const (
	sigeventSize   = 64
	sigeventSignal = 8
	sigeventNotify = 12
	sigeventThread = 16

	notifySignal   = 0 // SIGEV_SIGNAL
	notifyNone     = 1 // SIGEV_NONE
	notifyThread   = 2 // SIGEV_THREAD: the C library's; a signal here
	notifyThreadID = 4 // SIGEV_THREAD_ID, together with SIGEV_SIGNAL
)

// timerClock gives the kind of a clock that timers can have.
func timerClock(id int32) (clockKind, errno) {
	kind, _ := clockOf(id)
	switch {
	case kind == clockNone:
		return kind, syscall.EINVAL
	case id == unix.CLOCK_MONOTONIC_RAW, id == unix.CLOCK_REALTIME_COARSE, id == unix.CLOCK_MONOTONIC_COARSE,
		id == unix.CLOCK_REALTIME_ALARM, id == unix.CLOCK_BOOTTIME_ALARM: // nothing here wakes from sleep
		return kind, syscall.EOPNOTSUPP
	}
	return kind, 0
}

// sysTimerCreate is timer_create(2): do_timer_create in
// kernel/time/posix-timers.c.
func sysTimerCreate(t *Thread, a args) (uint64, errno) {
	var event [sigeventSize]byte
	if a[1] != 0 {
		if e := t.p.readStruct(a[1], event[:]); e != 0 {
			return 0, e
		}
	}
	kind, e := timerClock(a.int(0))
	if e != 0 {
		return 0, e
	}
	ts := &t.p.timers
	if uint64(len(ts.posix)) >= min(t.p.limit(rlimitSigpending), maxPending) {
		return 0, syscall.EAGAIN
	}
	x := &timer{id: ts.nextID, clock: kind}
	ts.nextID = (ts.nextID + 1) & (1<<31 - 1)
	x.info = sigInfo{sig: int(syscall.SIGALRM), code: codeTimer, timer: x, value: uint64(x.id)}
	if a[1] != 0 {
		if e := x.notify(t, event[:]); e != 0 {
			return 0, e
		}
	}
	if e := t.p.write32(a[2], uint32(x.id)); e != 0 {
		return 0, e
	}
	ts.posix = append(ts.posix, x)
	return 0, 0
}

// notify is what a struct sigevent asks for (good_sigevent).
func (x *timer) notify(t *Thread, event []byte) errno {
	le := binary.LittleEndian
	sig, how := int(int32(le.Uint32(event[sigeventSignal:]))), le.Uint32(event[sigeventNotify:])
	switch how {
	case notifySignal | notifyThreadID:
		if int(le.Uint32(event[sigeventThread:])) != t.tid {
			return syscall.EINVAL
		}
		x.thread = true
		fallthrough
	case notifySignal, notifyThread:
		if sig <= 0 || sig > lastSignal {
			return syscall.EINVAL
		}
	case notifyNone:
		sig = 0
	default:
		return syscall.EINVAL
	}
	x.info.sig, x.info.value = sig, le.Uint64(event)
	return 0
}

// timerValue is a struct itimerspec. A timer that sends nothing goes on by
// being asked.
func (p *Process) timerValue(x *timer) []uint64 {
	now, shortest := p.read(x.clock, 1), time.Duration(1)
	if x.info.sig == 0 {
		shortest = 0
	}
	y := *x
	if y.interval > 0 && y.next != 0 {
		if y.next <= now {
			y.forward(now)
		}
		y.armed = true // also while its signal waits
	}
	left := y.left(now, shortest)
	return []uint64{
		uint64(x.interval / time.Second), uint64(x.interval % time.Second),
		uint64(left / time.Second), uint64(left % time.Second),
	}
}

func sysTimerSettime(t *Thread, a args) (uint64, errno) {
	if a[2] == 0 {
		return 0, syscall.EINVAL
	}
	words, e := t.p.readWords(a[2], 4)
	if e != 0 {
		return 0, e
	}
	interval, ok1 := duration(words[0], words[1], 1)
	value, ok2 := duration(words[2], words[3], 1)
	x := t.p.timers.find(a.int(0))
	if !ok1 || !ok2 || x == nil {
		return 0, syscall.EINVAL
	}
	old := t.p.timerValue(x)
	t.dropSignals(x)
	if value == 0 {
		interval = 0
	}
	x.set(t.p.read(x.clock, 1), value, interval, a.uint(1)&unix.TIMER_ABSTIME != 0)
	x.overrun = 0
	if a[3] != 0 {
		return 0, t.p.writeWords(a[3], old...)
	}
	return 0, 0
}

func sysTimerGettime(t *Thread, a args) (uint64, errno) {
	x := t.p.timers.find(a.int(0))
	if x == nil {
		return 0, syscall.EINVAL
	}
	return 0, t.p.writeWords(a[1], t.p.timerValue(x)...)
}

func sysTimerGetoverrun(t *Thread, a args) (uint64, errno) {
	x := t.p.timers.find(a.int(0))
	if x == nil {
		return 0, syscall.EINVAL
	}
	return uint64(x.overrun), 0
}

func sysTimerDelete(t *Thread, a args) (uint64, errno) {
	x := t.p.timers.find(a.int(0))
	if x == nil {
		return 0, syscall.EINVAL
	}
	t.dropSignals(x)
	t.p.timers.posix = slices.DeleteFunc(t.p.timers.posix, func(y *timer) bool { return y == x })
	return 0, 0
}
