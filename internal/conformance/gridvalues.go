package conformance

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"spaceos/libos"
)

// A domain is what the grid gives one argument: each value alone among good
// ones, the first being the good one, and few of them in all pairs with those
// of other arguments, so that the order of Linux's checks shows.
type domain struct {
	values []value
	pairs  []value
}

// brief leaves out values that no file is ever asked about.
func (d domain) brief(arg libos.Arg) domain {
	var b domain
	for _, v := range d.values {
		if strings.HasPrefix(v.name, "1<<") || v.v >= arenaEnd && v.v < minus1-100 && arg.Kind != libos.ArgOffset && arg.Kind != libos.ArgSize || v.v == arenaBase {
			continue
		}
		b.values = append(b.values, v)
	}
	for _, v := range d.pairs {
		if slices.ContainsFunc(b.values, func(w value) bool { return w.name == v.name }) && arg.Kind != libos.ArgCommand {
			b.pairs = append(b.pairs, v)
		}
	}
	return b
}

// plain makes a domain of numbers; the first n go into pairs.
func plain(n int, numbers ...uint64) domain {
	var d domain
	for _, v := range numbers {
		d.values = append(d.values, value{name: numberName(v), v: v})
	}
	d.pairs = d.values[:min(n, len(d.values))]
	return d
}

