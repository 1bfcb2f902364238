package conformance

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"golang.org/x/sys/unix"
)

// A drawer draws the steps of one walk. What was drawn before does not matter:
// few names and low descriptors make steps meet what earlier ones left.
type drawer struct {
	*rand.Rand
	walk Walk
}

// DrawWalk draws a walk of about n steps.
func DrawWalk(seed uint64, mount string, number, n int) Walk {
	d := &drawer{rand.New(rand.NewPCG(seed, uint64(number))), Walk{Mount: mount, Number: number}}
	if mount == "/tmp" || mount == "/out" {
		d.walk.Steps = prepare()
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	for len(d.walk.Steps) < n-1 {
		at := d.IntN(total)
		for _, k := range kinds {
			if at -= k.weight; at < 0 {
				d.walk.Steps = append(d.walk.Steps, k.draw(d)...)
				break
			}
		}
	}
	d.walk.Steps = append(d.walk.Steps, call(stepTree, "tree", path(d.walk.root())))
	return d.walk
}

// kinds are the kinds of steps, by how often each is drawn.
var kinds = []struct {
	weight int
	draw   func(*drawer) []Step
}{
	{26, drawOpen}, {7, drawClose}, {7, drawDup}, {6, drawFcntl}, {6, drawLock},
	{14, drawRead}, {20, drawWrite}, {8, drawVectors}, {9, drawSeek},
	{10, drawSize}, {8, drawSpace}, {8, drawCopy}, {4, drawSync},
	{12, drawRename}, {8, drawUnlink}, {8, drawMkdir}, {5, drawRmdir},
	{10, drawStat}, {7, drawFstat}, {5, drawStatx}, {5, drawAccess}, {5, drawReadlink},
	{4, drawChdir}, {3, drawGetcwd}, {6, drawChmod}, {6, drawTimes}, {1, drawUmask},
	{5, drawList}, {4, drawSame}, {2, drawTree}, {6, drawMap},
}

// prepare makes by calls what walkTree has, but for the links.
func prepare() []Step {
	steps := []Step{
		call(unix.SYS_MKDIR, "mkdir", path("d"), octal(0o755)),
		call(unix.SYS_MKDIR, "mkdir", path("d/e"), octal(0o755)),
		call(unix.SYS_MKDIR, "mkdir", path("e"), octal(0o700)),
	}
	for i, name := range []string{"a", "b", "d/a", "d/e/a"} {
		n := []int{9600, 12, 4500, 9}[i]
		steps = append(steps,
			call(unix.SYS_CREAT, "creat", path(name), octal(0o644)),
			call(unix.SYS_WRITE, "write", num(3), data(n, byte('0'+i)), num(int64(n))),
			call(unix.SYS_CLOSE, "close", num(3)))
	}
	return steps
}

func one(nr uint16, name string, args ...stepArg) []Step {
	return []Step{call(nr, name, args...)}
}

func pick[T any](d *drawer, list ...T) T { return list[d.IntN(len(list))] }

// in says yes once in n times.
func (d *drawer) in(n int) bool { return d.IntN(n) == 0 }

// fd draws a descriptor: mostly a low one that may be a file.
func (d *drawer) fd() stepArg {
	switch {
	case d.in(12):
		return num(int64(d.IntN(3)))
	case d.in(30):
		return num(pick[int64](d, -1, 17, 899, 1<<20, -1<<31))
	}
	return num(3 + int64(min(d.IntN(9), d.IntN(9))))
}

// dirfd draws a descriptor for a path to start from.
func (d *drawer) dirfd() stepArg {
	if d.in(3) {
		return d.fd()
	}
	return named(unix.AT_FDCWD, "AT_FDCWD")
}

var longName = strings.Repeat("n", 255)

// path draws a path: few names, so that most exist, and now and then the odd
// spellings that resolution has rules for.
func (d *drawer) path() stepArg {
	if d.in(40) {
		return path(pick(d, "", "/", ".", "..", longName, longName+"n", "d/"+longName, "d/../"+longName+"n/..",
			strings.Repeat("d/../", 818)+"a", strings.Repeat("./", 2047)+"a", strings.Repeat("./", 2048),
			"/dev/../in", "/nothing", "/in/none", "a/", "a/.", "a/..", "d/.", "d/..", "../r", "..//r/./a", "/tmp", "/data/", "/in/steps"))
	}
	var parts []string
	for range 1 + min(d.IntN(3), d.IntN(3)) {
		parts = append(parts, pick(d, "a", "b", "c", "d", "e", "a", "b", "c", "d", "e", "d", "l", "m", "n", "o", "p"))
	}
	separator := "/"
	if d.in(12) {
		separator = pick(d, "//", "/./", "/../", "///.//")
	}
	p := strings.Join(parts, separator)
	switch d.IntN(24) {
	case 0:
		p += pick(d, "/", "//", "/.", "/..")
	case 1:
		p = d.walk.root() + "/" + p
	case 2:
		p = pick(d, "/in/tree/", "/app/tree/", "/tmp/", "/out/", "/data/") + p
	case 3:
		p = "../r/" + p
	}
	return path(p)
}

// length draws a size of a transfer: about a page, its edges, or small.
func (d *drawer) length() int {
	return pick(d, 0, 1, d.IntN(100), d.IntN(5000), 4096, 4095, 4097, d.IntN(9000))
}

// position draws an offset in a file.
func (d *drawer) position() int64 {
	if d.in(30) {
		return pick[int64](d, -1, -4096, -1<<63, 1<<63-1)
	}
	return pick(d, 0, int64(d.IntN(200)), int64(d.IntN(10000)), 4096*int64(d.IntN(5)), int64(d.IntN(40000)))
}

// A flag is a bit with its name.
type flag struct {
	name string
	bit  int64
}

// flags draws some of a list, each once in n times, over a first value.
func (d *drawer) flags(first flag, n int, list ...flag) stepArg {
	for _, f := range list {
		if d.in(n) {
			first.name, first.bit = first.name+"|"+f.name, first.bit|f.bit
		}
	}
	return named(first.bit, first.name)
}

// mode draws permissions, with the bits beyond them now and then.
func (d *drawer) mode() stepArg {
	if d.in(4) {
		return octal(d.Uint32N(0o10000) &^ (unix.S_ISUID | unix.S_ISGID)) // a world has none: deviations.go
	}
	return octal(pick[uint32](d, 0o644, 0o600, 0o755, 0o666, 0o444, 0))
}

func (d *drawer) fill() byte { return byte('A' + d.IntN(26)) }

// number wraps a number into 16 bits of a page, for sizes in iovecs.
func (d *drawer) lengths() []int {
	list := make([]int, pick(d, 0, 1, 2, 3, 5))
	for i := range list {
		list[i] = min(d.length(), 5000)
	}
	return list
}

func fdOrPath(d *drawer, nr, fnr uint16, name string, more ...stepArg) []Step {
	if d.in(2) {
		return one(nr, name, append([]stepArg{d.path()}, more...)...)
	}
	return one(fnr, "f"+name, append([]stepArg{d.fd()}, more...)...)
}

func atFlags(d *drawer) stepArg {
	return d.flags(flag{"0", 0}, 4, flag{"AT_SYMLINK_NOFOLLOW", unix.AT_SYMLINK_NOFOLLOW},
		flag{"AT_EMPTY_PATH", unix.AT_EMPTY_PATH}, flag{"AT_NO_AUTOMOUNT", unix.AT_NO_AUTOMOUNT})
}

func hex(v int64) stepArg { return named(v, fmt.Sprintf("%#x", v)) }
