package libos

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

const (
	traceString = 32 // bytes of a string or buffer that are shown, as in strace
	traceVector = 8  // pieces of an iovec that are shown
	traceStruct = 16 // bytes of the largest structure that is shown
	traceColumn = 39 // where the result begins
)

// traceLine is one call on its way into the trace. The line is written when
// the call is over: then what it read has been touched, and what it wrote is
// there.
type traceLine struct {
	t *Thread
	c *call
	a args

	before [6][]byte // small structures that the call reads, as they were
}

func (t *Thread) traceCall(c *call, a args) *traceLine {
	if t.p.cfg.Trace == nil {
		return nil
	}
	l := &traceLine{t: t, c: c, a: a}
	for i, arg := range c.args {
		if (arg.Kind == ArgStructIn || arg.Kind == ArgStructIO) && arg.Size <= traceStruct {
			l.before[i] = t.peek(a[i], arg.Size)
		}
	}
	return l
}

// done writes the line with the call's result.
func (l *traceLine) done(value uint64, e errno) {
	if l == nil {
		return
	}
	shown := make([]string, 0, len(l.c.args))
	for i, arg := range l.c.args {
		if arg.Kind == ArgMode && i > 0 && l.c.args[i-1].Kind == ArgOpenFlags && l.a[i-1]&unix.O_CREAT == 0 {
			continue // open looks at the mode only when it creates
		}
		shown = append(shown, l.argument(i, value, e))
	}
	l.t.tracef("%-*s = %s", traceColumn, l.c.name+"("+strings.Join(shown, ", ")+")", l.result(value, e))
}

func (t *Thread) tracef(format string, a ...any) {
	if t.p.cfg.Trace != nil {
		fmt.Fprintf(t.p.cfg.Trace, format+"\n", a...)
	}
}

// result shows what a call returned.
func (l *traceLine) result(value uint64, e errno) string {
	switch {
	case e == errRestart:
		return "? ERESTARTSYS (To be restarted if SA_RESTART is set)"
	case e == errRestartNoHandler:
		return "? ERESTARTNOHAND (To be restarted if no handler)"
	case e != 0:
		return "-1 " + errnoText(e)
	}
	switch l.c.name {
	case "exit", "exit_group":
		return "?"
	case "mmap", "brk", "mremap":
		return fmt.Sprintf("%#x", value)
	}
	return fmt.Sprint(int64(value))
}

// errnoText shows an error as strace does: name and message.
func errnoText(e errno) string {
	text := e.Error()
	return fmt.Sprintf("%s (%s)", unix.ErrnoName(e), strings.ToUpper(text[:1])+text[1:])
}

// argument shows the i-th argument.
func (l *traceLine) argument(i int, value uint64, e errno) string {
	v, arg := l.a[i], l.c.args[i]
	switch arg.Kind {
	case ArgInt:
		return fmt.Sprint(int32(v))
	case ArgFD:
		return fmt.Sprint(int32(v))
	case ArgUint, ArgSize:
		return fmt.Sprint(v)
	case ArgOffset:
		return fmt.Sprint(int64(v))
	case ArgPath:
		return l.t.peekString(v, world.PathMax)
	case ArgString:
		return l.t.peekString(v, traceString)
	case ArgBufIn, ArgBufOut:
		n := l.next(i, ArgSize)
		if arg.Kind == ArgBufOut {
			if e != 0 {
				return pointer(v)
			}
			n = min(n, value)
		}
		return l.t.peekBuffer(v, n)
	case ArgIovecIn, ArgIovecOut:
		left := uint64(1 << 62)
		if arg.Kind == ArgIovecOut {
			if left = value; e != 0 {
				left = 0
			}
		}
		return l.t.peekVector(v, l.next(i, ArgInt), left)
	case ArgStructIn, ArgStructOut, ArgStructIO:
		// What is left of a sleep is written when it ends early.
		if arg.Kind == ArgStructOut && (e != 0) != (arg.Name == "rem") {
			return pointer(v)
		}
		raw := l.before[i]
		if len(raw) < arg.Size { // written by the call, or not touched before
			raw = l.t.peek(v, min(arg.Size, traceStruct))
		}
		return l.structure(i, raw)
	case ArgHex:
		return fmt.Sprintf("%#x", v)
	case ArgAddr:
		return pointer(v)
	}
	return symbol(arg.Kind, l.c.name, v)
}

