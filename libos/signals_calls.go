package libos

import (
	"encoding/binary"
	"slices"
	"syscall"
	"time"
)

// signalCalls are the calls of signals that a thread keeps or sends itself.
var signalCalls = []call{
	{13, "rt_sigaction", SubjectSignals, []Arg{{"sig", ArgSignal, 0}, {"act", ArgStructIn, 32}, {"oldact", ArgStructOut, 32}, {"sigsetsize", ArgUint, 0}}, sysSigaction},
	{14, "rt_sigprocmask", SubjectCore, []Arg{{"how", ArgInt, 0}, {"set", ArgStructIn, 8}, {"oldset", ArgStructOut, 8}, {"sigsetsize", ArgUint, 0}}, sysSigprocmask},
	{15, "rt_sigreturn", SubjectSignals, nil, sysSigreturn},
	{34, "pause", SubjectSignals, nil, sysPause},
	{62, "kill", SubjectSignals, []Arg{{"pid", ArgInt, 0}, {"sig", ArgSignal, 0}}, sysKill},
	{127, "rt_sigpending", SubjectSignals, []Arg{{"set", ArgStructOut, 8}, {"sigsetsize", ArgUint, 0}}, sysSigpending},
	{128, "rt_sigtimedwait", SubjectSignals, []Arg{{"set", ArgStructIn, 8}, {"info", ArgStructOut, 128}, {"timeout", ArgStructIn, 16}, {"sigsetsize", ArgUint, 0}}, sysSigtimedwait},
	{129, "rt_sigqueueinfo", SubjectSignals, []Arg{{"pid", ArgInt, 0}, {"sig", ArgSignal, 0}, {"info", ArgStructIn, siginfoSize}}, sysSigqueueinfo},
	{130, "rt_sigsuspend", SubjectSignals, []Arg{{"mask", ArgStructIn, 8}, {"sigsetsize", ArgUint, 0}}, sysSigsuspend},
	{131, "sigaltstack", SubjectSignals, []Arg{{"ss", ArgStructIn, 24}, {"old_ss", ArgStructOut, 24}}, sysSigaltstack},
	{200, "tkill", SubjectCore, []Arg{{"tid", ArgInt, 0}, {"sig", ArgSignal, 0}}, sysTkill},
	{234, "tgkill", SubjectCore, []Arg{{"pid", ArgInt, 0}, {"tid", ArgInt, 0}, {"sig", ArgSignal, 0}}, sysTgkill},
	{297, "rt_tgsigqueueinfo", SubjectSignals, []Arg{{"pid", ArgInt, 0}, {"tid", ArgInt, 0}, {"sig", ArgSignal, 0}, {"info", ArgStructIn, siginfoSize}}, sysTgsigqueueinfo},
}

const sigSetSize = 8

// knownActionFlags are the sa_flags that Linux keeps (UAPI_SA_FLAGS and
// SA_RESTORER).
const knownActionFlags = 0x1 | 0x2 | 0x4 | 0x800 | 0x0400_0000 | 0x0800_0000 | 0x1000_0000 | 0x4000_0000 | 0x8000_0000

func sysSigaction(t *Thread, a args) (uint64, errno) {
	if a[3] != sigSetSize {
		return 0, syscall.EINVAL
	}
	var words []uint64
	if a[1] != 0 {
		var e errno
		if words, e = t.p.readWords(a[1], 4); e != 0 {
			return 0, e
		}
	}
	sig := int(a.int(0))
	if sig < 1 || sig > lastSignal || words != nil && neverCaught.has(sig) {
		return 0, syscall.EINVAL
	}
	old := t.p.sig.actions[sig]
	if words != nil {
		t.p.sig.actions[sig] = action{
			handler: words[0], flags: words[1] & knownActionFlags, restorer: words[2],
			mask: sigSet(words[3]) &^ neverCaught,
		}
		if t.p.sig.ignored(sig) {
			t.forget(sig)
		} else {
			t.p.unignored(sig)
		}
	}
	if a[2] != 0 {
		return 0, t.p.writeWords(a[2], old.handler, old.flags, old.restorer, uint64(old.mask))
	}
	return 0, 0
}

