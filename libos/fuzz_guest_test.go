package libos

import (
	"encoding/binary"
	"runtime/metrics"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Steps of a fuzz input: a byte below that of the next one, modulo stepKinds.
// Most are calls.
const (
	stepCall   = 0
	stepPoke   = 11 // a word of scratch memory
	stepTouch  = 12 // the guest's own access
	stepFault  = 13 // an exception
	stepSignal = 14 // from outside, then a stop for it
	stepStack  = 15 // a stack pointer
	stepKinds  = 16
)

// Bytes of an argument: values of the kind that the row names come first.
const (
	fuzzResults = 64  // answers of earlier calls, the latest first, and 8, 16.. behind them
	fuzzAny     = 128 // fuzzValues
	fuzzScratch = 192 // scratch memory
	fuzzRaw     = 224 // eight bytes
)

// Places in scratch memory: strings, iovecs, structures, buffers.
const (
	fuzzPaths   = scratchPage
	fuzzIovecs  = scratchPage + 1*PageSize
	fuzzStructs = scratchPage + 2*PageSize
	fuzzBuffer  = scratchPage + 3*PageSize
	fuzzEnd     = scratchPage + 16*PageSize // a hole begins
)

// fuzzValues are arguments that find edges.
var fuzzValues = []uint64{
	0, 1, 2, 3, 4, 7, 8, 16, 24, 32, 64, 128, 4095, 4096, 4097, 0x10000, 1 << 20, 1 << 31, 1 << 32, 1 << 46, 1 << 47, 1 << 63,
	^uint64(0), ^uint64(99), 0xffff_ff9c, ^uint64(4095), taskSize, taskSize - 1, regionsEnd, regionsEnd - PageSize,
	scratchPage, scratchPage + 8, scratchPage + 100, scratchPage + PageSize, fuzzEnd - 1, fuzzEnd, fuzzEnd - 8,
	0x22, 0x32, 0x12, 0o644, 0o100, 0o2000, 1<<31 - 1, 1<<63 - 1, 1<<31 + 1, 4 << 20, 8 << 20, 2 << 20, 0xdead_0000_0000_0000,
}

var fuzzPathNames = []string{
	"/tmp/f", "/out/f", "/in/f", "/in/l", "/tmp/d", "/tmp/d/e", ".", "..", "", "/", "/proc/self/maps", "/dev/urandom",
	"/dev/null", "/tmp/f/", "/proc/meminfo", "user.a", "/data/x", "f", "/proc/self/exe", "/dev/zero",
}

// fuzzKinds are likely values of each kind of argument.
var fuzzKinds = [...][]uint64{
	ArgInt:       {0, 1, 2, 3, 4, 5, 8, 16, ^uint64(0), 1 << 31},
	ArgUint:      {0, 1, 2, 3, 4, 5, 8, 16, 0xffff_ffff, 1 << 31},
	ArgHex:       {0, 1, 2, 4, 8, 0x10, 0x800, 0x1000, 0x4000, 0x80000, 0x80800, ^uint64(0)},
	ArgSize:      {0, 1, 7, 8, 16, 24, 100, PageSize, 2 * PageSize, 0x10000, 1 << 20, 8 << 20, 1 << 31, ^uint64(0)},
	ArgOffset:    {0, 1, 100, PageSize, 1 << 20, 1 << 40, ^uint64(0), 1<<63 - 1},
	ArgAddr:      {0, fuzzStructs, fuzzBuffer, fuzzEnd - PageSize, fuzzEnd, 0x40_0000, regionsEnd - PageSize, fuzzBuffer + 1},
	ArgFD:        {0, 1, 3, 3, 4, 5, 6, ^uint64(0), 1023},
	ArgDirFD:     {^uint64(99), 3, 4, 5, 0, ^uint64(0)},
	ArgPath:      nil, // fuzzPathNames
	ArgString:    nil,
	ArgBufIn:     {fuzzBuffer, fuzzBuffer + 100, fuzzEnd - 8, 0, fuzzEnd, fuzzPaths},
	ArgBufOut:    {fuzzBuffer, fuzzBuffer + 100, fuzzEnd - 8, 0, fuzzEnd, fuzzIovecs},
	ArgIovecIn:   {fuzzIovecs, fuzzIovecs + 16, fuzzEnd - 16, 0},
	ArgIovecOut:  {fuzzIovecs, fuzzIovecs + 16, fuzzEnd - 16, 0},
	ArgStructIn:  {0, fuzzStructs, fuzzStructs + 64, fuzzStructs + 128, fuzzStructs + 192, fuzzStructs + 256, fuzzStructs + 320, fuzzEnd - 8},
	ArgStructOut: {0, fuzzStructs + 1024, fuzzStructs, fuzzStructs + 64, fuzzStructs + 128, fuzzEnd - 8},
	ArgStructIO:  {0, fuzzStructs, fuzzStructs + 64, fuzzStructs + 128, fuzzStructs + 192, fuzzEnd - 8},
	ArgMode:      {0o644, 0o755, 0, 0o7777, 0o1777, 0o444},
	ArgOpenFlags: {0, unix.O_RDWR | unix.O_CREAT, unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC, unix.O_DIRECTORY, unix.O_PATH,
		unix.O_RDWR | unix.O_CREAT | unix.O_APPEND, unix.O_CREAT | unix.O_EXCL, unix.O_NOFOLLOW, unix.O_TMPFILE | unix.O_RDWR, unix.O_RDWR | unix.O_CLOEXEC | unix.O_NONBLOCK},
	ArgProt:     {0, 1, 3, 5, 2, 4, 7, 0x0100_0003, 0x0200_0003},
	ArgMapFlags: {0x22, 0x22, 0x02, 0x32, 0x12, 0x01, 0x21, 0x4022, 0x10_0022, 0x20022, 0x8022, 0x122, 1, 2, 3},
	ArgAtFlags:  {0, 0x100, 0x200, 0x1000, 0x400, 0x1100},
	ArgWhence:   {0, 1, 2, 3, 4, 5},
	ArgSignal:   {0, 1, 9, 10, 11, 13, 14, 15, 17, 19, 34, 64, 65},
	ArgClock:    {0, 1, 2, 3, 4, 5, 7, 11, ^uint64(5), 99},
	ArgResource: {0, 1, 2, 3, 4, 6, 7, 8, 9, 11, 15, 16},
	ArgCommand: {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 22, 23, 24, 25, 36, 37, 38, 39, 40, 128, 129, 137, 0x401, 0x406, 0x407, 0x408, 0x409, 0x40a,
		0x1001, 0x1002, 0x1003, 0x1004, 0x5401, 0x5402, 0x5413, 0x541b, 0x5421, 0x5450, 0x5451, 0x5456},
}

// fuzzGuest carries out an input.
type fuzzGuest struct {
	*guest
	rows    []call
	input   []byte
	results [8]uint64
}

func (g *fuzzGuest) next() byte {
	if len(g.input) == 0 {
		return 0
	}
	b := g.input[0]
	g.input = g.input[1:]
	return b
}

// prepare fills scratch memory: what structures hold is mostly good.
func (g *fuzzGuest) prepare() {
	for i, name := range fuzzPathNames {
		g.poke(fuzzPaths+uint64(i)*64, append([]byte(name), 0))
	}
	g.poke(fuzzIovecs, raw64(fuzzBuffer, 16, fuzzBuffer+64, 100, fuzzEnd-8, 16, 0, 0, fuzzBuffer, 1<<40))
	const saved = 0x4000_0000 // SA_NODEFER
	for i, s := range [][]byte{
		raw64(1, 500_000_000, 0, 20, 0, 0, 0, 0), // timespec, timeval, itimerval, sigset
		raw64(0x40_0100, 0x0400_0004|saved, 0x40_0200, 0, 0),
		raw64(3|1<<32, 4|5<<32, 0xffff_ffff), // pollfd: descriptor and events
		raw64(fuzzBuffer+2*PageSize, 0, 4*PageSize, 0),
		raw64(100, 200, 4096, 1<<20),
		raw64(unix.F_WRLCK, 0, 10, 0, 0), // struct flock
	} {
		g.poke(fuzzStructs+uint64(i)*64, s)
	}
	g.m.regs.RSP = fuzzEnd - PageSize
}

// value takes one argument of a kind off the input.
func (g *fuzzGuest) value(kind ArgKind) uint64 {
	b := g.next()
	switch {
	case b < fuzzResults && (kind == ArgPath || kind == ArgString):
		return fuzzPaths + uint64(int(b)%len(fuzzPathNames))*64
	case b < fuzzResults:
		return fuzzKinds[kind][int(b)%len(fuzzKinds[kind])]
	case b < fuzzAny:
		return g.results[b%8] + uint64(b-fuzzResults)/8*8
	case b < fuzzScratch:
		return fuzzValues[int(b-fuzzAny)%len(fuzzValues)]
	case b < fuzzRaw:
		return scratchPage + uint64(b-fuzzScratch)*2048
	}
	return binary.LittleEndian.Uint64([]byte{g.next(), g.next(), g.next(), g.next(), g.next(), g.next(), g.next(), g.next()})
}

// run carries out at most 64 steps and checks after each.
func (g *fuzzGuest) run() {
	for steps := 0; len(g.input) > 0 && steps < 64 && g.p.End() == nil && !g.t.Failed(); steps++ {
		allocated := heapAllocated()
		what := g.step()
		const bound = 24 << 20 // all the machine's memory, and buffers
		if n := heapAllocated() - allocated; n > bound {
			g.t.Errorf("%s allocated %d bytes, more than %d", what, n, bound)
		}
		g.trace.Reset()
		if end := g.p.End(); end != nil && end.Err != nil {
			g.t.Errorf("%s: the library OS failed: %v", what, end.Err)
		}
		if g.check(); g.t.Failed() {
			g.t.Logf("after step %d, %s", steps, what)
		}
	}
}

// step carries out one step and gives its name.
func (g *fuzzGuest) step() string {
	switch g.next() % stepKinds {
	case stepPoke:
		slot, v := (uint64(g.next())|uint64(g.next())<<8)%1024, g.value(ArgAddr)
		g.p.copyOut(fuzzIovecs+8*slot, raw64(v)) // the page may be gone
		return "poke"
	case stepTouch:
		addr := g.value(ArgAddr)
		if access := Prot(1) << (g.next() % 3); addr < taskSize {
			g.touch(addr, access)
		}
		return "touch"
	case stepFault:
		g.p.Main().Fault(Trap{Vector: g.next() % 32, ErrorCode: uint32(g.next()), Addr: g.value(ArgAddr)})
		return "fault"
	case stepSignal:
		g.p.Signal(int(g.next()) % 70)
		g.p.Main().Interrupted()
		return "signal"
	case stepStack:
		g.m.regs.RSP = g.value(ArgAddr)
		return "stack"
	}
	return g.makeCall()
}

// makeCall makes a call; one that waits for what only comes from outside gets a
// signal, and if that does not end the wait, its end.
func (g *fuzzGuest) makeCall() string {
	c := g.rows[int(g.next())%len(g.rows)]
	var a args
	for i := range c.args {
		a[i] = g.value(c.args[i].Kind)
	}
	if c.name == "exit" || c.name == "exit_group" {
		return c.name // they end the run at once
	}
	term := time.AfterFunc(4*time.Millisecond, func() { g.p.Signal(int(syscall.SIGTERM)) })
	kill := time.AfterFunc(16*time.Millisecond, func() { g.p.Kill(End{Signal: int(syscall.SIGKILL)}) })
	v := g.callNumber(uint64(c.nr), a[:]...)
	term.Stop()
	kill.Stop()
	again := uint64(v) == uint64(c.nr) && g.m.regs.RIP == 0x40_0010-2
	if v < 0 && v > -4096 && -v > int64(unix.EHWPOISON) && !again && c.name != "rt_sigreturn" {
		g.t.Errorf("%s%#x answered %d, no errno of Linux", c.name, a, v)
	}
	if v >= 0 {
		copy(g.results[1:], g.results[:])
		g.results[0] = uint64(v)
	}
	return c.name
}

// heapAllocated is what was ever allocated, in bytes.
func heapAllocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// check fails the test if the books are wrong: memory's (healthy), limits, and
// the table of descriptors.
func (g *fuzzGuest) check() {
	g.healthy()
	if used := g.m.used(); used > g.m.limit {
		g.t.Errorf("%d bytes of memory are in use, the limit is %d", used, g.m.limit)
	}
	ft := &g.p.files
	if g.m.scratch != uint64(max(ft.scratch, 0)) {
		g.t.Errorf("the meter was told of %d bytes in /tmp, the world said %d", g.m.scratch, ft.scratch)
	}
	slots := map[*openFile]int{}
	for fd, d := range ft.fds {
		switch {
		case d.file == nil && d.cloexec:
			g.t.Errorf("descriptor %d is free and close-on-exec", fd)
		case d.file != nil:
			slots[d.file]++
		}
	}
	for i := range g.p.mem.regions.list {
		if r, ok := g.p.mem.regions.list[i].file.(*filePager); ok {
			slots[r.f]++
		}
	}
	paths, room := 0, map[*pipe]int{}
	for f, n := range slots {
		if f.refs != n {
			g.t.Errorf("a description (%T) counts %d references, and has %d", f.obj, f.refs, n)
		}
		if len(f.path) > shortPath {
			paths += len(f.path)
		}
		if e, ok := f.obj.(*pipeEnd); ok {
			room[e.pipe] = e.pipe.capacity
		}
	}
	sum := 0
	for _, n := range room {
		sum += n
	}
	if paths != ft.longPaths || sum != ft.pipeBytes {
		g.t.Errorf("the table counts %d bytes of long paths and %d of pipes, there are %d and %d", ft.longPaths, ft.pipeBytes, paths, sum)
	}
}

// raw64 makes bytes of words.
func raw64(values ...uint64) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
