package libos

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// The layout of the writable pages: strings, then a structure of buffers, and
// room for output.
const (
	twinPaths = twinBase              // strings, one every twinString bytes
	twinIn    = twinBase + 2*PageSize // what calls read, and iovecs
	twinOut   = twinBase + 3*PageSize // what calls write
	twinName  = 64                    // room of one string
	twinLong  = twinBase + PageSize   // a string that is too long for a name
)

var twinStrings = []string{
	"", ".", "/data/w", "f", "g", "dir", "dir/", "dir/f", "dir/new", "dir/sub", "dir/sub/", "dir/sub/x",
	"missing", "missing/", "missing/x", "f/", "f/x", "dir/../f", "./f", "/data/w/f", "/data/w/dir/./f", "//data//w/f",
	"link", "link/", "dlink", "dlink/", "dlink/f", "loop", "loop/x", "dangling", "new", "new/", "dir/.", "dir/..", "user.x",
}

func makeTree(t testing.TB, data string) {
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(data, "dir/sub"), 0o755))
	must(os.WriteFile(filepath.Join(data, "f"), []byte("the quick brown fox jumps over the lazy dog\n"), 0o644))
	must(os.WriteFile(filepath.Join(data, "g"), bytes.Repeat([]byte("0123456789"), 1000), 0o600))
	must(os.WriteFile(filepath.Join(data, "dir/f"), []byte("in dir"), 0o444))
	must(os.Symlink("f", filepath.Join(data, "link")))
	must(os.Symlink("dir", filepath.Join(data, "dlink")))
	must(os.Symlink("loop", filepath.Join(data, "loop")))
	must(os.Symlink("nowhere", filepath.Join(data, "dangling")))
}

// pair runs the same calls on both sides and compares.
type pair struct {
	t      *rapid.T
	linux  twin
	ours   twin
	log    []string
	filler []byte
}

func newPair(t testing.TB, rt *rapid.T) *pair {
	dir, err := os.MkdirTemp("", "twin")
	if err != nil {
		t.Fatal(err)
	}
	rt.Cleanup(func() { os.RemoveAll(dir) })
	root, data := filepath.Join(dir, "root"), filepath.Join(dir, "data")
	makeTree(t, filepath.Join(root, "data/w"))
	makeTree(t, filepath.Join(data, "w"))
	for _, d := range []string{"app", "in", "out", "tmp", "dev", "proc", "sys", "etc"} {
		os.Mkdir(filepath.Join(root, d), 0o755)
	}
	tb := rapidTB{t, rt}
	p := &pair{t: rt, linux: newNativeTwin(tb, root), ours: newOurTwin(tb, data)}
	p.fill()
	p.call("chdir", unix.SYS_CHDIR, p.path("/data/w"))
	return p
}

// rapidTB is testing.TB with the clean-up and failure of one rapid run.
type rapidTB struct {
	testing.TB
	rt *rapid.T
}

func (r rapidTB) Cleanup(f func())                  { r.rt.Cleanup(f) }
func (r rapidTB) Fatalf(format string, args ...any) { r.rt.Fatalf(format, args...) }
func (r rapidTB) Fatal(args ...any)                 { r.rt.Fatal(args...) }

// fill sets all memory to its known contents.
func (p *pair) fill() {
	raw := make([]byte, twinPages*PageSize)
	for i := range raw {
		raw[i] = byte(i*7 + i>>8)
	}
	for i, s := range twinStrings {
		copy(raw[i*twinName:], s+"\x00")
	}
	for i := PageSize; i < 2*PageSize; i++ {
		raw[i] = 'n'
	}
	raw[PageSize+300] = 0
	copy(raw[twinRO-twinBase-8:], "ends here")
	p.filler = raw
	p.poke(twinBase, raw)
}

func (p *pair) poke(addr uint64, raw []byte) {
	p.linux.poke(addr, raw)
	p.ours.poke(addr, raw)
}

func (p *pair) path(s string) uint64 {
	return twinPaths + uint64(slices.Index(twinStrings, s)*twinName)
}

