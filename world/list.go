package world

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	// maxEntries is how many entries of folders a server holds for listings.
	maxEntries = 1 << 20
	// A listing comes in pages of so many entries and bytes.
	pageEntries = 512
	pageBytes   = 48 << 10
)

// list gives the next page of a folder. The list is the folder as it was when
// position 0 was asked for; so positions stay what they are while the payload
// removes what it lists.
func (s *Server) list(r *Request, resp *Response) errno {
	o, e := s.handle(r.Dir)
	switch {
	case e != 0:
		return e
	case o.dir == nil:
		return unix.ENOTDIR
	case r.Offset < 0:
		return unix.EINVAL
	}
	if r.Dir == Root { // nobody has opened it, so nobody will close it
		defer s.dropListing(o)
	}
	if o.dir.gone { // Linux, fs/readdir.c: iterate_dir
		return unix.ENOENT
	}
	if r.Offset == 0 || o.listing == nil {
		if e := s.takeListing(o); e != 0 {
			return e
		}
	}
	if resp.Size = int64(len(o.listing)); r.Offset >= resp.Size {
		s.dropListing(o)
		return 0
	}
	rest := o.listing[r.Offset:]
	size := 0
	for i, entry := range rest {
		if size += entrySize(entry); i == pageEntries || size > pageBytes {
			rest = rest[:i]
			break
		}
	}
	resp.Entries = append([]Entry(nil), rest...)
	return 0
}

func entrySize(e Entry) int { return 16 + len(e.Name) }

func (s *Server) dropListing(o *handle) {
	s.listed -= len(o.listing)
	o.listing = nil
}

func (s *Server) takeListing(o *handle) errno {
	s.dropListing(o)
	entries, e := o.dir.entries()
	if e != 0 {
		return e
	}
	if s.listed+len(entries) > maxEntries { // others begin anew at their next page
		for _, other := range s.handles {
			if other != nil {
				s.dropListing(other)
			}
		}
	}
	o.listing = entries
	s.listed += len(entries)
	return 0
}

// entries lists a folder with what the world adds to it: mount points, names
// that hide others, "." and "..".
func (d *dir) entries() ([]Entry, errno) {
	entries, e := d.list()
	if e != 0 {
		return nil, e
	}
	kept := entries[:0]
	for _, entry := range entries {
		if d.over[entry.Name] == nil {
			kept = append(kept, entry)
		}
	}
	entries = kept
	for name, n := range d.over {
		entries = append(entries, Entry{Name: name, Ino: n.ino, Kind: n.kind})
	}
	add := func(name string, at *dir) {
		if st, err := at.stat(); err == 0 {
			entries = append(entries, Entry{Name: name, Ino: st.Ino, Kind: KindDir})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.kids)) { // a first look gives a number
		if k := d.kids[name]; k.fixed {
			add(name, k)
		}
	}
	sortEntries(entries)
	dots := entries
	entries = nil
	add(".", d)
	add("..", d.parent)
	return append(entries, dots...), 0
}

// list reads a folder of the host with getdents64(2), which tells types and
// inode numbers, so that only few entries need a stat of their own.
func (f *hostFolder) list() ([]Entry, errno) {
	fd, e := openat(f.desc, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if e != 0 {
		return nil, e
	}
	defer unix.Close(fd)
	var entries []Entry
	s := f.mount.srv
	if s.dirents == nil {
		s.dirents = make([]byte, 16<<10)
	}
	buf := s.dirents
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return nil, errnoOf(err)
		}
		if n <= 0 {
			sortEntries(entries) // before numbers are given: the same order, the same numbers
			return f.number(entries), 0
		}
		if entries = appendDirents(entries, buf[:n]); len(entries) > maxEntries {
			return nil, unix.EOVERFLOW
		}
	}
}

// kindUnknown marks an entry that must be looked at.
const kindUnknown Kind = 255

// appendDirents takes apart struct linux_dirent64 (getdents(2)): inode 0,
// length 16, type 18, name 19.
func appendDirents(entries []Entry, buf []byte) []Entry {
	for len(buf) > 19 {
		length := int(binary.NativeEndian.Uint16(buf[16:]))
		if length <= 19 || length > len(buf) {
			break
		}
		name, _, _ := bytes.Cut(buf[19:length], []byte{0})
		entry := Entry{Name: string(name), Ino: binary.NativeEndian.Uint64(buf)}
		keep := entry.Name != "." && entry.Name != ".."
		switch buf[18] {
		case unix.DT_REG:
			entry.Kind = KindFile
		case unix.DT_LNK:
			entry.Kind = KindLink
		case unix.DT_DIR, unix.DT_UNKNOWN: // a folder may be another file system's
			entry.Kind = kindUnknown
		default:
			keep = false
		}
		if keep {
			entries = append(entries, entry)
		}
		buf = buf[length:]
	}
	return entries
}

// number gives entries the world's inode numbers and drops what is not shown.
func (f *hostFolder) number(entries []Entry) []Entry {
	kept := entries[:0]
	for _, entry := range entries {
		if entry.Kind != kindUnknown {
			entry.Ino = f.mount.inode(hostKey{f.key.dev, entry.Ino}).ino
			kept = append(kept, entry)
			continue
		}
		if n, e := f.look(entry.Name); e == 0 {
			kept = append(kept, Entry{Name: entry.Name, Ino: n.stat.Ino, Kind: n.kind})
		}
	}
	return kept
}
