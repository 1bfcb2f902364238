package libos

import (
	"fmt"
	"syscall"
	"time"
)

// callRows is every call that exists, by subject. The rows are data of the
// program: making them at each start would take a tenth of it.
var callRows = [...][]call{
	memoryCalls, timeCalls, timerCalls, signalCalls, randomCalls,
	processCalls, identityCalls, limitCalls, schedulerCalls,
	openCalls, transferCalls, statCalls, folderCalls, nameCalls, attributeCalls, spaceCalls, xattrCalls, pollCalls,
}

// callTable finds rows by number.
type callTable [len(linuxCalls)]*call

func (t *callTable) fill() {
	for _, rows := range callRows {
		for i := range rows {
			t[rows[i].nr] = &rows[i]
		}
	}
}

func (t *callTable) find(nr uint32) *call {
	if nr >= uint32(len(t)) {
		return nil
	}
	return t[nr]
}

// callName is Linux's name of a call number, ours to serve or not.
func callName(nr uint32) string {
	if nr < uint32(len(linuxCalls)) && linuxCalls[nr] != "" {
		return linuxCalls[nr]
	}
	return "unknown"
}

// Call serves the system call that the thread stopped at: number and arguments
// are in its registers, and so is the result when it returns. The thread goes
// on with its registers unless the process has ended.
func (t *Thread) Call() {
	defer t.leave(t.enter())
	regs := t.cpu.Regs()
	nr := uint32(regs.RAX)
	t.p.ordinal++
	a := args{regs.RDI, regs.RSI, regs.RDX, regs.R10, regs.R8, regs.R9}
	c := t.p.calls.find(nr)
	if c == nil || !t.p.cfg.Subjects.Allows(c.subject) {
		t.unsupported(nr, a)
		t.finishCall(regs.RAX, 0, syscall.ENOSYS)
		return
	}
	t.p.counts.served[nr]++
	line, rax := t.traceCall(c, a), regs.RAX
	value, e := c.fn(t, a)
	line.done(value, e)
	t.finishCall(rax, value, e)
}

// unsupported notes a call that does not exist here. A number that Linux does
// not have counts as one name, so that a guest cannot grow the table.
func (t *Thread) unsupported(nr uint32, a args) {
	if t.p.cfg.Trace != nil {
		t.traceUnsupported(nr, a)
	}
	if callName(nr) == "unknown" {
		nr = uint32(len(linuxCalls))
	}
	t.p.counts.unsupported[nr]++
}

// finishCall puts the result into the registers and acts on signals. RAX had
// the number of the call.
func (t *Thread) finishCall(rax, value uint64, e errno) {
	regs := t.cpu.Regs()
	switch e {
	case 0:
		regs.RAX = value
	case errRestart, errRestartNoHandler:
		t.restart = restart{e, rax}
	default:
		regs.RAX = -uint64(e)
	}
	t.deliver()
}

// Interrupted is for a stop without a call or fault, such as a kick from
// outside: it acts on signals.
func (t *Thread) Interrupted() {
	defer t.leave(t.enter())
	t.deliver()
}

// visit is what leave must know of enter's side.
type visit struct {
	begin time.Time
	alive bool
}

// enter takes the process's lock and starts its time; leave ends both.
func (t *Thread) enter() visit {
	t.p.mu.Lock()
	t.waited = 0
	return visit{time.Now(), t.p.end == nil}
}

func (t *Thread) leave(v visit) {
	t.p.counts.time += time.Since(v.begin) - t.waited
	t.p.ident.waited += t.waited
	if v.alive && t.p.end != nil {
		t.traceEnd()
	}
	t.p.mu.Unlock()
}

// String names a subject as a manifest does.
func (s Subject) String() string {
	names := [...]string{"core", "files", "time", "signals", "random", "poll", "process"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("Subject(%d)", uint8(s))
}