// next gives the value of the first argument of a kind behind the i-th.
func (l *traceLine) next(i int, kind ArgKind) uint64 {
	for j := i + 1; j < len(l.c.args); j++ {
		if l.c.args[j].Kind == kind {
			return l.a[j]
		}
	}
	return 0
}

func pointer(v uint64) string {
	if v == 0 {
		return "NULL"
	}
	return fmt.Sprintf("%#x", v)
}

// peek shows guest memory without changing what is there: it stops where a
// page has not been touched yet. At most n bytes.
func (t *Thread) peek(addr uint64, n int) []byte {
	var seen []byte
	for len(seen) < n {
		at := addr + uint64(len(seen))
		r := t.p.mem.regions.at(at)
		if r == nil || r.prot == ProtNone || !t.p.mem.backed.has(at) {
			break
		}
		room := min(uint64(n-len(seen)), PageSize-at%PageSize)
		view := t.p.cfg.Memory.View(at, room)
		if len(view) == 0 {
			break
		}
		seen = append(seen, view...)
	}
	return seen
}

// quote shows bytes as strace does, cut at traceString.
func quote(b []byte, cut bool) string {
	if len(b) > traceString {
		b, cut = b[:traceString], true
	}
	var s strings.Builder
	s.WriteByte('"')
	for i, c := range b {
		if n := strings.IndexByte("\t\n\v\f\r\"\\", c); n >= 0 {
			s.WriteString(`\` + `tnvfr"\`[n:n+1])
		} else if c >= ' ' && c < 0x7f {
			s.WriteByte(c)
		} else if i+1 < len(b) && b[i+1] >= '0' && b[i+1] <= '7' {
			fmt.Fprintf(&s, `\%03o`, c)
		} else {
			fmt.Fprintf(&s, `\%o`, c)
		}
	}
	s.WriteByte('"')
	if cut {
		s.WriteString("...")
	}
	return s.String()
}

// peekString shows at most n bytes of a string of the guest.
func (t *Thread) peekString(addr uint64, n int) string {
	b := t.peek(addr, n+1)
	if end := strings.IndexByte(string(b), 0); end >= 0 {
		return quote(b[:end], false)
	}
	if len(b) == 0 {
		return pointer(addr)
	}
	return quote(b[:min(len(b), n)], true)
}

// peekBuffer shows n bytes of the guest.
func (t *Thread) peekBuffer(addr, n uint64) string {
	b := t.peek(addr, int(min(n, traceString+1)))
	if len(b) == 0 && n > 0 {
		return pointer(addr)
	}
	return quote(b, uint64(len(b)) < n)
}

// peekVector shows an iovec array of count pieces with left bytes in all.
func (t *Thread) peekVector(addr, count, left uint64) string {
	count = uint64(uint32(count))
	raw := t.peek(addr, int(min(count, traceVector))*16)
	if len(raw) < 16 {
		return pointer(addr)
	}
	var pieces []string
	for ; len(raw) >= 16; raw = raw[16:] {
		base, length := binary.LittleEndian.Uint64(raw), binary.LittleEndian.Uint64(raw[8:])
		used := min(length, left)
		left -= used
		pieces = append(pieces, fmt.Sprintf("{iov_base=%s, iov_len=%d}", t.peekBuffer(base, used), length))
	}
	if uint64(len(pieces)) < count {
		pieces = append(pieces, "...")
	}
	return "[" + strings.Join(pieces, ", ") + "]"
}

// structure shows the i-th argument where it is a structure of a number or two;
// of the others the address.
func (l *traceLine) structure(i int, raw []byte) string {
	addr, arg := l.a[i], l.c.args[i]
	if addr == 0 || len(raw) < arg.Size {
		return pointer(addr)
	}
	switch {
	case arg.Name == "pipefd":
		return fmt.Sprintf("[%d, %d]", int32(binary.LittleEndian.Uint32(raw)), int32(binary.LittleEndian.Uint32(raw[4:])))
	case arg.Name == "fds": // the first of them
		more := ""
		if l.next(i, ArgUint) > 1 {
			more = ", ..."
		}
		return fmt.Sprintf("[{fd=%d, events=%s}%s]", int32(binary.LittleEndian.Uint32(raw)), pollNames(binary.LittleEndian.Uint16(raw[4:])), more)
	case arg.Size == 4:
		return fmt.Sprintf("[%d]", int32(binary.LittleEndian.Uint32(raw)))
	case arg.Size == 8:
		return fmt.Sprintf("[%#x]", binary.LittleEndian.Uint64(raw))
	case arg.Size != 16:
		return pointer(addr)
	}
	first, second := binary.LittleEndian.Uint64(raw), binary.LittleEndian.Uint64(raw[8:])
	name := arg.Name
	if l.c.name == "select" {
		name = "tv"
	}
	switch name {
	case "tp", "req", "rem", "timeout":
		return fmt.Sprintf("{tv_sec=%d, tv_nsec=%d}", int64(first), int64(second))
	case "tv":
		return fmt.Sprintf("{tv_sec=%d, tv_usec=%d}", int64(first), int64(second))
	case "rlim", "new_limit", "old_limit":
		return fmt.Sprintf("{rlim_cur=%s, rlim_max=%s}", limitText(first), limitText(second))
	}
	return pointer(addr)
}

func limitText(limit uint64) string {
	switch {
	case limit == unlimited:
		return "RLIM64_INFINITY"
	case limit > 1024 && limit%1024 == 0:
		return fmt.Sprintf("%d*1024", limit/1024)
	}
	return fmt.Sprint(limit)
}

// traceUnsupported shows a call that does not exist.
func (t *Thread) traceUnsupported(nr uint32, a args) {
	name := callName(nr)
	if name == "unknown" {
		name = fmt.Sprintf("syscall_%#x", nr)
	}
	line := fmt.Sprintf("%s(%#x, %#x, %#x, %#x, %#x, %#x)", name, a[0], a[1], a[2], a[3], a[4], a[5])
	t.tracef("%-*s = -1 %s", traceColumn, line, errnoText(syscall.ENOSYS))
}

// traceStart shows the start of the program as strace shows execve.
func (p *Process) traceStart() {
	var list []string
	for _, s := range p.cfg.Args {
		list = append(list, quote([]byte(s), false))
	}
	line := fmt.Sprintf("execve(%s, [%s], /* %d vars */)", quotePath(p.cfg.Path), strings.Join(list, ", "), len(p.cfg.Env))
	p.main.tracef("%-*s = 0", traceColumn, line)
}

func quotePath(path string) string { return quote([]byte(path), false) }

// traceSignal shows a signal that takes effect.
func (t *Thread) traceSignal(info sigInfo) {
	if t.p.cfg.Trace == nil {
		return
	}
	name := signalName(info.sig)
	rest := fmt.Sprintf("si_addr=%s", pointer(info.addr))
	switch info.code {
	case codeUser, codeThread:
		rest = fmt.Sprintf("si_pid=%d, si_uid=0", info.sender)
	}
	t.tracef("--- %s {si_signo=%s, si_code=%s, %s} ---", name, name, codeName(info.sig, info.code), rest)
}

// traceEnd shows how the process ended.
func (t *Thread) traceEnd() {
	end := t.p.end
	switch {
	case end.OOM:
		t.tracef("+++ killed by SIGKILL (out of memory) +++")
	case end.Signal != 0 && end.Reason != "":
		t.tracef("+++ killed by %s (%s) +++", signalName(end.Signal), end.Reason)
	case end.Signal != 0:
		t.tracef("+++ killed by %s +++", signalName(end.Signal))
	default:
		t.tracef("+++ exited with %d +++", end.Code)
	}
}
