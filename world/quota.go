package world

import (
	"math"

	"golang.org/x/sys/unix"
)

// Defaults of the quotas in Options.
const (
	DefaultBytes       = 16 << 30 // of /out and of /data
	DefaultFiles       = 65536    // names in /out and in /data, on the host
	DefaultMemoryFiles = 4096     // names in /tmp, and in /out or /data without a host folder
)

const (
	page = 4096
	// nodeBytes is what one file or folder in memory is charged beside its
	// content: about what the host's kernel and the server keep for it.
	nodeBytes = 1024
	// maxFileSize is the largest file outside of /tmp, that of ext4 with blocks
	// of 4 KiB.
	maxFileSize = 1<<44 - page
)

// A mount is one part of the tree, with its quota.
type mount struct {
	id       Mount
	readOnly bool
	memory   bool // content is memory: counted as scratch too
	counted  bool // what the host's folder held at the start is known
	srv      *Server
	root     *dir

	limit, used     int64 // bytes
	maxNames, names int   // files and folders, the root left out

	lent  int64                  // bytes of loans, beside those used
	loans map[*hostFile]struct{} // open files whose writers have one
}

// room is how many more bytes the mount may hold.
func (m *mount) room() int64 {
	room := m.limit - m.used - m.lent
	if m.memory {
		room = min(room, m.srv.scratchLimit-m.srv.scratch)
	}
	return max(room, 0)
}

// maxFile is the size of the largest file (s_maxbytes): in /tmp, as on tmpfs,
// it is the quota alone that ends a file.
func (m *mount) maxFile() int64 {
	if m.id == MountTmp {
		return math.MaxInt64
	}
	return maxFileSize
}

// charge counts delta bytes, which may be negative.
func (m *mount) charge(delta int64) {
	m.used += delta
	if m.memory {
		m.srv.scratch += delta
	}
}

// addName counts a new name; ENOSPC when the quota has no room for it.
func (m *mount) addName() errno {
	if m.names >= m.maxNames {
		return unix.ENOSPC
	}
	if m.memory {
		if m.room() < nodeBytes {
			return unix.ENOSPC
		}
		m.charge(nodeBytes)
	}
	m.names++
	return 0
}

func (m *mount) dropName() {
	m.names--
	if m.memory {
		m.charge(-nodeBytes)
	}
}

// A body is the content of a file as the quota sees it.
type body struct {
	mount   *mount
	granted int64 // the size that the file may have without asking again
	charged int64
	lent    int64 // the size that the file may have beyond granted: loans.go
}

// cost is what a file of size bytes counts: memory comes in whole pages.
func (m *mount) cost(size int64) int64 {
	if m.memory {
		return (min(size, math.MaxInt64-page) + page - 1) &^ (page - 1)
	}
	return size
}

// grow makes room for a file that has size bytes and wants more, to write there
// from from on: all of it, or what the quota has left. What would end before
// from is of no use to the writer and is not taken.
func (b *body) grow(size, from, want int64) (int64, errno) {
	if want < 0 {
		return b.granted, unix.EINVAL
	}
	if longest := b.mount.maxFile(); want > longest {
		if size >= longest {
			return b.granted, unix.EFBIG
		}
		want = longest
	}
	if size > b.granted { // written without asking: counted all the same
		b.set(size)
	}
	if b.mount.cost(want)-b.charged > b.mount.room()+b.loan() {
		b.mount.recall()
	}
	if want <= b.granted {
		return b.granted, 0
	}
	need := b.mount.cost(want) - b.charged
	if room := b.mount.room() + b.loan(); need > room {
		want = b.charged + room
		if b.mount.memory {
			want &^= page - 1
		}
		if want <= max(b.granted, from) {
			return b.granted, unix.ENOSPC
		}
	}
	b.set(want)
	return b.granted, 0
}

// need makes room for all of want or for nothing.
func (b *body) need(size, want int64) errno {
	if want < 0 {
		return unix.EINVAL
	}
	if want > b.mount.maxFile() {
		return unix.EFBIG
	}
	before := max(b.granted, size)
	got, e := b.grow(size, want-1, want)
	if got < want {
		b.set(before)
		return unix.ENOSPC
	}
	return e
}

// set records that the file has, or may have, size bytes.
func (b *body) set(size int64) {
	cost := b.mount.cost(size)
	b.mount.charge(cost - b.charged)
	before := b.loan()
	b.granted, b.charged = size, cost
	b.mount.lent += b.loan() - before
}

// held is what a file counts that nobody has open: its size, or the blocks it
// has beyond (fallocate(2) with FALLOC_FL_KEEP_SIZE), less what file systems
// use for themselves.
func held(st *Stat) int64 {
	const slack = 64 << 10
	if blocks := st.Blocks * 512; blocks > st.Size+slack {
		return blocks
	}
	return st.Size
}
