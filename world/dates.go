package world

import (
	"time"

	"golang.org/x/sys/unix"
)

// dates are the times that a file of the host shows in a world whose clock was
// chosen. What was there at the start keeps the time of its last change, for
// all three; what happens later happens at the world's time. Reading changes
// nothing.
type dates struct {
	known               bool
	atime, mtime, ctime Timespec
	wrote               Timespec // the host's own mtime when it was last seen
}

// date gives a file the world's times, and what follows from its size in place
// of what the host's file system chooses. The runner writes to files directly,
// so a change of the host's mtime is how the server learns of it. The host's is
// then set to the world's: another write in the same tick of the host's clock
// shows too, and results carry the world's times.
func (m *mount) date(in *inode, n *node, desc int, name string) {
	host, d := n.stat.Mtime, &in.dates
	switch {
	case m.readOnly || !d.known && !m.counted:
		*d = dates{true, host, host, host, host}
	case !d.known:
		now := m.srv.now()
		*d = dates{true, now, now, now, setMtime(desc, name, now, host)}
	case host != d.wrote:
		d.mtime = m.srv.now()
		d.ctime = d.mtime
		d.wrote = setMtime(desc, name, d.mtime, host)
	}
	n.stat.Atime, n.stat.Mtime, n.stat.Ctime = d.atime, d.mtime, d.ctime
	n.stat.Blksize = page
	switch n.kind {
	case KindDir:
		n.stat.Size, n.stat.Blocks = page, page/512
	case KindFile:
		if held(&n.stat) > n.stat.Size { // blocks behind its end, which it asked for
			break
		}
		n.stat.Blocks = (n.stat.Size + page - 1) / page * (page / 512)
	}
}

// begin dates a folder that was made for this run, since nothing is in it: it
// shows the time at which the world begins.
func (f *hostFolder) begin() {
	var st unix.Stat_t
	if unix.Fstat(f.desc, &st) != nil {
		return
	}
	now := f.mount.srv.now()
	f.mount.inode(f.key).dates = dates{true, now, now, now, Timespec{st.Mtim.Sec, st.Mtim.Nsec}}
}

// setMtime sets the host's mtime of what name is in desc, or of desc itself,
// and gives what the file system made of it, or old if it could not be set.
func setMtime(desc int, name string, to, old Timespec) Timespec {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if name == "" {
		flags = unix.AT_EMPTY_PATH
	}
	times := [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: to.Sec, Nsec: to.Nsec}}
	var st unix.Stat_t
	if unix.UtimesNanoAt(desc, name, times[:], flags) != nil || unix.Fstatat(desc, name, &st, flags) != nil {
		return old
	}
	return Timespec{st.Mtim.Sec, st.Mtim.Nsec}
}

// stamp notes that a file's attributes were changed now.
func (s *Server) stamp(key hostKey) {
	if in := s.inodes[key]; in != nil && in.dates.known {
		in.dates.ctime = s.now()
	}
}

// stamped is the outcome of a change of attributes.
func (m *mount) stamped(key hostKey, err error) errno {
	if err == nil {
		m.srv.stamp(key)
	}
	return errnoOf(err)
}

// dated is the outcome of setting a file's times, which were the world's.
func (m *mount) dated(key hostKey, times [2]unix.Timespec, err error) errno {
	in := m.srv.inodes[key]
	if err != nil || in == nil || !in.dates.known {
		return errnoOf(err)
	}
	d := &in.dates
	for i, t := range []*Timespec{&d.atime, &d.mtime} {
		if times[i].Nsec != unix.UTIME_OMIT {
			*t = Timespec{times[i].Sec, times[i].Nsec}
		}
	}
	if times[1].Nsec != unix.UTIME_OMIT {
		d.wrote = d.mtime
	}
	d.ctime = m.srv.now()
	return 0
}

// changed notes that names in a folder came or went now.
func (f *hostFolder) changed() {
	if f.mount.srv.clock.Chosen() {
		_, _ = f.stat() // a folder that cannot be looked at shows no times
	}
}

// catchUp lets a frozen clock go on to an uptime that the other side has
// reached. What was written until then was written before.
func (s *Server) catchUp(uptime time.Duration) {
	behind := uptime - s.clock.Uptime()
	if !s.clock.Frozen() || behind <= 0 {
		return
	}
	for _, h := range s.handles {
		if h != nil && h.file != nil && h.kind == KindFile {
			_, _ = h.file.node()
		}
	}
	s.clock.Sleep(behind)
}
