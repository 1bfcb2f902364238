package libos

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// mapsFile is /proc/self/maps. It holds no text: a read makes its lines from
// the map as it is then, and what is kept between reads is where they ended, as
// in a seq_file (fs/seq_file.c). A read gives no more than a page of lines, or
// one longer line. Reads in sequence cost what they give; one from another
// position goes over the map once from its start, at most maxRegions lines.
type mapsFile struct {
	inWorld
	pos  int64    // where the last read ended
	next uint64   // the line at pos is of the first region that ends above this
	cut  int      // bytes of the line in front that were given, if it was too long for the buffer
	part mapsLine // that line, without its name
}

// mapsLine is a line of maps: what fs/proc/task_mmu.c prints of a region.
type mapsLine struct {
	start, end uint64
	mode       [4]byte
	off        uint64
	name       string
}

// nameColumn is where a name begins: 25 + 6 pointers of 8 bytes.
const nameColumn = 73

func (p *Process) mapsLine(r *region) mapsLine {
	l := mapsLine{start: r.start, end: r.end, mode: r.mode(), name: p.regionName(r)}
	if r.file != nil {
		l.off = uint64(r.off)
	}
	return l
}

// appendTo appends the line. Devices and inode numbers are zero.
func (l *mapsLine) appendTo(b []byte) []byte {
	from := len(b)
	b = fmt.Appendf(b, "%08x-%08x %s %08x 00:00 0 ", l.start, l.end, l.mode[:], l.off)
	if l.name == "" {
		return append(b, '\n')
	}
	for len(b)-from < nameColumn {
		b = append(b, ' ')
	}
	// What would look like another line is escaped, as seq_path does.
	for name := l.name; name != ""; {
		piece, rest, escaped := strings.Cut(name, "\n")
		b = append(b, piece...)
		if escaped {
			b = append(b, `\012`...)
		}
		name = rest
	}
	return append(b, '\n')
}

// length is that of the line, which is not made for it. What stands before a
// name always ends before nameColumn.
func (l *mapsLine) length() int64 {
	if l.name == "" {
		return int64(len(l.appendTo(nil)))
	}
	const more = len(`\012`) - len("\n")
	return int64(nameColumn + len(l.name) + more*strings.Count(l.name, "\n") + len("\n"))
}

// line gives the line at the cursor, and false at the end.
func (x *mapsFile) line(p *Process) (mapsLine, bool) {
	if x.cut > 0 {
		l := x.part
		if r := p.mem.regions.at(l.start); r != nil {
			l.name = p.regionName(r)
		}
		return l, true
	}
	list := p.mem.regions.list
	i := p.mem.regions.from(x.next)
	if i == len(list) {
		return mapsLine{}, false
	}
	return p.mapsLine(list[i]), true
}

// gave moves the cursor behind n more bytes of line l, of which that is all or
// not.
func (x *mapsFile) gave(l mapsLine, n int, all bool) {
	x.pos += int64(n)
	if all {
		x.next, x.cut, x.part = l.end, 0, mapsLine{}
		return
	}
	l.name = "" // it may be long, and the region's file gone before the next read
	x.cut, x.part = x.cut+n, l
}

// moveTo puts the cursor at a position: traverse() of fs/seq_file.c.
func (x *mapsFile) moveTo(p *Process, off int64) {
	if off == x.pos && off != 0 {
		return
	}
	*x = mapsFile{}
	for _, r := range p.mem.regions.list {
		if x.pos == off {
			return
		}
		l := p.mapsLine(r)
		n := l.length()
		x.gave(l, int(min(n, off-x.pos)), n <= off-x.pos)
	}
	x.pos = off // also behind the end
}

func (x *mapsFile) read(t *Thread, _ *openFile, b *buffers, off int64) (int, errno) {
	x.moveTo(t.p, off)
	total := 0
	var raw []byte
	for b.left > 0 {
		l, ok := x.line(t.p)
		if !ok {
			break
		}
		raw = l.appendTo(raw[:0])
		rest := raw[min(x.cut, len(raw)-1):] // its name may have become shorter
		if total > 0 && total+len(rest) > PageSize {
			break
		}
		n := b.put(rest)
		if n == 0 {
			return partial(total, unix.EFAULT)
		}
		x.gave(l, n, n == len(rest))
		total += n
	}
	return total, 0
}

func (x *mapsFile) write(*Thread, *openFile, *buffers, int64) (int, errno) {
	return 0, unix.EIO
}

func (x *mapsFile) seek(_ *Process, f *openFile, off int64, whence int32) (int64, errno) {
	if whence != unix.SEEK_SET && whence != unix.SEEK_CUR {
		return 0, unix.EINVAL
	}
	return seekIn(f, off, whence, 0)
}

// mode is a region's permissions as maps shows them.
func (r *region) mode() [4]byte {
	mode := [4]byte{'-', '-', '-', 'p'}
	for i, prot := range []Prot{ProtRead, ProtWrite, ProtExec} {
		if r.prot&prot != 0 {
			mode[i] = "rwx"[i]
		}
	}
	if r.flags&regionShared != 0 {
		mode[3] = 's'
	}
	return mode
}

func (p *Process) regionName(r *region) string {
	switch {
	case r.file != nil:
		return r.file.Name()
	case r.flags&regionHeap != 0:
		return "[heap]"
	case r.end == p.mem.stackTop:
		return "[stack]"
	}
	return ""
}

// meminfoText is /proc/meminfo (fs/proc/meminfo.c) with the lines that mean
// something in a cell: what the memory limit leaves.
func (p *Process) meminfoText() string {
	limit := p.cfg.Meter.Limit()
	free := (limit - min(p.cfg.Meter.Backed(), limit)) >> 10
	var text strings.Builder
	for _, line := range []struct {
		name string
		kib  uint64
	}{
		{"MemTotal", limit >> 10}, {"MemFree", free}, {"MemAvailable", free},
		{"Buffers", 0}, {"Cached", 0}, {"SwapCached", 0},
		{"SwapTotal", 0}, {"SwapFree", 0}, {"Shmem", 0},
	} {
		fmt.Fprintf(&text, "%-16s%8d kB\n", line.name+":", line.kib)
	}
	return text.String()
}
