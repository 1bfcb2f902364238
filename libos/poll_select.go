package libos

import (
	"golang.org/x/sys/unix"
)

// The events behind each set of select(2) (fs/select.c: POLLIN_SET and so on).
const (
	selectIn  = pollRdNorm | pollRdBand | unix.POLLIN | unix.POLLHUP | unix.POLLERR | unix.POLLNVAL
	selectOut = pollWrBand | pollWrNorm | unix.POLLOUT | unix.POLLERR | unix.POLLNVAL
	selectEx  = unix.POLLPRI | unix.POLLNVAL
)

var selectEvents = [3]int16{selectIn, selectOut, selectEx}

func sysSelect(t *Thread, a args) (uint64, errno) {
	d, e := t.newDeadline(a[4], true)
	if e != 0 {
		return 0, e
	}
	n, e := t.selectSets(a.int(0), [3]uint64{a[1], a[2], a[3]}, &d)
	return d.finish(t, n, e)
}

// sysPselect6 has its mask's address and size in a structure (do_pselect).
func sysPselect6(t *Thread, a args) (uint64, errno) {
	var mask [2]uint64
	if a[5] != 0 {
		words, e := t.p.readWords(a[5], 2)
		if e != 0 {
			return 0, e
		}
		copy(mask[:], words)
	}
	d, e := t.newDeadline(a[4], false)
	if e != 0 {
		return 0, e
	}
	return t.withMask(mask[0], mask[1], func() (uint64, errno) {
		n, e := t.selectSets(a.int(0), [3]uint64{a[1], a[2], a[3]}, &d)
		return d.finish(t, n, e)
	})
}

// selectWords is how many words of each set count: those up to n, but no more
// than Linux's table of descriptors has, which grows in powers of two.
func (p *Process) selectWords(n int32) int {
	size := 64
	for size < len(p.files.fds) {
		size *= 2
	}
	return (min(int(n), size) + 63) / 64
}

// selectSets is core_sys_select() of fs/select.c.
func (t *Thread) selectSets(n int32, addrs [3]uint64, d *deadline) (uint64, errno) {
	if n < 0 {
		return 0, unix.EINVAL
	}
	words := t.p.selectWords(n)
	var sets [3][]uint64
	for i, addr := range addrs {
		sets[i] = make([]uint64, words)
		if addr == 0 {
			continue
		}
		var e errno
		if sets[i], e = t.p.readWords(addr, words); e != 0 {
			return 0, e
		}
	}
	list, fds, e := t.p.selectList(int(n), sets)
	if e != 0 {
		return 0, e
	}
	if _, e := t.pollFor(list, d.timeout); e != 0 {
		return 0, e
	}
	var found [3][]uint64
	count := uint64(0)
	for i := range found {
		found[i] = make([]uint64, words)
		for j, fd := range fds {
			word, bit := fd/64, uint64(1)<<(fd%64)
			if sets[i][word]&bit != 0 && list[j].revents&selectEvents[i] != 0 {
				found[i][word] |= bit
				count++
			}
		}
	}
	for i, addr := range addrs {
		if addr != 0 {
			if e := t.p.writeWords(addr, found[i]...); e != 0 {
				return 0, e
			}
		}
	}
	return count, 0
}

// selectList makes the list to watch: EBADF for a bit of no open descriptor
// (max_select_fd).
func (p *Process) selectList(n int, sets [3][]uint64) (list []pollEntry, fds []int, e errno) {
	for fd := 0; fd < min(n, 64*len(sets[0])); fd++ {
		word, bit := fd/64, uint64(1)<<(fd%64)
		var events int16
		for i := range sets {
			if sets[i][word]&bit != 0 {
				events |= selectEvents[i]
			}
		}
		if events == 0 {
			continue
		}
		if _, e := p.files.getAny(fd); e != 0 {
			return nil, nil, e
		}
		f, _ := p.files.get(fd) // nil for O_PATH: POLLNVAL
		list = append(list, pollEntry{file: f, events: events, exact: true})
		fds = append(fds, fd)
	}
	return list, fds, 0
}