// forget drops pending instances of a signal that is ignored from now on. A
// timer with an interval that sent one waits for that to change
// (posixtimer_sig_ignore in kernel/time/posix-timers.c).
func (t *Thread) forget(sig int) {
	same := func(info sigInfo) bool {
		if info.sig == sig && info.timer != nil {
			info.timer.ignored = info.timer.interval > 0
		}
		return info.sig == sig
	}
	t.pending = slices.DeleteFunc(t.pending, same)
	t.p.sig.pending = slices.DeleteFunc(t.p.sig.pending, same)
}

func sysSigprocmask(t *Thread, a args) (uint64, errno) {
	const block, unblock, setMask = 0, 1, 2
	if a[3] != sigSetSize {
		return 0, syscall.EINVAL
	}
	old := t.mask
	if a[1] != 0 {
		words, e := t.p.readWords(a[1], 1)
		if e != 0 {
			return 0, e
		}
		set := sigSet(words[0]) &^ neverCaught
		switch a.int(0) {
		case block:
			t.mask |= set
		case unblock:
			t.mask &^= set
		case setMask:
			t.mask = set
		default:
			return 0, syscall.EINVAL
		}
	}
	if a[2] != 0 {
		return 0, t.p.writeWords(a[2], uint64(old))
	}
	return 0, 0
}

func sysSigpending(t *Thread, a args) (uint64, errno) {
	if a[1] > sigSetSize {
		return 0, syscall.EINVAL
	}
	set := (t.pending.set() | t.p.sig.pending.set()) & t.mask
	raw := binary.LittleEndian.AppendUint64(nil, uint64(set))
	return 0, t.p.writeStruct(a[0], raw[:a[1]])
}

func sysPause(t *Thread, _ args) (uint64, errno) {
	_, e := t.wait(nil, -1)
	return 0, noHandler(e)
}

func sysSigsuspend(t *Thread, a args) (uint64, errno) {
	if a[1] != sigSetSize {
		return 0, syscall.EINVAL
	}
	words, e := t.p.readWords(a[0], 1)
	if e != 0 {
		return 0, e
	}
	t.waitWith(sigSet(words[0]))
	_, e = t.wait(nil, -1)
	return 0, noHandler(e)
}

// waitWith changes the mask until the signals that end the call that comes are
// delivered.
func (t *Thread) waitWith(mask sigSet) {
	old := t.mask
	t.saved = &old
	t.mask = mask &^ neverCaught
}

func sysSigtimedwait(t *Thread, a args) (uint64, errno) {
	if a[3] != sigSetSize {
		return 0, syscall.EINVAL
	}
	words, e := t.p.readWords(a[0], 1)
	if e != 0 {
		return 0, e
	}
	timeout := time.Duration(-1)
	if a[2] != 0 {
		if timeout, e = t.p.readTimespec(a[2]); e != 0 {
			return 0, e
		}
	}
	set := sigSet(words[0]) &^ neverCaught
	info, ok := t.takeAny(set)
	if !ok && timeout != 0 {
		t.awaited = set
		_, e = t.wait(nil, timeout)
		t.awaited = 0
		info, ok = t.takeAny(set)
	}
	switch {
	case ok && a[1] != 0:
		if e := t.p.writeStruct(a[1], info.bytes()); e != 0 {
			return 0, e
		}
		return uint64(info.sig), 0
	case ok:
		return uint64(info.sig), 0
	case e != 0:
		return 0, syscall.EINTR
	}
	return 0, syscall.EAGAIN
}

// takeAny takes a pending signal of set, the thread's own first.
func (t *Thread) takeAny(set sigSet) (sigInfo, bool) {
	info, ok := t.pending.take(set)
	if !ok {
		info, ok = t.p.sig.pending.take(set)
	}
	if ok {
		t.p.delivered(&info)
	}
	return info, ok
}

