package libos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// What can be wrong with a program; a *LoadError wraps one of them.
var (
	ErrNotELF       = errors.New("not an ELF program")
	ErrNot64Bit     = errors.New("a 32-bit program")
	ErrArchitecture = errors.New("for another architecture")
	ErrDynamic      = errors.New("dynamically linked")
	ErrWritableCode = errors.New("code that is writable")
	ErrDamaged      = errors.New("a damaged ELF file")
	ErrTooLarge     = errors.New("larger than the memory limit")
	ErrArguments    = errors.New("arguments too long") // also syscall.E2BIG
)

// LoadError says why a program cannot be started, in a sentence.
type LoadError struct {
	Path   string
	Reason error // one of the errors above, or of reading the file
	Text   string
}

func (e *LoadError) Error() string { return e.Path + " " + e.Text }

// Unwrap gives the reason, for errors.Is.
func (e *LoadError) Unwrap() error { return e.Reason }

// Sizes and limits of ELF files on amd64.
const (
	elfHeaderSize  = 64
	elfProgramSize = 56
	// elfMaxHeaders bounds the program headers as load_elf_phdrs in
	// fs/binfmt_elf.c does: 64 KiB of them.
	elfMaxHeaders = 65536 / elfProgramSize
	// elfEnd is where the segments of a program end: far below the stack.
	elfEnd = 0x7000_0000_0000
	// elfMaxAlign bounds the alignment that moves a program's address.
	elfMaxAlign = 1 << 30
	// elfMaxSpan is how far apart the segments of a program that may stand
	// anywhere can be, so that it always fits between its base and mmap's.
	elfMaxSpan = 1 << 44
)

// segment is one PT_LOAD.
type segment struct {
	vaddr, memSize    uint64
	offset, fileSize  uint64
	prot              Prot
	start, end        uint64 // whole pages in memory
	fileEnd, dataOnly uint64 // end of the pages that come from the file; bytes of data
}

// program is a checked ELF file.
type program struct {
	segments   []segment
	entry      uint64
	phdr       uint64 // address of the program headers, 0 if no segment has them
	phnum      int
	position   bool // may stand anywhere (ET_DYN)
	align      uint64
	start, end uint64 // of all segments
}

// header is an ELF file's header, as far as it counts.
type header struct {
	kind            uint16
	entry, phoff    uint64
	phentsize, phnr int
}

// parseELF reads and checks a program. Whatever the file holds, it reads at
// most 64 KiB of it. Text of errors goes on behind the program's name.
func parseELF(file io.ReaderAt, size int64) (*program, *LoadError) {
	h, bad := parseHeader(file, size)
	if bad != nil {
		return nil, bad
	}
	raw := make([]byte, h.phnr*elfProgramSize)
	if bad := readELF(file, raw, h.phoff, size, "program headers"); bad != nil {
		return nil, bad
	}
	p := &program{entry: h.entry, phnum: h.phnr, position: h.kind == elfDyn, align: PageSize}
	for i := range h.phnr {
		if bad := p.addHeader(raw[i*elfProgramSize:], h, size); bad != nil {
			return nil, bad
		}
	}
	return p, p.check()
}

// CheckProgram says whether a file is a program that Load takes, and how many
// bytes its segments have in memory. It reads at most 64 KiB of it; path is for
// errors, which are *LoadError.
func CheckProgram(path string, file io.ReaderAt, size int64) (memory uint64, err error) {
	p, bad := parseELF(file, size)
	if bad != nil {
		bad.Path = path
		return 0, bad
	}
	return p.memory(), nil
}

// readELF fills raw from an offset of the file.
func readELF(file io.ReaderAt, raw []byte, off uint64, size int64, what string) *LoadError {
	if off > uint64(size) || uint64(len(raw)) > uint64(size)-off {
		return damaged("its %s would end behind the end of the file (%d bytes): it is cut short; copy or build it again", what, size)
	}
	if n, err := file.ReadAt(raw, int64(off)); n < len(raw) {
		return &LoadError{Reason: err, Text: fmt.Sprintf("cannot be read at byte %d (%v)", off, err)}
	}
	return nil
}

func damaged(format string, a ...any) *LoadError {
	return &LoadError{Reason: ErrDamaged, Text: "is a damaged ELF file: " + fmt.Sprintf(format, a...)}
}

