package conformance

import (
	"slices"

	"spaceos/libos"
)

// named gives the domain of arguments whose kind says less than their name.
func (m *arena) named(arg libos.Arg) (domain, bool) {
	const absent = 1 << 30 // more than a process id can be
	switch arg.Name {
	case "pid", "tid", "who", "pgid":
		d := plain(4, 0, absent, minus1, 1<<31, 1<<32, 1<<31-1, ^uint64(absent-1))
		self := value{name: "self", self: 's'}
		d.values = slices.Insert(d.values, 1, self, value{name: "-self", self: 'S'}, value{name: "2^32+self", self: 's', v: 1 << 32})
		d.pairs = append(d.pairs, self)
		return d, true
	case "sigsetsize":
		return plain(3, 8, 0, 16, 4, 7, 9, 128, minus1, 1<<32+8), true
	case "fds":
		return m.structure(arg.Size, append(m.polls, m.zeros, m.ones)...), true
	case "nfds":
		return plain(4, 2, 0, 1<<31, 1025, 1, 3, 16, 64, 1024, minus1, 1<<32+2, 5000), true
	case "timeout":
		if arg.Kind == libos.ArgInt {
			return plain(1, 0, 1, 1<<32), true
		}
		return m.structure(16, append([]value{m.zeros, m.times[1]}, m.times...)...), true
	case "req":
		return m.structure(arg.Size, append([]value{m.zeros, m.times[1]}, m.times...)...), true
	case "uid", "gid", "id":
		return plain(3, 0, 1, minus1, 65534, 1<<31, 1<<32, 1<<32+1, 0xffff_ffff), true
	case "policy", "which", "how":
		return plain(3, 0, minus1, 8, 1, 2, 3, 4, 5, 6, 7, 9, 1<<30, 1<<30|3, 1<<31, 1<<32), true
	case "advice":
		d := plain(2, 0, minus1)
		for n := range uint64(28) {
			d.values = append(d.values, value{name: numberName(n), v: n})
		}
		d.pairs = append(d.pairs, value{name: "4", v: 4}, value{name: "22", v: 22})
		return d, true
	case "operation":
		return plain(3, 8, 16, 0, 1, 2, 4, 5, 6, 7, 9, 12, 13, 32, 64, 128, minus1, 1<<32+8), true
	case "new_limit", "rlim":
		if arg.Kind == libos.ArgStructIn {
			return m.structure(16, m.limits...), true
		}
	case "prio":
		return plain(2, 0, minus1, ^uint64(19), 1<<31), true
	}
	return domain{}, false
}

// special gives the domain of an argument of one call.
func (m *arena) special(c libos.CallInfo, arg libos.Arg) (domain, bool) {
	switch c.Name + " " + arg.Name {
	case "fcntl cmd":
		return commands2(37, 1030, 1040, 1024, 1025, 1026, 1029, 1031, 1032, 1033, 1034, 1035, 1036, 1037, 1038, 1039, 1027, 1<<32, minus1, 1<<31), true
	case "fcntl arg":
		return m.numbersAndPointers(0, 1, 2, 0x800, 0x400, minus1, 20, 1023, 1024, 1<<32+20, 4096), true
	case "ioctl request":
		return commands2(3, 0x5401, 0x5402, 0x5413, 0x541b, 0x5421, 0x5450, 0x5451, 0x5452, 0x5460, 0x540f, 0x5410, 0x5411, 0x5414, 0x541c, 0x1260, 0x80081272,
			0x6601, 0x80086601, 0x40086602, 0xc020660b, 0x40049409, 0x4020940d, 0xc0045877, 0xc0045878, 0x40305828, 0x80111500, 1<<32+0x541b, minus1), true
	case "futex op":
		d := commands2(14)
		for _, v := range d.values {
			d.values = append(d.values, value{name: numberName(v.v) + "+128", v: v.v + 128}, value{name: numberName(v.v) + "+256", v: v.v + 256})
		}
		return d, true
	case "futex uaddr", "futex uaddr2":
		return m.pointers(4, m.zeros, m.ones), true
	case "futex timeout":
		return m.pointers(3, append([]value{m.zeros, m.times[1]}, m.times...)...), true
	case "prctl option":
		return commands2(80, 0x41555856, 0x53564d41, 0x59616d61, minus1, 1<<32+15), true
	case "prctl arg2":
		return m.numbersAndPointers(0, 1, 2, 4, 15, 64, 65, minus1), true
	case "prctl arg3", "prctl arg4", "prctl arg5":
		return plain(1, 0, 1, minus1), true
	case "arch_prctl code":
		return plain(6, 0x1003, 0x1001, 0x1002, 0x1004, 0, 0x1005, 0x1011, 0x1012, 0x1021, 0x1022, 0x1023, 0x1024, 0x1025, 0x2001, 0x2002, 0x2003,
			0x4001, 0x4002, 0x4003, 0x5001, 0x5005, minus1, 1<<32+0x1003), true
	case "arch_prctl addr":
		return m.pointers(12, m.zeros), true
	case "brk addr":
		return brks(m), true
	case "close_range first":
		return plain(3, 16, 1000, 5, 0, 3, 1<<31, 0xffff_ffff, 1<<32+16), true
	case "close_range last":
		return plain(3, 20, 3, 999, 16, 0, 0xffff_ffff, 1<<31, minus1, 1<<32+20), true
	case "dup2 newfd", "dup3 newfd":
		return plain(5, 20, minus1, 1024, 5, 16, 999, 1<<31, 1<<32+20, 4096, 3, 10), true
	case "setpriority prio":
		return plain(3, 0, minus1, ^uint64(19), 1<<31, ^uint64(99)), true
	case "mincore length":
		return plain(4, sizes...), true
	case "mremap flags", "msync flags":
		return bits(7, 0, 1, 3, 2, 4, 5, 7, 6), true
	case "renameat2 flags":
		return bits(5, 0, 1, 2, 3, 4, 5, 6), true
	case "statx mask":
		return bits(2, 0x7ff, 1<<31, 0, 0xfff), true
	case "sched_getaffinity len", "sched_setaffinity len":
		return plain(4, 8, 0, 4, 7, 16, 128, 1024, 1<<31, minus1, 1<<32+8), true
	case "sched_setscheduler param", "sched_setparam param":
		return m.structure(4, m.zeros, m.ones, m.times[0]), true
	case "getgroups size", "setgroups size":
		return plain(3, 0, minus1, 1, 1<<31, 65536, 65537, 1<<32), true
	case "sendfile out_fd", "copy_file_range fd_out":
		return fdDomain(6), true
	}
	return domain{}, false
}

// commands2 gives the numbers below n and some more, all in pairs: each command
// reads its other arguments in its own way.
func commands2(n uint64, more ...uint64) domain {
	var list []uint64
	for v := range n {
		list = append(list, v)
	}
	list = append(list, more...)
	return plain(len(list), list...)
}

func (m *arena) numbersAndPointers(numbers ...uint64) domain {
	d := m.pointers(5, m.zeros, m.ones, m.times[0], m.polls[0])
	n := plain(3, numbers...)
	return domain{values: append(n.values, d.values...), pairs: append(n.pairs, d.values...)}
}

func brks(m *arena) domain {
	d := m.pointers(1, value{name: "brk", self: 'B'})
	for _, off := range []uint64{1, 4096, 4097, 1 << 20, minus1, ^uint64(4095), ^uint64(1<<30 - 1), 1 << 40, 1 << 46} {
		d.values = append(d.values, value{name: "brk+" + numberName(off), self: 'B', v: off})
	}
	return d
}