// volatile says which bytes of a call's output differ by nature.
func volatile(nr uint64, a []uint64, out []byte) {
	zero := func(at, from, to int) {
		if at >= 0 && at+to <= len(out) {
			clear(out[at+from : at+to])
		}
	}
	addr := func(i int) int {
		if i >= len(a) || a[i] < twinBase || a[i] >= twinRO {
			return -1
		}
		return int(a[i] - twinBase)
	}
	stat := func(i int) {
		at := addr(i)
		isDir := at >= 0 && at+28 <= len(out) && binary.LittleEndian.Uint32(out[at+24:])&unix.S_IFMT == unix.S_IFDIR
		zero(at, 0, 16)
		zero(at, 56, 120) // sizes of blocks, times
		if isDir {
			zero(at, 48, 56)
		}
	}
	switch nr {
	case unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_FSTAT:
		stat(1)
	case unix.SYS_NEWFSTATAT:
		stat(2)
	case unix.SYS_STATX:
		at := addr(4)
		zero(at, 0, 16) // mask, block size, attributes
		if at >= 0 && at+30 <= len(out) && binary.LittleEndian.Uint16(out[at+28:])&unix.S_IFMT == unix.S_IFDIR {
			zero(at, 40, 48)
		}
		zero(at, 32, 40)
		zero(at, 48, 128)
		zero(at, 136, 256)
	case unix.SYS_STATFS, unix.SYS_FSTATFS:
		zero(addr(1), 0, 56)
		zero(addr(1), 56, 64)
		zero(addr(1), 80, 88)
	case unix.SYS_GETDENTS, unix.SYS_GETDENTS64:
		if at := addr(1); at >= 0 {
			clear(out[at:])
		}
	}
}

// call makes one call on both sides.
func (p *pair) call(name string, nr uint64, a ...uint64) int64 {
	want, got := p.linux.call(nr, a...), p.ours.call(nr, a...)
	line := fmt.Sprintf("%s(%s) = %s", name, words(a), result(want))
	p.log = append(p.log, line)
	if want != got {
		p.t.Fatalf("after\n%s\nLinux: %s\nours:  %s", strings.Join(p.log, "\n"), result(want), result(got))
	}
	wantMem, gotMem := p.linux.peek(twinBase, twinPages*PageSize), p.ours.peek(twinBase, twinPages*PageSize)
	changed := !bytes.Equal(wantMem, p.filler) || !bytes.Equal(gotMem, p.filler)
	if want == -int64(unix.EFAULT) { // what was written before the fault is nobody's business
		p.poke(twinBase, p.filler)
		return want
	}
	volatile(nr, a, wantMem)
	volatile(nr, a, gotMem)
	if !bytes.Equal(wantMem, gotMem) {
		i := 0
		for wantMem[i] == gotMem[i] {
			i++
		}
		p.t.Fatalf("after\n%s\nmemory differs from %#x on\nLinux: %x\nours:  %x", strings.Join(p.log, "\n"), twinBase+i,
			wantMem[i:min(i+64, len(wantMem))], gotMem[i:min(i+64, len(gotMem))])
	}
	if changed {
		p.poke(twinBase, p.filler)
	}
	return want
}

