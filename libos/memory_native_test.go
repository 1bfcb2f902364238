package libos

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// twinGuest is a guest as a side of the comparison with Linux.
type twinGuest struct{ g *guest }

func (w twinGuest) call(nr uint64, a ...uint64) int64 { return w.g.callNumber(nr, a...) }
func (w twinGuest) poke(addr uint64, raw []byte)      { w.g.poke(addr, raw) }
func (w twinGuest) peek(addr uint64, n int) []byte    { return w.g.peek(addr, n) }

// The window of addresses in which memory calls are compared: nothing of the
// native process is near.
const (
	windowBase  = twinBase + 1<<24
	windowPages = 16
)

// memoryValue draws an argument of a memory call that cannot hurt the native
// process: ranges stay in the window, or are refused.
func memoryValue(t *rapid.T, c *call, i int) uint64 {
	name := c.args[i].Name
	pick := func(list ...uint64) uint64 { return rapid.SampledFrom(list).Draw(t, name) }
	page := func() uint64 { return windowBase + PageSize*rapid.Uint64Range(0, windowPages-1).Draw(t, name) }
	switch name {
	case "addr", "new_address":
		if rapid.IntRange(0, 5).Draw(t, "odd") > 0 {
			return page()
		}
		return pick(page()+1, page()+2048, 1<<47, 1<<47-PageSize, 1<<63, ^uint64(0), ^uint64(PageSize-1))
	case "length", "old_size", "new_size":
		if rapid.IntRange(0, 3).Draw(t, "odd") > 0 {
			return PageSize * rapid.Uint64Range(1, 6).Draw(t, name)
		}
		if c.name != "mmap" && c.name != "mremap" && c.name != "munmap" {
			return pick(0, 1, 5000, ^uint64(0), ^uint64(0)-4094, ^uint64(0)-4096) // others walk what is above
		}
		return pick(0, 1, 5000, 1<<47, 1<<48, 1<<63, ^uint64(0), ^uint64(0)-4094, ^uint64(0)-4096)
	case "prot":
		return pick(0, 1, 2, 3, 4, 5, 8, 9, 16, 1<<24|1, 1<<25|3, 3<<24, 1<<31)
	case "fd":
		return pick(^uint64(0), 99, 1<<32|99)
	case "offset":
		return pick(0, PageSize, 1, 1<<63, ^uint64(PageSize-1))
	case "vec":
		return pick(twinOut, twinRO, twinHole, 0, 1<<47, 1<<63)
	case "advice":
		return uint64(rapid.IntRange(-1, 30).Draw(t, name))
	case "flags":
		switch c.name {
		case "mmap":
			return mapFlagValue(t)
		case "mremap":
			return pick(0, 1, 1, 3, 3, 2, 4, 5, 7, 8, 1<<32)
		}
		return pick(0, 1, 2, 4, 5, 6, 8, 1<<32)
	}
	t.Fatalf("%s has an argument %s that this test does not know", c.name, name)
	return 0
}

func mapFlagValue(t *rapid.T) uint64 {
	flags := rapid.SampledFrom([]uint64{2, 2, 2, 1, 0, 3, 4}).Draw(t, "type")
	flags |= rapid.SampledFrom([]uint64{0x20, 0x20, 0x20, 0}).Draw(t, "anonymous")
	return flags | rapid.SampledFrom([]uint64{0x10, 0x10, 0x100010, 0x100000}).Draw(t, "fixed") |
		rapid.SampledFrom([]uint64{0, 0, 0, 0x4000, 0x8000, 0x20000, 0x1000, 0x800, 0x200000}).Draw(t, "more")
}

// differs names what differs from Linux by design, or because the native side
// has more than a cell.
func differs(c *call, a []uint64, linux, ours int64) string {
	switch {
	case c.name == "mremap" && a[3]&2 == 0 && linux > 0 && ours > 0:
		return "a free place differs from process to process"
	case c.name == "mprotect" && a[2]>>24&3 != 0 && a[1] > 1<<32:
		return "what stands above the window differs from process to process"
	case c.name == "madvise" && a[2] == 25:
		return "MADV_COLLAPSE depends on the host's huge pages"
	case c.name == "madvise" && (a[2] == 12 || a[2] == 13):
		return "MADV_MERGEABLE depends on the host's CONFIG_KSM"
	}
	return ""
}

// nobodyReadsCode says whether the native processor's protection keys keep memory
// that may be executed alone from being read, also by mlock(2), which a cell's
// processor does not have (execute_only_pkey() of arch/x86/mm/pkeys.c).
func nobodyReadsCode(linux twin) bool {
	linux.call(unix.SYS_MMAP, windowBase, PageSize, unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED, ^uint64(0), 0)
	return linux.call(unix.SYS_MLOCK, windowBase, PageSize) == -int64(unix.ENOMEM)
}

// TestMemoryCallsAnswerAsLinux makes the same random memory calls natively and
// here, and compares each result.
func TestMemoryCallsAnswerAsLinux(t *testing.T) {
	linux := newNativeTwin(t, t.TempDir())
	rows := memoryCalls
	readable := nobodyReadsCode(linux)
	clean := func(w twin) { w.call(unix.SYS_MUNMAP, windowBase, 1<<32) }
	rapid.Check(t, func(rt *rapid.T) {
		ours := twinGuest{bare(t, func(c *Config) { c.Trace = nil })}
		defer ours.g.close()
		twinMemory(ours)
		clean(linux)
		var log []string
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			c := rapid.SampledFrom(rows).Draw(rt, "call")
			switch c.name {
			case "brk", "mlockall", "munlockall":
				continue // they reach beyond the window
			}
			a := make([]uint64, len(c.args))
			for i := range a {
				a[i] = memoryValue(rt, &c, i)
				if readable && c.args[i].Name == "prot" && a[i] == unix.PROT_EXEC {
					a[i] |= unix.PROT_READ
				}
			}
			if c.name == "mremap" && a[3]&7 == 1 && a[2] > a[1] {
				a[3] = 3 // a free place differs from process to process
			}
			if c.name == "mremap" && a[3]&5 == 5 && a[3]&2 == 0 {
				continue
			}
			want := linux.call(uint64(c.nr), a...)
			got := ours.call(uint64(c.nr), a...)
			log = append(log, fmt.Sprintf("%s(%s) = %s", c.name, words(a), result(want)))
			if want != got && differs(&c, a, want, got) == "" {
				rt.Fatalf("after\n%s\nLinux: %s\nours:  %s", strings.Join(log, "\n"), result(want), result(got))
			}
			if want != got {
				return
			}
		}
		ours.g.healthy()
	})
}
