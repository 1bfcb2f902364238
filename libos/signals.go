package libos

import (
	"slices"
	"syscall"
)

// Numbers of signals and codes (include/uapi/asm-generic/siginfo.h).
const (
	lastSignal = 64 // SIGRTMAX
	firstRT    = 32 // SIGRTMIN of the kernel

	codeUser   = 0    // SI_USER
	codeKernel = 0x80 // SI_KERNEL
	codeQueue  = -1   // SI_QUEUE
	codeTimer  = -2   // SI_TIMER
	codeThread = -6   // SI_TKILL

	siginfoSize = 128

	handlerDefault = 0 // SIG_DFL
	handlerIgnore  = 1 // SIG_IGN
)

// sigSet is a set of signals as Linux keeps it: bit n-1 for signal n.
type sigSet uint64

func setOf(signals ...syscall.Signal) sigSet {
	var s sigSet
	for _, sig := range signals {
		s |= 1 << (sig - 1)
	}
	return s
}

func (s sigSet) has(sig int) bool { return s&(1<<(sig-1)) != 0 }

// action is what sigaction(2) keeps of one signal.
type action struct {
	handler, flags, restorer uint64
	mask                     sigSet
}

// sigInfo is one sent signal.
type sigInfo struct {
	sig, code int
	addr      uint64 // of a fault
	sender    uint32 // pid; 0: outside of the world, or the kernel
	timer     *timer // of timer_create, that sent it
	overrun   int32  // of it
	value     uint64 // of a timer
	raw       []byte // what rt_sigqueueinfo was given, in place of all this
}

// sigQueue holds pending signals in the order sent; of the standard ones each
// at most once.
type sigQueue []sigInfo

func (q sigQueue) set() sigSet {
	var s sigSet
	for _, info := range q {
		s |= 1 << (info.sig - 1)
	}
	return s
}

// take removes the lowest signal of those in want; those of exceptions come
// first (next_signal in kernel/signal.c).
func (q *sigQueue) take(want sigSet) (sigInfo, bool) {
	if first := q.set() & want & synchronous; first != 0 {
		want = first
	}
	best := -1
	for i, info := range *q {
		if want.has(info.sig) && (best < 0 || info.sig < (*q)[best].sig) {
			best = i
		}
	}
	if best < 0 {
		return sigInfo{}, false
	}
	info := (*q)[best]
	*q = slices.Delete(*q, best, best+1)
	return info, true
}

// maxPending bounds queued real-time signals (RLIMIT_SIGPENDING).
const maxPending = 1024

// put queues a signal; EAGAIN when the queue is full.
func (q *sigQueue) put(info sigInfo) errno {
	if info.sig < firstRT && q.set().has(info.sig) {
		return 0
	}
	if len(*q) >= maxPending {
		return syscall.EAGAIN
	}
	*q = append(*q, info)
	return 0
}

// signals is what all threads share.
type signals struct {
	actions [lastSignal + 1]action
	pending sigQueue
}

// sigThread is what each thread has of its own.
type sigThread struct {
	mask      sigSet
	saved     *sigSet // the mask to go back to, of a call that waits with another
	awaited   sigSet  // of rt_sigtimedwait: ends a wait though it is blocked
	pending   sigQueue
	alt       altStack
	trap      lastTrap
	selectors selectors
	restart   restart
}

// restart is a call that a signal interrupted: what becomes of it is known
// when it is known whether a handler runs.
type restart struct {
	e   errno // errRestart, errRestartNoHandler; 0: none
	rax uint64
}

// altStack is sigaltstack(2)'s.
type altStack struct {
	sp, size uint64
	flags    uint32
}

// Default actions (signal(7)). There is nobody who could continue a stopped
// process, so the stop signals do nothing.
var (
	synchronous = setOf(syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGFPE, syscall.SIGSYS)

	neverCaught    = setOf(syscall.SIGKILL, syscall.SIGSTOP)
	defaultNothing = setOf(syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGURG, syscall.SIGWINCH,
		syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
)

// ignored says whether sending sig has no effect.
func (s *signals) ignored(sig int) bool {
	a := &s.actions[sig]
	return a.handler == handlerIgnore || a.handler == handlerDefault && defaultNothing.has(sig)
}

// raise sends sig to this thread, as the kernel itself does for SIGPIPE and
// SIGXFSZ. It takes effect when the call is over.
func (t *Thread) raise(sig int) {
	t.send(sigInfo{sig: sig, code: codeUser, sender: guestPID})
}

// send makes a signal pending for this thread.
func (t *Thread) send(info sigInfo) errno {
	if t.p.sig.ignored(info.sig) && !t.mask.has(info.sig) {
		return 0
	}
	return t.pending.put(info)
}

// send makes a signal pending for the process, and wakes its thread.
func (p *Process) send(info sigInfo) errno {
	if p.sig.ignored(info.sig) && !p.main.mask.has(info.sig) {
		return 0
	}
	e := p.sig.pending.put(info)
	p.main.wakeUp()
	return e
}

// force delivers the signal of an exception: it cannot be blocked or ignored
// (force_sig_info in kernel/signal.c).
func (t *Thread) force(info sigInfo, fault *Fault) {
	a := &t.p.sig.actions[info.sig]
	if t.mask.has(info.sig) || a.handler == handlerIgnore {
		a.handler = handlerDefault
		t.mask &^= 1 << (info.sig - 1)
	}
	t.traceSignal(info)
	t.act(info, fault)
}

// actionable says whether a signal waits for this thread that it may take.
func (t *Thread) actionable() bool {
	return (t.pending.set()|t.p.sig.pending.set())&(^t.mask|t.awaited) != 0
}

// signalled is actionable with what the timers have sent by now.
func (t *Thread) signalled() bool {
	t.p.expire()
	return t.actionable()
}

// deliver acts on the signals that wait for this thread, on its way back to
// the program (arch_do_signal_or_restart).
func (t *Thread) deliver() {
	t.p.expire()
	for t.p.end == nil {
		info, ok := t.takeAny(^t.mask)
		if !ok {
			break
		}
		if t.p.sig.ignored(info.sig) {
			continue
		}
		t.traceSignal(info)
		t.act(info, nil)
	}
	t.endCall(true)
	if t.saved != nil {
		t.mask, t.saved = *t.saved, nil
	}
}

// endCall says what becomes of an interrupted call, if there is one: it is made
// once more, or fails.
func (t *Thread) endCall(again bool) {
	r, regs := t.restart, t.cpu.Regs()
	t.restart = restart{}
	switch {
	case r.e == 0:
	case again:
		regs.RAX = r.rax
		regs.RIP -= 2 // the SYSCALL instruction
	default:
		regs.RAX = errnoValue(syscall.EINTR)
	}
}

// errnoValue is what RAX has after a call that failed.
func errnoValue(e errno) uint64 { return -uint64(e) }

// act does what the signal's action says.
func (t *Thread) act(info sigInfo, fault *Fault) {
	a := t.p.sig.actions[info.sig]
	if a.handler <= handlerIgnore {
		t.p.finish(End{Signal: info.sig, Fault: fault})
		return
	}
	if a.flags&saResetHand != 0 {
		t.p.sig.actions[info.sig].handler = handlerDefault
	}
	t.runHandler(info, a, fault)
}

// Signal sends sig to the process from outside, from any goroutine. Numbers
// that are no signals are ignored.
func (p *Process) Signal(sig int) {
	if sig < 1 || sig > lastSignal {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.send(sigInfo{sig: sig, code: codeUser})
}