// numberName writes small numbers in decimal and the others by their powers.
func numberName(v uint64) string {
	for shift := 12; shift < 64; shift++ {
		switch p := uint64(1) << shift; {
		case v == p:
			return fmt.Sprintf("2^%d", shift)
		case v > p && v-p <= 4096 && shift >= 31 && v != ^uint64(0):
			return fmt.Sprintf("2^%d+%d", shift, v-p)
		case v < p && p-v <= 2 && shift >= 31:
			return fmt.Sprintf("2^%d-%d", shift, p-v)
		}
	}
	switch {
	case int64(v) < 0 && int64(v) > -1<<20:
		return fmt.Sprint(int64(v))
	case v < 1<<20:
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%#x", v)
}

const minus1 = ^uint64(0)

// bits makes a domain of each of the bits, none, all, and some combinations.
func bits(pairs int, combinations ...uint64) domain {
	d := plain(pairs, combinations...)
	for bit := range 33 {
		d.values = append(d.values, value{name: fmt.Sprintf("1<<%d", bit), v: 1 << bit})
	}
	d.values = append(d.values, value{name: "-1", v: minus1}, value{name: "2^31-1", v: 1<<31 - 1})
	return d
}

// descriptors are those that c/grid.c makes, by number.
func descriptors() []value {
	names := []string{
		3: "read-only", 4: "write-only", 5: "rdwr", 6: "append", 7: "folder", 8: "path", 9: "null", 10: "pipe", 11: "pipe-in",
		12: "eof", 13: "broken", 14: "in-text", 15: "passwd", 16: "closed",
	}
	list := []value{{name: "stdin"}}
	for fd := 3; fd < len(names); fd++ {
		list = append(list, value{name: names[fd], v: uint64(fd)})
	}
	return append(list, value{name: "-1", v: minus1}, value{name: "1024", v: 1024}, value{name: "2^31", v: 1 << 31}, value{name: "2^32+5", v: 1<<32 + 5},
		value{name: "AT_FDCWD", v: 0xffff_ff9c}, value{name: "2^31-1", v: 1<<31 - 1})
}

// fdDomain puts the descriptor that a call can use first.
func fdDomain(good uint64) domain {
	d := domain{values: descriptors()}
	for i, v := range d.values {
		if v.v == good {
			d.values[0], d.values[i] = d.values[i], d.values[0]
		}
		switch v.name {
		case "closed", "folder", "path", "pipe", "write-only", "read-only", "in-text":
			d.pairs = append(d.pairs, v)
		}
	}
	return d
}

func dirFDs() domain {
	var d domain
	for _, v := range descriptors() {
		switch v.name {
		case "AT_FDCWD":
			d.values = append([]value{v}, d.values...)
		case "folder", "rdwr", "path", "closed", "-1", "pipe", "null", "2^32+5", "stdin":
			d.values = append(d.values, v)
		}
	}
	d.values = append(d.values, value{name: "-100", v: ^uint64(99)}, value{name: "2^32+7", v: 1<<32 + 7})
	d.pairs = d.values[1:6]
	return d
}

// pointers puts good values before the bad ones.
func (m *arena) pointers(pairs int, good ...value) domain {
	all := slices.Concat(good, m.bad)
	return domain{values: all, pairs: slices.Concat(good[min(1, len(good)):min(2, len(good))], m.bad[:pairs])}
}

// structure gives pointers to good contents and to the last bytes before a
// hole that suffice, or are one too few.
func (m *arena) structure(size int, good ...value) domain {
	d := m.pointers(5, good...)
	if size > 1 {
		d.values = append(d.values, value{name: fmt.Sprintf("end-%d", size), v: arenaEnd - uint64(size)},
			value{name: fmt.Sprintf("end-%d", size-1), v: arenaEnd - uint64(size) + 1})
	}
	return d
}

func paths(m *arena, good []value) domain {
	d := m.pointers(3, good...)
	for _, v := range good {
		switch v.name {
		case `"missing"`, `""`, `"file/child"`, `"/in/loop"`, `"/in/text"`, `"dir"`, `"file"`, `"n"*256`, `"/"`:
			d.pairs = append(d.pairs, v)
		}
	}
	return d
}

var sizes = []uint64{16, 0, 1 << 63, minus1, 1, 4095, 4096, 4097, 255, 1 << 31, 1<<31 - 4096, 1<<32 + 16, 1 << 47, 1<<63 - 1, 1 << 62, ^uint64(4094)}

// of gives the domain of an argument: by its name in this call, by its name,
// or by its kind.
func (m *arena) of(c libos.CallInfo, arg libos.Arg) domain {
	if d, ok := m.special(c, arg); ok {
		return d
	}
	if d, ok := m.named(arg); ok {
		return d
	}
	switch arg.Kind {
	case libos.ArgSize:
		return plain(4, sizes...)
	case libos.ArgOffset:
		return plain(4, 0, minus1, 1<<63, 1<<63-1, 1, 50, 100, 101, 4096, 1<<31, 1<<32, 1<<62, ^uint64(99))
	case libos.ArgAddr:
		d := m.pointers(5, value{name: "target", v: arenaTarget}, value{name: "target+1", v: arenaTarget + 1})
		d.values = append(d.values, value{name: "data", v: arenaData}, value{name: "target+2p", v: arenaTarget + 2*arenaPage})
		return d
	case libos.ArgFD:
		if strings.HasPrefix(c.Name, "getdents") || c.Name == "fchdir" {
			return fdDomain(7)
		}
		return fdDomain(5)
	case libos.ArgDirFD:
		return dirFDs()
	case libos.ArgPath:
		return m.pathOf(c.Name, arg.Name)
	case libos.ArgString:
		return paths(m, m.strings)
	case libos.ArgBufIn, libos.ArgBufOut:
		return m.structure(16, m.buf)
	case libos.ArgIovecIn, libos.ArgIovecOut:
		return m.structure(32, m.iovecs...)
	case libos.ArgStructIn, libos.ArgStructOut, libos.ArgStructIO:
		return m.structure(arg.Size, append([]value{m.zeros, m.ones}, m.times...)...)
	}
	return m.bitsOf(arg)
}

// bitsOf gives the domain of numbers and flags.
func (m *arena) bitsOf(arg libos.Arg) domain {
	switch arg.Kind {
	case libos.ArgMode:
		return bits(4, 0o644, 0, 0o7777, minus1, 0o777, unix.S_IFREG|0o600, unix.S_IFDIR, unix.S_IFIFO, unix.S_IFLNK, unix.S_IFSOCK)
	case libos.ArgOpenFlags:
		const creat, excl, trunc, dir, path = unix.O_CREAT, unix.O_EXCL, unix.O_TRUNC, unix.O_DIRECTORY, unix.O_PATH
		return bits(8, 0, unix.O_RDWR, creat|unix.O_WRONLY, creat|excl, dir, path, 3, unix.O_TMPFILE|2, unix.O_TMPFILE,
			trunc, trunc|unix.O_WRONLY, creat|dir, creat|excl|dir, path|dir, path|creat, path|unix.O_NOFOLLOW, unix.O_NOFOLLOW,
			unix.O_NOFOLLOW|dir, unix.O_WRONLY|dir, unix.O_APPEND|2, unix.O_CLOEXEC|unix.O_NONBLOCK, path|unix.O_RDWR|trunc)
	case libos.ArgProt:
		return bits(4, unix.PROT_READ|unix.PROT_WRITE, 0, unix.PROT_READ, 8, unix.PROT_READ|unix.PROT_EXEC, unix.PROT_GROWSDOWN|unix.PROT_GROWSUP)
	case libos.ArgMapFlags:
		const anon, private, shared, fixed = unix.MAP_ANONYMOUS, unix.MAP_PRIVATE, unix.MAP_SHARED, unix.MAP_FIXED
		return bits(7, private|anon, private, shared, private|anon|fixed, 0, 3, anon, shared|anon, 3|anon, private|anon|unix.MAP_FIXED_NOREPLACE,
			private|anon|unix.MAP_GROWSDOWN, shared|anon|unix.MAP_GROWSDOWN, private|fixed, private|anon|unix.MAP_LOCKED,
			private|anon|unix.MAP_HUGETLB, private|unix.MAP_HUGETLB, private|anon|unix.MAP_32BIT, private|anon|unix.MAP_POPULATE,
			private|anon|unix.MAP_NORESERVE|unix.MAP_STACK, private|anon|1<<20, 3|1<<20, 3|0x80000, private|anon|1<<26)
	case libos.ArgAtFlags:
		return bits(5, 0, unix.AT_SYMLINK_NOFOLLOW, unix.AT_EMPTY_PATH, 1, unix.AT_REMOVEDIR, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW,
			unix.AT_SYMLINK_FOLLOW, unix.AT_NO_AUTOMOUNT, 0x6000, 0x2000)
	case libos.ArgWhence:
		return plain(4, 0, 1, 5, minus1, 2, 3, 4, 6, 1<<32, 1<<31)
	case libos.ArgSignal:
		return plain(3, 0, 65, minus1, 17, 15, 10, 1, 64, 32, 34, 11, 66, 1<<31, 1<<32+17, 128)
	case libos.ArgClock:
		// Whether 8 and 9 exist depends on the machine's real-time clock.
		return plain(3, 1, 12, minus1, 0, 2, 3, 4, 5, 6, 7, 10, 11, 13, 15, 16, 1<<31, 1<<32, ^uint64(1), ^uint64(2), ^uint64(5))
	case libos.ArgResource:
		return plain(3, 7, 16, minus1, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 1<<31, 1<<32, 17)
	case libos.ArgHex:
		return bits(3, 0, 1<<31, minus1)
	}
	return plain(4, 1, 0, minus1, 1<<31, 2, 3, 8, 16, 1024, 1025, 4096, 1<<31-1, 1<<32, 1<<32+1, 1<<63)
}

// pathOf gives the paths of an argument; the good one first.
func (m *arena) pathOf(call, arg string) domain {
	switch {
	case arg == "newpath", strings.HasPrefix(call, "mk"), strings.HasPrefix(call, "symlink"):
		return paths(m, m.fresh)
	case call == "rmdir", call == "chdir":
		return paths(m, m.folders)
	}
	return paths(m, m.paths)
}
