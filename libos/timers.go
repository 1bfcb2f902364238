package libos

import (
	"math"
	"slices"
	"syscall"
	"time"
)

// Timers of setitimer(2), by their number there.
const (
	itimerReal = iota
	itimerVirtual
	itimerProf
	itimers
)

// timers are all that sends the process a signal at a time. Nothing in here
// looks at a clock by itself or waits: expire says what is due now, next when
// to ask again.
type timers struct {
	itimers [itimers]timer
	posix   []*timer // of timer_create, by id
	nextID  int32
	user    time.Duration // time in the program's own code, which never goes back
}

// timer is one of them.
type timer struct {
	id       int32
	clock    clockKind
	armed    bool
	next     time.Duration // when it is due, on its clock
	interval time.Duration // 0: once
	info     sigInfo       // what it sends; a signal of 0: nothing (SIGEV_NONE)
	thread   bool          // to the thread, not the process
	ignored  bool          // it was due while its signal was ignored
	overrun  int32         // of its latest signal
}

// The shortest times that a machine is told to wait for a timer: what is due
// earlier is late by so much, and the program gets on in between.
const (
	shortestWait    = 200 * time.Microsecond
	shortestCPUWait = time.Millisecond
)

// userTime is the processor time of the program's own code.
func (p *Process) userTime() time.Duration {
	p.timers.user = max(p.timers.user, p.cpuTime()-p.counts.time)
	return p.timers.user
}

// each visits the timers that run.
func (ts *timers) each(do func(*timer)) {
	for i := range ts.itimers {
		if ts.itimers[i].armed {
			do(&ts.itimers[i])
		}
	}
	for _, x := range ts.posix {
		if x.armed {
			do(x)
		}
	}
}

// expire sends the signals of the timers that are due.
func (p *Process) expire() {
	p.timers.each(func(x *timer) {
		if x.info.sig == 0 || p.read(x.clock, 1) < x.next {
			return
		}
		switch {
		case x.info.timer != nil:
			x.armed = false // until its signal is delivered
			p.sendTimer(x)
		case x.clock == clockUptime:
			x.armed = false // ITIMER_REAL likewise
			p.send(x.info)
		default:
			if x.armed = x.interval > 0; x.armed {
				x.forward(p.read(x.clock, 1))
			}
			p.send(x.info)
		}
	})
}

// sendTimer queues the signal of a timer of timer_create, beside others of its
// number. While the signal is ignored a timer with an interval waits for that
// to change (posixtimer_send_sigqueue in kernel/signal.c).
func (p *Process) sendTimer(x *timer) {
	t := p.main
	if p.sig.ignored(x.info.sig) && !t.mask.has(x.info.sig) {
		x.ignored = x.interval > 0
		return
	}
	x.ignored = false
	q := &p.sig.pending
	if x.thread {
		q = &t.pending
	}
	*q = append(*q, x.info)
}

// unignored sends what waited for sig not to be ignored any more.
func (p *Process) unignored(sig int) {
	for _, x := range p.timers.posix {
		if x.ignored && x.info.sig == sig {
			p.sendTimer(x)
		}
	}
}

// forward moves a timer that was due to the first time after now, and counts
// how many times that is. A time beyond what a Duration holds never comes.
func (x *timer) forward(now time.Duration) int64 {
	steps := max(int64((now-x.next)/x.interval)+1, 0)
	if steps > 0 {
		x.next += time.Duration(steps-1) * x.interval
		x.next += min(x.interval, math.MaxInt64-x.next)
	}
	return steps
}

// delivered starts the timer of a signal that is taken off its queue again.
func (p *Process) delivered(info *sigInfo) {
	if info.sig == int(syscall.SIGALRM) {
		if x := &p.timers.itimers[itimerReal]; !x.armed && x.interval > 0 {
			x.forward(p.read(x.clock, 1))
			x.armed = true
		}
	}
	if x := info.timer; x != nil && x.interval > 0 {
		x.overrun = int32(min(x.forward(p.read(x.clock, 1))-1, math.MaxInt32))
		x.armed = true
		info.overrun = x.overrun
	}
}

// untilTimer is how long it takes until the next timer is due, and whether
// there is one; waiting says that the program waits, so that its own time
// stands still.
func (p *Process) untilTimer(waiting bool) (time.Duration, bool) {
	least, any := time.Duration(math.MaxInt64), false
	p.timers.each(func(x *timer) {
		cpu := x.clock == clockCPU || x.clock == clockUser
		if x.info.sig == 0 || waiting && cpu {
			return
		}
		left := x.next - p.read(x.clock, 1)
		if cpu {
			left = max(left, shortestCPUWait)
		}
		least, any = min(least, max(left, 0)), true
	})
	return least, any
}

// NextTimer says how long the program may run until a timer is due: then the
// machine is to stop it (Interrupted). Without one it says so. On a frozen
// clock no time passes while the program runs.
func (p *Process) NextTimer() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cfg.Clock.Frozen() {
		return 0, false
	}
	left, any := p.untilTimer(false)
	return max(left, shortestWait), any
}

// set starts the timer at now+value, or at value, or stops it (value 0).
func (x *timer) set(now, value, interval time.Duration, absolute bool) {
	x.armed = value != 0
	x.next, x.interval = value, interval
	if !absolute {
		x.next = now + min(value, math.MaxInt64-now)
	}
}

// left is the time until the timer is due, at least shortest; 0 if it does not
// run.
func (x *timer) left(now, shortest time.Duration) time.Duration {
	if !x.armed {
		return 0
	}
	return max(x.next-now, shortest)
}

// find gives the timer of an id.
func (ts *timers) find(id int32) *timer {
	i := slices.IndexFunc(ts.posix, func(x *timer) bool { return x.id == id })
	if i < 0 {
		return nil
	}
	return ts.posix[i]
}

// dropSignals takes back what a timer sent and nobody got yet.
func (t *Thread) dropSignals(x *timer) {
	sent := func(info sigInfo) bool { return info.timer == x }
	t.pending = slices.DeleteFunc(t.pending, sent)
	t.p.sig.pending = slices.DeleteFunc(t.p.sig.pending, sent)
	x.ignored = false
}