func refuse(reason error, format string, a ...any) *LoadError {
	return &LoadError{Reason: reason, Text: fmt.Sprintf(format, a...)}
}

// parseHeader checks what kind of file this is.
func parseHeader(file io.ReaderAt, size int64) (header, *LoadError) {
	raw := make([]byte, elfHeaderSize)
	n, err := file.ReadAt(raw[:min(max(size, 0), elfHeaderSize)], 0)
	if err != nil && err != io.EOF {
		return header{}, &LoadError{Reason: err, Text: fmt.Sprintf("cannot be read (%v)", err)}
	}
	raw = raw[:n]
	if n < 4 || string(raw[:4]) != elfMagic {
		if n >= 2 && string(raw[:2]) == "#!" {
			return header{}, refuse(ErrNotELF, "is a script, not an ELF program: a cell has no interpreter; build a static program for x86-64 Linux")
		}
		return header{}, refuse(ErrNotELF, "is not an ELF program: build it as a static program for x86-64 Linux")
	}
	if n < elfHeaderSize {
		return header{}, damaged("it ends within its header; copy or build it again")
	}
	machine := elfMachine(binary.LittleEndian.Uint16(raw[18:]))
	big := raw[5] == elfBig
	if big {
		machine = elfMachine(binary.BigEndian.Uint16(raw[18:]))
	}
	switch {
	case big || machine != elfX86_64 && machine != elfX86:
		return header{}, refuse(ErrArchitecture, "is for another architecture (%v): build it for x86-64 Linux", machine)
	case machine == elfX86 || raw[4] == elfClass32:
		return header{}, refuse(ErrNot64Bit, "is a 32-bit program, and cells run 64-bit ones alone: build it for x86-64 (without -m32 or -mx32)")
	case raw[4] != elfClass64 || raw[5] != elfLittle:
		return header{}, damaged("its header names neither 32 nor 64 bits, or no byte order; copy or build it again")
	}
	return checkHeader(raw)
}

func checkHeader(raw []byte) (header, *LoadError) {
	h := header{
		kind:  binary.LittleEndian.Uint16(raw[16:]),
		entry: binary.LittleEndian.Uint64(raw[24:]), phoff: binary.LittleEndian.Uint64(raw[32:]),
		phentsize: int(binary.LittleEndian.Uint16(raw[54:])), phnr: int(binary.LittleEndian.Uint16(raw[56:])),
	}
	switch {
	case h.kind == elfRel:
		return h, refuse(ErrNotELF, "is an object file, not a program: link it (static, for x86-64 Linux)")
	case h.kind != elfExec && h.kind != elfDyn:
		return h, refuse(ErrNotELF, "is an ELF file but not a program (e_type %d): build it as a static program for x86-64 Linux", h.kind)
	case h.phentsize != elfProgramSize || h.phnr == 0 || h.phnr > elfMaxHeaders:
		return h, damaged("it has %d program headers of %d bytes, where 1 to %d of %d are possible; copy or build it again",
			h.phnr, h.phentsize, elfMaxHeaders, elfProgramSize)
	}
	return h, nil
}

// addHeader takes one program header.
func (p *program) addHeader(raw []byte, h header, size int64) *LoadError {
	word := func(off int) uint64 { return binary.LittleEndian.Uint64(raw[off:]) }
	flags := binary.LittleEndian.Uint32(raw[4:])
	s := segment{offset: word(8), vaddr: word(16), fileSize: word(32), memSize: word(40)}
	switch binary.LittleEndian.Uint32(raw) {
	case elfInterp:
		return refuse(ErrDynamic, "is dynamically linked, and a cell has no shared libraries: build it static: cc -static (musl or glibc)")
	case elfPhdr:
		if p.phdr == 0 {
			p.phdr = s.vaddr
		}
	case elfLoad:
		return p.addSegment(s, flags, word(48), h, size)
	}
	return nil
}

