package world

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// sequence draws operations over a small tree and asks both worlds.
type sequence struct {
	*pair
	t       *rapid.T
	dirs    []Handle
	files   []Handle
	appends map[Handle]bool // opened with O_APPEND
}

// path draws a path: absolute, or relative to a folder that is open.
func (q *sequence) path() (Handle, string) {
	var parts []string
	for range rapid.IntRange(1, 4).Draw(q.t, "depth") {
		parts = append(parts, rapid.SampledFrom([]string{"a", "b", "c", "a", "b", "..", ".", "l", "m"}).Draw(q.t, "name"))
	}
	path := strings.Join(parts, "/")
	if rapid.IntRange(0, 9).Draw(q.t, "slash") == 0 {
		path += "/"
	}
	if len(q.dirs) > 0 && rapid.Bool().Draw(q.t, "relative") {
		return rapid.SampledFrom(q.dirs).Draw(q.t, "dir"), path
	}
	return Root, rapid.SampledFrom([]string{"/out/", "/tmp/"}).Draw(q.t, "mount") + path
}

func (q *sequence) request(op Op) Request {
	dir, path := q.path()
	r := Request{Op: op, Dir: dir, Path: path}
	if rapid.Bool().Draw(q.t, "nofollow") {
		r.Flags = NoFollow
	}
	return r
}

func (q *sequence) open() {
	if len(q.dirs)+len(q.files) > 30 {
		return
	}
	r := q.request(OpOpen)
	r.Mode = 0600
	r.Flags = rapid.SampledFrom([]uint32{unix.O_RDONLY, unix.O_DIRECTORY, unix.O_CREAT | unix.O_RDWR, unix.O_CREAT | unix.O_EXCL | unix.O_WRONLY,
		unix.O_RDWR | unix.O_TRUNC, unix.O_RDWR | unix.O_APPEND, unix.O_PATH | unix.O_NOFOLLOW, unix.O_TRUNC, unix.O_CREAT | unix.O_RDWR}).Draw(q.t, "flags")
	resp := q.both(q.t, r)
	switch {
	case resp.Errno != 0:
	case resp.Kind == KindDir:
		q.dirs = append(q.dirs, resp.Handle)
	default:
		q.files = append(q.files, resp.Handle)
		q.appends[resp.Handle] = r.Flags&unix.O_APPEND != 0
	}
}

// onFile does something to an open file.
func (q *sequence) onFile() {
	if len(q.files) == 0 {
		return
	}
	i := rapid.IntRange(0, len(q.files)-1).Draw(q.t, "file")
	h := q.files[i]
	size := rapid.Int64Range(0, 20000).Draw(q.t, "size")
	switch rapid.IntRange(0, 6).Draw(q.t, "what") {
	case 0:
		q.both(q.t, Request{Op: OpClose, Dir: h})
		q.files = slices.Delete(q.files, i, i+1)
	case 1, 2:
		q.write(h, size)
	case 3:
		q.both(q.t, Request{Op: OpTruncate, Dir: h, Size: size})
	case 4:
		q.both(q.t, Request{Op: OpChmod, Dir: h, Mode: 0600 | uint32(size&077)})
	case 5:
		mode := rapid.SampledFrom([]uint32{0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE}).Draw(q.t, "mode")
		q.both(q.t, Request{Op: OpAllocate, Dir: h, Flags: mode, Offset: rapid.Int64Range(-1, 9000).Draw(q.t, "offset"), Size: size})
	default:
		q.both(q.t, Request{Op: OpStat, Dir: h})
	}
}

// write writes at an offset in both worlds, in ours after asking for room.
// With O_APPEND Linux writes at the end instead; in ours that is the caller's.
func (q *sequence) write(h Handle, offset int64) {
	theirs := offset
	if q.appends[h] {
		offset = q.ours.Do(Request{Op: OpStat, Dir: h, Scratch: roomy}).Stat.Size
	}
	grown := q.ours.Do(Request{Op: OpGrow, Dir: h, Size: offset + 100, Scratch: roomy})
	ours := unix.EBADF
	if fd, ok := q.fds[h]; ok {
		_, err := unix.Pwrite(fd, make([]byte, 100), offset)
		ours = errnoOf(err)
	}
	_, err := unix.Pwrite(q.linux.fds[q.same[h]], make([]byte, 100), theirs)
	if want := errnoOf(err); ours != want || (grown.Errno == 0) != (want == 0) {
		q.t.Fatalf("write to %d at %d: ours %v (grow: %v), Linux %v", h, offset, ours, grown.Errno, want)
	}
}