func words(a []uint64) string {
	var list []string
	for _, w := range a {
		s := fmt.Sprintf("%#x", w)
		if i := (w - twinPaths) / twinName; w >= twinPaths && int(i) < len(twinStrings) && w%twinName == 0 {
			s = fmt.Sprintf("%q", twinStrings[i])
		} else if int64(w) < 0 && int64(w) > -1000 {
			s = fmt.Sprint(int64(w))
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

func result(v int64) string {
	if v < 0 && v > -4096 {
		return fmt.Sprintf("%d %s", v, unix.ErrnoName(errno(-v)))
	}
	return fmt.Sprint(v)
}

// Values by kind of argument, good ones first.
var (
	twinAddrs   = []uint64{twinOut, twinOut + 1000, twinRO, twinRO - 8, twinHole - 8, twinHole, 0, 1, 1 << 47, 1<<47 - PageSize, 1 << 63, ^uint64(0)}
	twinSizes   = []uint64{8, 0, 1, 16, 100, 24, 144, 4096, 5000, 1 << 31, 1 << 32, 1 << 63, ^uint64(0), 1<<63 - 1}
	twinOffsets = []uint64{0, 1, 10, 44, 100, 5000, 20000, ^uint64(0), ^uint64(0) - 9, 1 << 63, 1<<63 - 1, 1<<63 - 100}
	twinFDs     = []uint64{3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 11, 12, 13, ^uint64(0), 100, 1 << 32, 1024}
	twinInts    = []uint64{0, 1, 2, 3, 4, 5, 8, 16, 1024, 1025, ^uint64(0), 1 << 31}
	twinModes   = []uint64{0o644, 0o755, 0, 7, 1, 2, 4, 0o7777, 0o100644, 0o40755, 0o20644, 0o10644, 0o120777, ^uint64(0)}
	twinAt      = []uint64{0, unix.AT_SYMLINK_NOFOLLOW, unix.AT_EMPTY_PATH, unix.AT_REMOVEDIR, unix.AT_SYMLINK_FOLLOW, unix.AT_EMPTY_PATH | unix.AT_SYMLINK_NOFOLLOW, 0x6000, 1, 1 << 31, 1 << 16}
	twinHex     = []uint64{0, 1, 2, 4, 8, 16, 32, 64, 128, 3, 0x7ff, 1 << 31, ^uint64(0)}
	twinOpen    = []uint64{0, 1, 2, unix.O_CREAT, unix.O_CREAT | 2, unix.O_CREAT | unix.O_EXCL | 1, unix.O_TRUNC, unix.O_TRUNC | 1, unix.O_APPEND | 1, unix.O_APPEND | 2,
		unix.O_DIRECTORY, unix.O_NOFOLLOW, unix.O_PATH, unix.O_PATH | unix.O_NOFOLLOW, unix.O_PATH | unix.O_DIRECTORY, unix.O_CLOEXEC, unix.O_NONBLOCK | 2, 3,
		unix.O_DIRECTORY | unix.O_CREAT, unix.O_CREAT | unix.O_NOFOLLOW | 2, unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW, unix.O_DIRECTORY | 2, 0x400000, 1 << 30}
	twinCommands = []uint64{unix.F_DUPFD, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_GETLK, unix.F_SETLK, unix.F_DUPFD_CLOEXEC, unix.F_OFD_GETLK, unix.F_OFD_SETLK, unix.F_GETPIPE_SZ, 9999,
		unix.TCGETS, unix.TIOCGWINSZ, unix.TIOCINQ, fioNbio, fioClex, fioNclex}
)

// value draws a value for one argument.
func (p *pair) value(a Arg) uint64 {
	pick := func(list []uint64) uint64 { return rapid.SampledFrom(list).Draw(p.t, a.Name) }
	switch a.Kind {
	case ArgPath, ArgString:
		i := rapid.IntRange(0, len(twinStrings)+4).Draw(p.t, a.Name)
		if i < len(twinStrings) {
			return twinPaths + uint64(i*twinName)
		}
		return []uint64{twinLong, twinLong + 100, twinHole - 4, twinHole, 0}[i-len(twinStrings)]
	case ArgFD:
		return pick(twinFDs)
	case ArgDirFD:
		return pick(append([]uint64{uint64(0xffffff9c), ^uint64(99)}, twinFDs...))
	case ArgSize:
		return pick(twinSizes)
	case ArgOffset:
		return pick(twinOffsets)
	case ArgBufIn, ArgStructIn, ArgIovecIn, ArgIovecOut, ArgStructIO:
		return pick(append([]uint64{twinIn, twinIn + 64}, twinAddrs...))
	case ArgBufOut, ArgStructOut:
		return pick(twinAddrs)
	case ArgMode:
		return pick(twinModes)
	case ArgOpenFlags:
		return pick(twinOpen)
	case ArgAtFlags:
		return pick(twinAt)
	case ArgHex:
		return pick(twinHex)
	case ArgCommand:
		return pick(twinCommands)
	}
	return pick(twinInts)
}

// pokeIn writes structures that calls read: iovecs, times, locks, sets.
func (p *pair) pokeIn() {
	words := make([]uint64, 16)
	for i := range words {
		if i%2 == 0 {
			words[i] = rapid.SampledFrom(twinAddrs).Draw(p.t, "base")
		} else {
			words[i] = rapid.SampledFrom(twinSizes).Draw(p.t, "len")
		}
		if rapid.IntRange(0, 3).Draw(p.t, "small") == 0 {
			words[i] = rapid.SampledFrom(twinInts).Draw(p.t, "word")
		}
	}
	raw := make([]byte, 0, 128)
	for _, w := range words {
		raw = binary.LittleEndian.AppendUint64(raw, w)
	}
	copy(p.filler[twinIn-twinBase:], raw)
	p.poke(twinIn, raw)
	p.log = append(p.log, "words "+fmt.Sprintf("%x", words))
}

// unlike are calls whose answers differ from the file system that the test
// runs on by design; other tests are about them.
var unlike = map[string]string{
	"symlink": "EPERM", "symlinkat": "EPERM", "link": "EPERM", "linkat": "EPERM", "mknod": "EPERM", "mknodat": "EPERM",
	"chown": "no owners", "fchown": "no owners", "lchown": "no owners", "fchownat": "no owners",
	"setxattr": "none", "lsetxattr": "none", "fsetxattr": "none", "getxattr": "none", "lgetxattr": "none", "fgetxattr": "none",
	"listxattr": "none", "llistxattr": "none", "flistxattr": "none", "removexattr": "none", "lremovexattr": "none", "fremovexattr": "none",
	"sync": "slow", "syncfs": "slow", "close_range": "closes the test's own descriptors", "poll": "waits", "ppoll": "waits", "select": "waits", "pselect6": "waits",
	"getdents": "order", "getdents64": "order",
}

// TestCallsAnswerAsLinux makes random calls of the table, with good and bad
// arguments, on Linux and on the library OS over the same tree and compares
// results and memory after each.
func TestCallsAnswerAsLinux(t *testing.T) {
	var rows []call
	for _, c := range slices.Concat(openCalls, transferCalls, statCalls, folderCalls, nameCalls, attributeCalls, spaceCalls, xattrCalls) {
		if unlike[c.name] == "" {
			rows = append(rows, c)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		p := newPair(t, rt)
		for _, s := range []string{"f", "g", "dir", "link"} {
			p.call("open", unix.SYS_OPEN, p.path(s), unix.O_RDWR*b2i(s != "dir"), 0)
		}
		p.call("open", unix.SYS_OPEN, p.path("f"), unix.O_WRONLY|unix.O_APPEND, 0)
		p.call("open", unix.SYS_OPEN, p.path("f"), unix.O_PATH, 0)
		p.call("pipe2", unix.SYS_PIPE2, twinOut, unix.O_NONBLOCK)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			c := rapid.SampledFrom(rows).Draw(rt, "call")
			p.pokeIn()
			var a []uint64
			for _, arg := range c.args {
				a = append(a, p.value(arg))
			}
			if p.skip(&c, a) {
				continue
			}
			p.call(c.name, uint64(c.nr), a...)
		}
	})
}

func b2i(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// skip leaves out what would block, and what each file system has in its own way.
func (p *pair) skip(c *call, a []uint64) bool {
	switch c.name {
	case "renameat2": // exchanging and whiteouts
		return a[4]&6 != 0
	case "copy_file_range": // standard streams are of another device
		isStream := func(fd uint64) bool {
			f, e := p.ours.(*ourTwin).p.files.getAny(int(int32(fd)))
			return e == 0 && f.mount[0] != '/'
		}
		return isStream(a[0]) || isStream(a[2])
	case "pipe":
		return true // its ends would block
	case "pipe2":
		return a[1]&unix.O_NONBLOCK == 0
	case "flock":
		return a[1] == unix.LOCK_SH || a[1] == unix.LOCK_EX
	// How much of a buffer with a hole is written is the file system's choice.
	case "writev", "pwritev", "pwritev2":
		return true
	case "write", "pwrite64":
		if a[1] >= twinBase && a[1] < twinHole {
			return a[2] > twinHole-a[1]
		}
		return p.behindEnd(c, a)
	case "fallocate": // shifting ranges
		return a[1]&0xe8 != 0
	case "fchmodat2", "utimensat": // of what O_PATH opened
		f, e := p.ours.(*ourTwin).p.files.getAny(int(int32(a[0])))
		return e == 0 && f.flags&unix.O_PATH != 0
	case "lseek": // positions in folders
		f, e := p.ours.(*ourTwin).p.files.getAny(int(int32(a[0])))
		return e == 0 && f.isDir() && (a[2] > 1 || a[1] > 0)
	case "fcntl":
		return a[1] == unix.F_SETFL // would make the pipes block
	case "ioctl":
		const fibmap = 1 // block numbers of the host's file system
		return a[1] == fioNbio || a[1] == fibmap
	}
	return false
}

// behindEnd says whether a write starts behind the end of its file: if it
// faults at once, some kernels make the file as long as that (6.18, where the
// pages of the buffer are faulted in after the first try), others do not.
func (p *pair) behindEnd(c *call, a []uint64) bool {
	f, e := p.ours.(*ourTwin).p.files.getAny(int(int32(a[0])))
	if e != 0 {
		return false
	}
	h, ok := f.obj.(*hostFile)
	if !ok {
		return false
	}
	off := f.pos
	if c.name == "pwrite64" {
		off = int64(a[3])
	}
	size, e := h.size()
	return e == 0 && off > size
}

// bothSides runs a test on Linux and on the library OS over the same tree.
func bothSides(t *testing.T, test func(t *testing.T, w twin)) {
	sides := map[string]func(t *testing.T, dir string) twin{
		"Linux": func(t *testing.T, dir string) twin { return newNativeTwin(t, dir) },
		"ours":  func(t *testing.T, dir string) twin { return newOurTwin(t, filepath.Join(dir, "data")) },
	}
	for name, start := range sides {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			makeTree(t, filepath.Join(dir, "data/w"))
			w := start(t, dir)
			for i, s := range twinStrings {
				w.poke(twinPaths+uint64(i*twinName), append([]byte(s), 0))
			}
			test(t, w)
		})
	}
}

func expect(t *testing.T, what string, got, want int64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %s, want %s", what, result(got), result(want))
	}
}