// addSegment checks a PT_LOAD.
func (p *program) addSegment(s segment, flags uint32, align uint64, h header, size int64) *LoadError {
	const again = "copy or build it again"
	n := len(p.segments)
	switch {
	case s.memSize == 0:
		return nil
	case s.fileSize > s.memSize:
		return damaged("segment %d has %d bytes in the file and only %d in memory; %s", n, s.fileSize, s.memSize, again)
	case s.fileSize > uint64(size) || s.offset > uint64(size)-s.fileSize:
		return damaged("segment %d would end behind the end of the file (%d bytes): it is cut short; %s", n, size, again)
	case s.vaddr > elfEnd || s.memSize > elfEnd-s.vaddr:
		return damaged("segment %d (%#x, %#x bytes) ends outside of a program's addresses; %s", n, s.vaddr, s.memSize, again)
	case s.fileSize > 0 && s.vaddr%PageSize != s.offset%PageSize:
		return damaged("segment %d stands at %#x in the file and %#x in memory, which differ within a page; %s", n, s.offset, s.vaddr, again)
	case align&(align-1) != 0:
		return damaged("segment %d has an alignment of %#x, which is no power of two; %s", n, align, again)
	case flags&elfWritable != 0 && flags&elfExecutes != 0:
		return refuse(ErrWritableCode, "has a segment that is both writable and executable, which a cell never maps: link it without -N, -z execstack or the like")
	case h.kind == elfExec && s.vaddr < userStart:
		return damaged("segment %d stands at %#x, below the first address of a program (%#x); %s", n, s.vaddr, userStart, again)
	}
	s.setRange(flags)
	if n > 0 && s.start < p.segments[n-1].end {
		return damaged("segment %d (%#x) overlaps the one before it, or stands below it; %s", n, s.vaddr, again)
	}
	if s.offset <= h.phoff && h.phoff-s.offset < s.fileSize {
		p.phdr = h.phoff - s.offset + s.vaddr
	}
	if align <= elfMaxAlign {
		p.align = max(p.align, align)
	}
	p.segments = append(p.segments, s)
	return nil
}

// setRange works out the pages of a segment.
func (s *segment) setRange(flags uint32) {
	if flags&elfReadable != 0 {
		s.prot |= ProtRead
	}
	if flags&elfWritable != 0 {
		s.prot |= ProtWrite
	}
	if flags&elfExecutes != 0 {
		s.prot |= ProtExec
	}
	s.start, s.end = s.vaddr&^(PageSize-1), pageUp(s.vaddr+s.memSize)
	s.fileEnd = s.start
	if s.fileSize > 0 {
		s.fileEnd = pageUp(s.vaddr + s.fileSize)
	}
	if s.prot&ProtWrite != 0 {
		s.dataOnly = s.fileSize
	}
}

// check looks at the segments together.
func (p *program) check() *LoadError {
	if len(p.segments) == 0 {
		return damaged("it has nothing to load; copy or build it again")
	}
	p.start, p.end = p.segments[0].start, p.segments[len(p.segments)-1].end
	if p.position && p.end-p.start > elfMaxSpan {
		return damaged("its segments are %#x bytes apart; copy or build it again", p.end-p.start)
	}
	for _, s := range p.segments {
		if s.prot&ProtExec != 0 && p.entry >= s.vaddr && p.entry-s.vaddr < s.memSize {
			return nil
		}
	}
	return damaged("its entry point (%#x) is outside of its code; copy or build it again", p.entry)
}

// memory is how many bytes the segments have.
func (p *program) memory() uint64 {
	var n uint64
	for _, s := range p.segments {
		n += s.end - s.start
	}
	return n
}

// segmentPager reads one segment's pages from the program's file, the last one
// whole.
type segmentPager struct {
	file io.ReaderAt
	end  int64
	name string
}

// ReadPages fills dst, which is all zero.
func (g *segmentPager) ReadPages(dst []byte, off int64) (int, bool) {
	want := min(int64(len(dst)), g.end-off)
	if want <= 0 {
		return 0, off < g.end+PageSize
	}
	n, err := g.file.ReadAt(dst[:want], off)
	return n, int64(n) == want || err == nil
}

// Size is the end of the segment's pages in the file.
func (g *segmentPager) Size() int64 { return g.end }

// Retain does nothing: the file is the caller's of Load.
func (g *segmentPager) Retain() {}

// Release does nothing.
func (g *segmentPager) Release() {}

// Name is the program's path.
func (g *segmentPager) Name() string { return g.name }