// onDir does something to an open folder.
func (q *sequence) onDir() {
	if len(q.dirs) == 0 {
		return
	}
	i := rapid.IntRange(0, len(q.dirs)-1).Draw(q.t, "dir")
	h := q.dirs[i]
	switch rapid.IntRange(0, 3).Draw(q.t, "what") {
	case 0:
		q.both(q.t, Request{Op: OpClose, Dir: h})
		q.dirs = slices.Delete(q.dirs, i, i+1)
	case 1:
		q.both(q.t, Request{Op: OpPath, Dir: h})
	case 2:
		q.both(q.t, Request{Op: OpStat, Dir: h})
	case 3:
		if q.both(q.t, Request{Op: OpPath, Dir: h}).Errno == 0 {
			q.both(q.t, Request{Op: OpList, Dir: h})
		}
	}
}

func (q *sequence) step() {
	switch rapid.IntRange(0, 14).Draw(q.t, "op") {
	case 0, 1, 2:
		q.open()
	case 3, 4, 5:
		q.onFile()
	case 6, 7:
		q.onDir()
	case 8, 9:
		r := q.request(OpMkdir)
		r.Mode = 0700
		q.both(q.t, r)
	case 10:
		q.both(q.t, q.request(OpUnlink))
	case 11:
		q.both(q.t, q.request(OpRmdir))
	case 12, 13:
		r := q.request(OpRename)
		r.Dir2, r.Path2 = q.path()
		r.Flags = rapid.SampledFrom([]uint32{0, 0, RenameNoReplace}).Draw(q.t, "noreplace")
		q.both(q.t, r)
	default:
		q.both(q.t, q.request(OpStat))
	}
}

// TestSequencesAnswerAsLinux draws long sequences of operations and wants the
// same answer of the kernel and of the world after each, and books that agree
// with what is there at the end.
func TestSequencesAnswerAsLinux(t *testing.T) {
	p := newPair(t, func(dir, mount string) {
		for name, target := range map[string]string{"l": "a", "m": mount + "/b"} {
			if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	})
	before := countFDs(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := &sequence{pair: p, t: rt, appends: map[Handle]bool{}}
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			q.step()
		}
		for _, mount := range []string{"/out", "/tmp"} {
			p.sameTree(rt, mount)
		}
		q.finish()
	})
	// What an earlier test left to the garbage collector or to a goroutine goes
	// when it goes; a descriptor of the sequences would stay.
	after := countFDs(t)
	for until := time.Now().Add(5 * time.Second); after != before && time.Now().Before(until); after = countFDs(t) {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	if after != before {
		t.Errorf("%d descriptors are open at the end, %d at the start", after, before)
	}
	if p.ours.dirs != 0 || p.ours.listed != 0 {
		t.Errorf("%d folders and %d entries are held without a handle", p.ours.dirs, p.ours.listed)
	}
}

// finish closes everything, checks the quota's books and empties the tree.
func (q *sequence) finish() {
	for _, h := range slices.Concat(q.dirs, q.files) {
		q.both(q.t, Request{Op: OpClose, Dir: h})
	}
	for _, m := range []Mount{MountOut, MountTmp} {
		bytes, names := q.count(m.String())
		if got := q.ours.mounts[m]; got.used != bytes || got.names != names {
			q.t.Fatalf("%v: the quota counts %d bytes and %d names, there are %d and %d", m, got.used, got.names, bytes, names)
		}
		q.empty(m.String())
	}
}

func (q *sequence) children(path string) []Entry {
	resp := q.ours.Do(Request{Op: OpOpen, Path: path, Flags: unix.O_DIRECTORY | unix.O_NOFOLLOW})
	entries := q.ours.Do(Request{Op: OpList, Dir: resp.Handle}).Entries
	q.ours.Do(Request{Op: OpClose, Dir: resp.Handle})
	return slices.DeleteFunc(entries, func(e Entry) bool { return e.Name == "." || e.Name == ".." })
}

func (q *sequence) count(path string) (bytes int64, names int) {
	for _, e := range q.children(path) {
		names++
		at := path + "/" + e.Name
		st := q.ours.Do(Request{Op: OpStat, Path: at, Flags: NoFollow}).Stat
		st.Size = held(&st)
		if st.Mount == MountTmp {
			bytes += nodeBytes
			st.Size = (st.Size + page - 1) / page * page
		}
		switch e.Kind {
		case KindFile:
			bytes += st.Size
		case KindDir:
			b, n := q.count(at)
			bytes, names = bytes+b, names+n
		}
	}
	return bytes, names
}

func (q *sequence) empty(path string) {
	for _, e := range q.children(path) {
		at := path + "/" + e.Name
		switch {
		case e.Kind == KindDir:
			q.empty(at)
			q.both(q.t, Request{Op: OpRmdir, Path: at})
		case e.Kind == KindFile:
			q.both(q.t, Request{Op: OpUnlink, Path: at})
		}
	}
}