// bytes is a siginfo_t (include/uapi/asm-generic/siginfo.h).
func (info sigInfo) bytes() []byte {
	raw := make([]byte, siginfoSize)
	if info.raw != nil {
		copy(raw, info.raw)
		return raw
	}
	le := binary.LittleEndian
	le.PutUint32(raw, uint32(info.sig))
	le.PutUint32(raw[8:], uint32(info.code))
	switch {
	case info.code == codeUser || info.code == codeThread || info.code == codeKernel:
		le.PutUint32(raw[16:], info.sender) // and a uid of 0
	case info.timer != nil:
		le.PutUint32(raw[16:], uint32(info.timer.id))
		le.PutUint32(raw[20:], uint32(info.overrun))
		le.PutUint64(raw[24:], info.value)
	default:
		le.PutUint64(raw[16:], info.addr)
	}
	return raw
}

// kernelInfoSize is what the kernel keeps of a siginfo_t (struct
// kernel_siginfo); what is behind it is zero.
const kernelInfoSize = 48

// sysSigqueueinfo is rt_sigqueueinfo(2). The process may send itself anything.
func sysSigqueueinfo(t *Thread, a args) (uint64, errno) {
	info, e := t.readInfo(a.uint(1), a[2])
	switch {
	case e != 0:
		return 0, e
	case a.int(0) != guestPID && (info.code >= 0 || info.code == codeThread):
		return 0, syscall.EPERM // only the kernel, kill and tgkill say so
	case a.int(0) != guestPID:
		return 0, syscall.ESRCH
	case info.sig < 0 || info.sig > lastSignal:
		return 0, syscall.EINVAL
	case info.sig == 0:
		return 0, 0
	}
	return 0, t.p.send(info)
}

func sysTgsigqueueinfo(t *Thread, a args) (uint64, errno) {
	info, e := t.readInfo(a.uint(2), a[3])
	switch pid, tid := a.int(0), a.int(1); {
	case e != 0:
		return 0, e
	case pid <= 0 || tid <= 0:
		return 0, syscall.EINVAL
	case int(tid) != t.tid && (info.code >= 0 || info.code == codeThread):
		return 0, syscall.EPERM
	case pid != guestPID || int(tid) != t.tid:
		return 0, syscall.ESRCH
	case info.sig < 0 || info.sig > lastSignal:
		return 0, syscall.EINVAL
	case info.sig == 0:
		return 0, 0
	}
	return 0, t.send(info)
}

// readInfo copies a siginfo_t in for signal sig. One that says more than the
// kernel keeps is E2BIG, unless its layout is known to be shorter.
func (t *Thread) readInfo(sig uint32, addr uint64) (sigInfo, errno) {
	raw := make([]byte, siginfoSize)
	if e := t.p.readStruct(addr, raw[:kernelInfoSize]); e != 0 {
		return sigInfo{}, e
	}
	binary.LittleEndian.PutUint32(raw, sig)
	info := sigInfo{sig: int(int32(sig)), code: int(int32(binary.LittleEndian.Uint32(raw[8:]))), raw: raw[:kernelInfoSize]}
	if knownLayout(info.sig, info.code) {
		return info, 0
	}
	if e := t.p.readStruct(addr+kernelInfoSize, raw[kernelInfoSize:]); e != 0 {
		return sigInfo{}, e
	}
	if slices.ContainsFunc(raw[kernelInfoSize:], func(b byte) bool { return b != 0 }) {
		return sigInfo{}, syscall.E2BIG
	}
	return info, 0
}

