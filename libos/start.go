package libos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"syscall"
)

// Where things stand in a fresh address space, as Linux chooses on amd64
// (arch/x86/mm/mmap.c, ELF_ET_DYN_BASE), below our own end of user space.
const (
	pieBase      = 0x5555_5555_4000
	mmapPages    = 1 << 28        // of random distance for mmap and PIE
	stackPages   = 1 << 22        // of random distance for the stack
	mmapGap      = 16<<30 + 1<<28 // below the highest stack: its randomness and its growth
	brkPages     = 1 << 13        // of random distance for the heap
	stackInitial = 132 << 10      // what Linux maps at first
	vdsoRoom     = 2 * PageSize

	maxArgString = 128 << 10 // MAX_ARG_STRLEN, with the NUL
	// eagerSegment is how large a segment may be to be read at once instead of
	// page by page when it is touched.
	eagerSegment = 256 << 10
)

// Keys of the auxiliary vector (include/uapi/linux/auxvec.h).
const (
	atNull = iota
	_
	_
	atPhdr
	atPhent
	atPhnum
	atPagesz
	atBase
	atFlags
	atEntry
	_
	atUID
	atEUID
	atGID
	atEGID
	atPlatform
	atHWCap
	atClktck
	atSecure      = 23
	atRandom      = 25
	atHWCap2      = 26
	atExecfn      = 31
	atMinsigstksz = 51
)

// clockTicks is USER_HZ.
const clockTicks = 100

// Load maps the program and builds its stack, and gives the registers that the
// main thread starts with. The file is read as the program touches it, until
// Close. Errors are *LoadError.
func (p *Process) Load(file io.ReaderAt, size int64) (Regs, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	regs, bad := p.load(file, size)
	if bad != nil {
		bad.Path = p.cfg.Path
		return Regs{}, bad
	}
	return regs, nil
}

func (p *Process) load(file io.ReaderAt, size int64) (Regs, *LoadError) {
	prog, bad := parseELF(file, size)
	if bad != nil {
		return Regs{}, bad
	}
	limit := p.cfg.Meter.Limit()
	if need := prog.memory(); need > limit {
		return Regs{}, refuse(ErrTooLarge, "needs %d KiB of memory for its segments alone, and the limit is %d KiB: give it more with --memory", need>>10, limit>>10)
	}
	if bad := p.checkArguments(); bad != nil {
		return Regs{}, bad
	}
	var random [48]byte
	if _, err := io.ReadFull(p.cfg.Entropy, random[:]); err != nil {
		return Regs{}, &LoadError{Reason: err, Text: fmt.Sprintf("cannot be started: no entropy (%v)", err)}
	}
	bias := p.layOut(prog, random[16:])
	for _, s := range prog.segments {
		p.mapSegment(s, bias, file, size)
	}
	sp, e := p.buildStack(prog, bias, random[:16])
	if p.end != nil || e != 0 {
		return Regs{}, refuse(ErrTooLarge, "does not fit into the memory limit of %d KiB together with its stack: give it more with --memory", limit>>10)
	}
	copy(p.ident.name[:15], path.Base(p.cfg.Path))
	p.traceStart()
	return Regs{RIP: prog.entry + bias, RSP: sp, RFLAGS: 0x202}, nil
}

// layOut chooses the addresses of everything and gives what is added to those
// of the program.
func (p *Process) layOut(prog *program, random []byte) (bias uint64) {
	word := func(i int, pages uint64) uint64 {
		return binary.LittleEndian.Uint64(random[8*i:]) % pages * PageSize
	}
	if prog.position {
		bias = (pieBase+word(0, mmapPages))&^(prog.align-1) - prog.start&^(prog.align-1)
	}
	m := &p.mem
	m.stackTop = regionsEnd - vdsoRoom - word(1, stackPages)
	m.mmapTop = regionsEnd - mmapGap - word(2, mmapPages)
	m.brkStart = prog.end + bias + word(3, brkPages)
	m.brk = m.brkStart
	for _, s := range prog.segments {
		m.dataSize += s.dataOnly
	}
	m.regions.insert(region{start: m.stackTop - stackInitial, end: m.stackTop, prot: ProtRead | ProtWrite, flags: regionStack})
	return bias
}

// mapSegment makes the regions of a segment: what comes from the file, and
// zeros behind it.
func (p *Process) mapSegment(s segment, bias uint64, file io.ReaderAt, size int64) {
	start, fileEnd, end := s.start+bias, s.fileEnd+bias, s.end+bias
	if fileEnd > start {
		g := &segmentPager{file, min(int64(pageUp(s.offset+s.fileSize)), size), p.cfg.Path}
		p.mem.regions.insert(region{
			start: start, end: fileEnd, prot: s.prot, file: g, off: int64(s.offset - s.vaddr%PageSize),
		})
	}
	if end > fileEnd {
		p.mem.regions.insert(region{start: fileEnd, end: end, prot: s.prot})
		p.expect(fileEnd)
	}
	if fileEnd-start <= eagerSegment && s.prot != ProtNone {
		p.populate(start, fileEnd)
	}
	// What the last page has of the file behind the data is cleared in memory
	// alone: a page that is read anew has it again (padzero of fs/binfmt_elf.c).
	if s.fileSize > 0 && s.memSize > s.fileSize {
		from := s.vaddr + s.fileSize + bias
		p.copyOut(from, make([]byte, fileEnd-from)) // not where it is read-only, as on Linux
	}
}

