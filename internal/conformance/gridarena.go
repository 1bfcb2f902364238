package conformance

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// A value is one argument of a line of the grid, with the name it is printed
// by.
type value struct {
	name string
	v    uint64
	// self adds the process's own id: 's', or 'S' for its negative.
	self byte
}

// The arena is where the pointers of the grid point to: pages that c/grid.c
// makes anew whenever a call may have changed them. The rest between them is
// not mapped.
const (
	arenaBase = 0x20_0000_0000
	arenaPage = 4096

	arenaData   = arenaBase + 2*arenaPage // readable and writable, filled from the image
	arenaEnd    = arenaData + 8*arenaPage // a hole
	arenaRead   = arenaBase + 12*arenaPage
	arenaNone   = arenaBase + 14*arenaPage
	arenaText   = arenaBase + 15*arenaPage // readable and executable
	arenaFile   = arenaBase + 17*arenaPage // two pages of a file of less than one
	arenaTarget = arenaBase + 20*arenaPage // four writable pages, for calls that change mappings
)

// The machine's own pages in a cell (vmm/layout.go); on Linux nothing lies
// there.
const (
	stubPage   = 0x7fff_ff00_0000
	systemPage = stubPage + arenaPage
	cpuPage    = stubPage + 5*arenaPage
	userTop    = 0x7fff_ffff_f000
)

// An image is what the pages of data hold at the start of each line.
type image struct {
	bytes []byte
	used  int
}

// add puts bytes where none are yet, and gives their address by name.
func (m *image) add(name string, b []byte) value {
	at := (m.used + 15) &^ 15
	m.used = at + len(b)
	copy(m.bytes[at:], b) // the room suffices, as a test sees
	return value{name: name, v: arenaData + uint64(at)}
}

func (m *image) text(s string) value {
	name := fmt.Sprintf("%q", s)
	if len(s) > 40 {
		name = fmt.Sprintf("%q*%d", s[:1], len(s))
	}
	return m.add(name, append([]byte(s), 0))
}

func (m *image) words(name string, words ...uint64) value {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return m.add(name, b)
}

// arena is everything in memory that arguments can name.
type arena struct {
	image image
	brief bool // domains without most pointers and bits

	zeros, ones, buf      value
	times, iovecs, polls  []value
	paths, fresh, folders []value
	strings               []value
	limits                []value
	bad                   []value // pointers that no call can use, or not all
}

// newArena lays out the data; root is the folder that the files lie in.
func newArena(root string, brief bool) *arena {
	m := &arena{brief: brief, image: image{bytes: make([]byte, arenaEnd-arenaData)}}
	im := &m.image
	m.zeros = im.add("zeros", make([]byte, 1024))
	m.ones = im.add("ones", []byte(strings.Repeat("\xff", 1024)))
	m.buf = im.add("buf", []byte(strings.Repeat("The content of a buffer, 32 byte", 40)))
	const second = 1_000_000_000
	m.times = []value{
		im.words("{0,1000}", 0, 1000, 0, 1000), im.words("{0,1s}", 0, second, 0, second),
		im.words("{-1,0}", ^uint64(0), 0, ^uint64(0), 0), im.words("{0,-1}", 0, ^uint64(0), 0, ^uint64(0)),
		im.words("{0,999999}", 0, 999999, 0, 999999), im.words("{now,omit}", 0, 1<<30-1, 0, 1<<30-2),
		im.words("{omit,omit}", 0, 1<<30-2, 0, 1<<30-2), im.words("{5,0}+{2^40,7}", 5, 0, 1<<40, 7),
	}
	hole := uint64(arenaBase)
	b := m.buf.v
	m.iovecs = []value{
		im.words("{buf,16}{buf+64,8}", b, 16, b+64, 8, 0, 0, 0, 0), im.words("{hole,16}{buf,8}", hole, 16, b, 8),
		im.words("{buf,16}{hole,8}", b, 16, hole, 8), im.words("{buf,-1}{buf,8}", b, ^uint64(0), b, 8),
		im.words("{buf,8}{buf,-1}", b, 8, b, ^uint64(0)), im.words("{0,0}{buf,8}", 0, 0, b, 8),
		im.words("{end-8,16}", arenaEnd-8, 16, b, 8), im.words("{kernel,8}{buf,-1}", 1<<63, 8, b, ^uint64(0)),
		im.words("{buf,2^62}{buf,2^62}", b, 1<<62, b, 1<<62),
	}
	m.polls = []value{
		im.words("{pipe,in}{rdwr,in|out}", 10|1<<32, 5|5<<32, 13|4<<32, 0), im.words("{closed,in}{-1,in}", 16|1<<32, 0xffff_ffff|1<<32),
		im.words("{eof,in}{broken,out}", 12|1<<32, 13|4<<32), im.words("{full,ffff}{file,ffff}", 11|0xffff<<32, 3|0xffff<<32),
	}
	m.limits = []value{m.ones, im.words("{2,1}", 2, 1), im.words("{max,max-1}", ^uint64(0), ^uint64(1))}
	m.addPaths(root)
	m.bad = badPointers()
	return m
}

// addPaths names files of every kind.
func (m *arena) addPaths(root string) {
	for _, s := range []string{
		"file", "dir", "missing", "missing/child", "file/child", "file/", "dir/", "full", ".", "..", "", "/", root + "/file",
		"/in/text", "/in/link", "/in/loop", "/in/dangling", "/in/tofolder/inner", "/in/none", "/in/new", "/in/notafolder", "/dev/null",
		"/proc/self/maps", "/etc/passwd", "/proc", "missing/", "./dir/../file", "full/inner/../../file", "//" + root + "//file",
		strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("./", 2040) + "file", strings.Repeat("./", 2050) + "file",
	} {
		m.paths = append(m.paths, m.image.text(s))
	}
	m.fresh = append([]value{m.image.text("new"), m.image.text("dir/new"), m.image.text("new/")}, m.paths...)
	m.folders = append([]value{m.paths[1]}, m.paths...)
	for _, s := range []string{"user.a", "", "nothing", "trusted.a", "security.a", "user.", "system.posix_acl_access", "file", strings.Repeat("u", 256)} {
		m.strings = append(m.strings, m.image.text(s))
	}
}

// badPointers are addresses that no call can use, or not for all it does.
func badPointers() []value {
	return []value{
		{name: "null"}, {name: "hole", v: arenaBase}, {name: "kernel", v: 0xffff_8000_0000_0000}, {name: "read-only", v: arenaRead},
		{name: "end", v: arenaEnd},
		{name: "1", v: 1}, {name: "end-1", v: arenaEnd - 1}, {name: "end-8", v: arenaEnd - 8}, {name: "end-4", v: arenaEnd - 4},
		{name: "none", v: arenaNone}, {name: "text", v: arenaText}, {name: "code", v: 0x401000}, {name: "file", v: arenaFile},
		{name: "past-file", v: arenaFile + arenaPage}, {name: "noncanonical", v: 1 << 47}, {name: "2^63", v: 1 << 63},
		{name: "-1", v: ^uint64(0)}, {name: "-4096", v: ^uint64(4095)}, {name: "vsyscall", v: 0xffff_ffff_ff60_0000}, {name: "stub", v: stubPage},
		{name: "stub+2", v: stubPage + 2}, {name: "system", v: systemPage}, {name: "cpu", v: cpuPage}, {name: "before-stub", v: stubPage - 1},
		{name: "last", v: userTop - 1}, {name: "top", v: userTop}, {name: "top+4095", v: userTop + 4095},
		{name: "data+1", v: arenaData + 1},
	}
}