// copy_file_range tells of an offset that it cannot write back only when it has
// copied, far behind the end too.
func TestCopyFileRangeCopiesBeforeItFaults(t *testing.T) {
	bothSides(t, func(t *testing.T, w twin) {
		fd := uint64(w.call(unix.SYS_OPEN, twinPaths+uint64(slices.Index(twinStrings, "/data/w/f"))*twinName, unix.O_RDWR, 0))
		const far = 64 << 30
		w.poke(twinIn, binary.LittleEndian.AppendUint64(nil, far))
		expect(t, "copy_file_range from an offset in a page that is read-only",
			w.call(unix.SYS_COPY_FILE_RANGE, fd, twinRO, fd, twinIn, 16, 0), -int64(unix.EFAULT))
		expect(t, "size after that", w.call(unix.SYS_LSEEK, fd, 0, unix.SEEK_END), far+16)
	})
}

// Where the largest file ends, each call has its own errno.
func TestLargestFile(t *testing.T) {
	const longest, most = maxFileSize, 1<<63 - 1
	bothSides(t, func(t *testing.T, w twin) {
		fd := uint64(w.call(unix.SYS_OPEN, twinPaths+uint64(slices.Index(twinStrings, "/data/w/f"))*twinName, unix.O_RDWR, 0))
		expect(t, "lseek to the end", w.call(unix.SYS_LSEEK, fd, longest, unix.SEEK_SET), longest)
		for _, off := range []uint64{longest + 1, 1 << 62, most} {
			expect(t, fmt.Sprintf("lseek to %#x", off), w.call(unix.SYS_LSEEK, fd, off, unix.SEEK_SET), -int64(unix.EINVAL))
			expect(t, fmt.Sprintf("ftruncate to %#x", off), w.call(unix.SYS_FTRUNCATE, fd, off), -int64(unix.EFBIG))
			expect(t, fmt.Sprintf("fallocate of %#x", off), w.call(unix.SYS_FALLOCATE, fd, 0, 0, off), -int64(unix.EFBIG))
		}
		expect(t, "pwrite of 4 before the end", w.call(unix.SYS_PWRITE64, fd, twinBase, 4, longest-1), 1)
		expect(t, "pwrite at the end", w.call(unix.SYS_PWRITE64, fd, twinBase, 4, longest), -int64(unix.EFBIG))
		expect(t, "pwrite far behind it", w.call(unix.SYS_PWRITE64, fd, twinBase, 4, most-4), -int64(unix.EFBIG))
		expect(t, "pwrite of which no position is the end", w.call(unix.SYS_PWRITE64, fd, twinBase, 4, most-3), -int64(unix.EINVAL))
		expect(t, "copy_file_range to the end", w.call(unix.SYS_LSEEK, fd, longest, unix.SEEK_SET), longest)
		w.poke(twinIn, make([]byte, 8))
		expect(t, "copy_file_range at the end", w.call(unix.SYS_COPY_FILE_RANGE, fd, twinIn, fd, 0, 4, 0), -int64(unix.EFBIG))
	})
}