// checkArguments holds arguments and environment to Linux's limits
// (bprm_stack_limits and copy_strings in fs/exec.c).
func (p *Process) checkArguments() *LoadError {
	limit := min(p.limit(rlimitStack)/4, 6<<20)
	total := uint64(len(p.cfg.Path) + 1)
	for _, list := range [][]string{p.cfg.Args, p.cfg.Env} {
		for _, s := range list {
			if len(s) >= maxArgString {
				return tooLong("an argument or environment string of %d bytes, where %d are possible", len(s), maxArgString-1)
			}
			total += uint64(len(s)) + 1 + 8
		}
	}
	if total > limit {
		return tooLong("%d bytes of arguments and environment, where %d are possible", total, limit)
	}
	return nil
}

func tooLong(format string, a ...any) *LoadError {
	return &LoadError{
		Reason: errors.Join(ErrArguments, syscall.E2BIG),
		Text:   "was given " + fmt.Sprintf(format, a...) + ": pass what is long in a file",
	}
}

// stackImage is the top of the first stack while it is built.
type stackImage struct {
	top   uint64
	bytes []byte // of [top-len(bytes), top), last byte first
}

// push adds bytes below what is there and gives their address.
func (s *stackImage) push(b []byte) uint64 {
	for i := range b {
		s.bytes = append(s.bytes, b[len(b)-1-i])
	}
	return s.top - uint64(len(s.bytes))
}

func (s *stackImage) pushString(str string) uint64 {
	s.push([]byte{0})
	return s.push([]byte(str))
}

func (s *stackImage) pushWord(w uint64) {
	s.push(binary.LittleEndian.AppendUint64(nil, w))
}

// buildStack writes arguments, environment and auxiliary vector as the System
// V ABI for AMD64 says (3.4.1, Initial Stack), and gives the stack pointer.
func (p *Process) buildStack(prog *program, bias uint64, random []byte) (uint64, errno) {
	s := &stackImage{top: p.mem.stackTop}
	s.pushWord(0)
	execfn := s.pushString(p.cfg.Path)
	args := p.cfg.Args
	if len(args) == 0 {
		args = []string{""} // as Linux does since 5.18
	}
	pushAll := func(list []string) []uint64 {
		addrs := make([]uint64, len(list))
		for i := len(list) - 1; i >= 0; i-- {
			addrs[i] = s.pushString(list[i])
		}
		return addrs
	}
	envp := pushAll(p.cfg.Env)
	argv := pushAll(args)
	platform := s.pushString("x86_64")
	randomAt := s.push(random)

	words := append([]uint64{uint64(len(argv))}, argv...)
	words = append(append(append(words, 0), envp...), 0)
	words = append(words, p.auxv(prog, bias, platform, randomAt, execfn)...)
	for (s.top-uint64(len(s.bytes))-uint64(8*len(words)))%16 != 0 {
		s.push([]byte{0})
	}
	for i := len(words) - 1; i >= 0; i-- {
		s.pushWord(words[i])
	}
	for i, j := 0, len(s.bytes)-1; i < j; i, j = i+1, j-1 {
		s.bytes[i], s.bytes[j] = s.bytes[j], s.bytes[i]
	}
	sp := s.top - uint64(len(s.bytes))
	p.populate(s.top-minChunk, s.top)
	return sp, p.writeStruct(sp, s.bytes)
}

// auxv is the auxiliary vector (create_elf_tables in fs/binfmt_elf.c).
func (p *Process) auxv(prog *program, bias, platform, random, execfn uint64) []uint64 {
	phdr := prog.phdr
	if phdr != 0 {
		phdr += bias
	}
	return []uint64{
		atMinsigstksz, p.cfg.Platform.SignalFrame,
		atHWCap, p.cfg.Platform.HWCap,
		atPagesz, PageSize,
		atClktck, clockTicks,
		atPhdr, phdr,
		atPhent, elfProgramSize,
		atPhnum, uint64(prog.phnum),
		atBase, 0,
		atFlags, 0,
		atEntry, prog.entry + bias,
		atUID, 0, atEUID, 0, atGID, 0, atEGID, 0,
		atSecure, 0,
		atRandom, random,
		atHWCap2, p.cfg.Platform.HWCap2,
		atExecfn, execfn,
		atPlatform, platform,
		atNull, 0,
	}
}