// knownLayout is known_siginfo_layout in kernel/signal.c.
func knownLayout(sig, code int) bool {
	const lastQueued, asyncNL, asyncLimit = -7, -60, 6 // SI_DETHREAD, SI_ASYNCNL, NSIGPOLL
	if code == codeKernel {
		return true
	}
	if code > codeUser {
		limits := map[syscall.Signal]int{
			syscall.SIGILL: 11, syscall.SIGFPE: 15, syscall.SIGSEGV: 10, syscall.SIGBUS: 5,
			syscall.SIGTRAP: 6, syscall.SIGCHLD: 6, syscall.SIGPOLL: 6, syscall.SIGSYS: 2,
		}
		if limit, is := limits[syscall.Signal(sig)]; is {
			return code <= limit
		}
		return code <= asyncLimit
	}
	return code >= lastQueued || code == asyncNL
}

// sysKill is kill(2). The process is the only one of its group, and there is
// none beside it.
func sysKill(t *Thread, a args) (uint64, errno) {
	pid, sig := a.int(0), int(a.int(1))
	if pid != 0 && pid != guestPID && pid != -guestPID {
		return 0, syscall.ESRCH
	}
	if sig < 0 || sig > lastSignal {
		return 0, syscall.EINVAL
	}
	if sig == 0 {
		return 0, 0
	}
	return 0, t.p.send(sigInfo{sig: sig, code: codeUser, sender: guestPID})
}

func sysTkill(t *Thread, a args) (uint64, errno) {
	return 0, t.threadKill(guestPID, a.int(0), int(a.int(1)))
}

func sysTgkill(t *Thread, a args) (uint64, errno) {
	return 0, t.threadKill(a.int(0), a.int(1), int(a.int(2)))
}

func (t *Thread) threadKill(pid, tid int32, sig int) errno {
	switch {
	case pid <= 0 || tid <= 0:
		return syscall.EINVAL
	case pid != guestPID || int(tid) != t.tid:
		return syscall.ESRCH
	case sig < 0 || sig > lastSignal:
		return syscall.EINVAL
	case sig == 0:
		return 0
	}
	return t.send(sigInfo{sig: sig, code: codeThread, sender: guestPID})
}

// Flags of sigaltstack(2).
const (
	altOnStack    = 1
	altDisable    = 2
	altAutoDisarm = 1 << 31
	altMinSize    = 2048 // MINSIGSTKSZ
)

// contains says whether the stack has sp.
func (s *altStack) contains(sp uint64) bool { return sp > s.sp && sp-s.sp <= s.size }

// holds says whether the thread with that sp is on the stack; one that is
// disarmed while a handler runs never says so.
func (s *altStack) holds(sp uint64) bool { return s.flags&altAutoDisarm == 0 && s.contains(sp) }

// state is what sigaltstack tells of the stack with the stack pointer at sp.
func (s *altStack) state(sp uint64) uint32 {
	keep := s.flags & altAutoDisarm
	switch {
	case s.size == 0:
		return altDisable | keep
	case s.holds(sp):
		return altOnStack
	}
	return keep
}

// sysSigaltstack is sigaltstack(2).
func sysSigaltstack(t *Thread, a args) (uint64, errno) {
	var words []uint64
	if a[0] != 0 {
		var e errno
		if words, e = t.p.readWords(a[0], 3); e != 0 {
			return 0, e
		}
	}
	old, state := t.alt, t.alt.state(t.cpu.Regs().RSP)
	if words != nil {
		if e := t.setAltStack(altStack{sp: words[0], flags: uint32(words[1]), size: words[2]}); e != 0 {
			return 0, e
		}
	}
	if a[1] != 0 {
		return 0, t.p.writeWords(a[1], old.sp, uint64(state), old.size)
	}
	return 0, 0
}

// setAltStack is do_sigaltstack in kernel/signal.c.
func (t *Thread) setAltStack(next altStack) errno {
	if t.alt.holds(t.cpu.Regs().RSP) {
		return syscall.EPERM
	}
	switch next.flags &^ altAutoDisarm {
	case altDisable:
		next.sp, next.size = 0, 0
	case 0, altOnStack:
		if next.size < altMinSize && next != t.alt {
			return syscall.ENOMEM
		}
	default:
		return syscall.EINVAL
	}
	t.alt = next
	return 0
}
