package world

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// writer is an open file of an honest client, which asks for room when it has
// none.
type writer struct {
	h     Handle
	fd    int
	file  int
	room  int64
	epoch uint64
}

// client is an honest client, and what it must find: how long files are.
type client struct {
	t     *rapid.T
	s     *Server
	limit int64
	epoch uint64
	asked int // OpGrow
	open  []*writer
	sizes [4]int64
}

func (c *client) do(r Request) Response {
	r.Scratch = roomy
	resp := c.s.Do(r)
	if r.Op != OpClose {
		c.epoch = resp.Epoch
	}
	return resp
}

func (c *client) left() int64 {
	left := c.limit
	for _, size := range c.sizes {
		left -= size
	}
	return left
}

func (c *client) create() {
	file := rapid.IntRange(0, len(c.sizes)-1).Draw(c.t, "file")
	flags := uint32(unix.O_CREAT | unix.O_WRONLY)
	if rapid.Bool().Draw(c.t, "truncate") {
		flags |= unix.O_TRUNC
		c.sizes[file] = 0
	}
	resp := c.do(Request{Op: OpOpen, Path: fmt.Sprintf("/out/%d", file), Flags: flags, Mode: 0644})
	if resp.Errno != 0 {
		c.t.Fatalf("open %d: %v", file, resp.Errno)
	}
	c.open = append(c.open, &writer{resp.Handle, resp.FD, file, resp.Room, resp.Epoch})
}

// write writes n bytes at the end, as far as there is room.
func (c *client) write(w *writer, n int64) {
	size := c.sizes[w.file]
	want := min(n, c.left())
	got := n
	if w.room < size+n || w.epoch != c.epoch {
		resp := c.do(Request{Op: OpGrow, Dir: w.h, Offset: size, Size: size + n})
		c.asked++
		if resp.Errno != 0 && (resp.Errno != unix.ENOSPC || want > 0) {
			c.t.Fatalf("room for %d bytes behind %d of file %d with %d left: %v", n, size, w.file, c.left(), resp.Errno)
		}
		got = min(n, resp.Size-size)
		w.room, w.epoch = resp.Room, resp.Epoch
	}
	if got != want {
		c.t.Fatalf("%d bytes behind %d of file %d: %d may be written, want %d", n, size, w.file, got, want)
	}
	if _, err := unix.Pwrite(w.fd, make([]byte, got), size); err != nil {
		c.t.Fatal(err)
	}
	c.sizes[w.file] += got
}

func (c *client) close(i int) {
	w := c.open[i]
	unix.Close(w.fd)
	c.do(Request{Op: OpClose, Dir: w.h})
	c.open = append(c.open[:i], c.open[i+1:]...)
}

func (c *client) step() {
	act := rapid.IntRange(0, 9).Draw(c.t, "act")
	if len(c.open) == 0 || act == 0 {
		c.create()
		return
	}
	i := rapid.IntRange(0, len(c.open)-1).Draw(c.t, "open")
	w := c.open[i]
	switch act {
	case 1:
		c.close(i)
	case 2:
		size := rapid.Int64Range(0, c.limit).Draw(c.t, "size")
		want := errno(0)
		if size-c.sizes[w.file] > c.left() {
			want = unix.ENOSPC
		} else {
			c.sizes[w.file] = size
		}
		if e := c.do(Request{Op: OpTruncate, Dir: w.h, Size: size}).Errno; e != want {
			c.t.Fatalf("ftruncate of file %d to %d: %v, want %v", w.file, size, e, want)
		}
	case 3:
		if got := c.do(Request{Op: OpStatfs, Path: "/out"}).Statfs; got.Bfree != uint64(c.left()/page) {
			c.t.Fatalf("statfs: %d pages are free, want %d", got.Bfree, c.left()/page)
		}
	default:
		c.write(w, rapid.Int64Range(1, minLoan).Draw(c.t, "n"))
	}
}

func TestLoansLeaveTheQuotaExact(t *testing.T) {
	asked, wrote, parent := 0, 0, t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		c := &client{t: rt, limit: rapid.Int64Range(1, 8*minLoan).Draw(rt, "limit")}
		// One folder a time: a failure is tried again thousands of times in
		// search of a smaller one.
		out, err := os.MkdirTemp(parent, "")
		if err != nil {
			rt.Fatal(err)
		}
		if c.s, err = NewServer(Options{Out: out, OutBytes: c.limit}); err != nil {
			rt.Fatal(err)
		}
		defer func() {
			for len(c.open) > 0 { // after a failure
				c.close(0)
			}
			c.s.Close()
			os.RemoveAll(out)
		}()
		for range 40 {
			c.step()
			if m := c.s.mounts[MountOut]; m.lent < 0 || m.used+m.lent > c.limit {
				rt.Fatalf("%d bytes used and %d lent of %d", m.used, m.lent, c.limit)
			}
		}
		for len(c.open) > 0 {
			c.close(0)
		}
		if m := c.s.mounts[MountOut]; m.lent != 0 || len(m.loans) != 0 || m.used != c.limit-c.left() {
			rt.Fatalf("with nothing open: %d bytes lent to %d writers, %d used, want %d", m.lent, len(m.loans), m.used, c.limit-c.left())
		}
		asked, wrote = asked+c.asked, wrote+1
	})
	t.Logf("%d runs asked for room %d times", wrote, asked)
}

func TestALoanIsTakenBackForAnother(t *testing.T) {
	s := newWorld(t, Options{Out: t.TempDir(), OutBytes: 100_000})
	first := do(t, s, Request{Op: OpOpen, Path: "/out/f", Flags: unix.O_CREAT | unix.O_WRONLY}, 0)
	defer unix.Close(first.FD)
	if first.Room != minLoan {
		t.Fatalf("a new file comes with room for %d bytes, want %d", first.Room, minLoan)
	}
	if _, err := unix.Write(first.FD, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	other := do(t, s, Request{Op: OpOpen, Path: "/out/g", Flags: unix.O_CREAT | unix.O_WRONLY}, 0)
	defer unix.Close(other.FD)
	if other.Room != 0 || other.Epoch != first.Epoch {
		t.Fatalf("a second file comes with room for %d bytes in epoch %d, want 0 in %d: there is not as much left", other.Room, other.Epoch, first.Epoch)
	}
	resp := do(t, s, Request{Op: OpGrow, Dir: other.Handle, Size: 200_000}, 0)
	if resp.Size != 99_000 || resp.Epoch == first.Epoch {
		t.Fatalf("the second file may have %d bytes in epoch %d, want the 99000 that the first has not written, in another than %d", resp.Size, resp.Epoch, first.Epoch)
	}
	grow(t, s, first.Handle, 1001, 1000, unix.ENOSPC)
}

func TestNothingIsLentWhereItWouldShow(t *testing.T) {
	frozen := NewClock(launch, true)
	for name, c := range map[string]struct {
		o     Options
		path  string
		flags uint32
	}{
		"in memory, which is the cell's":            {Options{}, "/tmp/f", unix.O_WRONLY},
		"with a frozen clock, which dates requests": {Options{Out: t.TempDir(), Clock: frozen}, "/out/f", unix.O_WRONLY},
		"to who reads":                              {Options{Out: t.TempDir()}, "/out/f", unix.O_RDONLY},
		"to who only holds a path":                  {Options{Out: t.TempDir()}, "/out/f", unix.O_WRONLY | unix.O_PATH},
		"with less of the quota left than one loan": {Options{Out: t.TempDir(), OutBytes: minLoan - 1}, "/out/f", unix.O_WRONLY},
	} {
		s := newWorld(t, c.o)
		create(t, s, c.path)
		s.recallAll()
		resp := do(t, s, Request{Op: OpOpen, Path: c.path, Flags: c.flags}, 0)
		if resp.FD >= 0 {
			unix.Close(resp.FD)
		}
		if resp.Room != 0 || s.mounts[MountOut].lent != 0 {
			t.Errorf("%s: room for %d bytes, %d lent, want none", name, resp.Room, s.mounts[MountOut].lent)
		}
	}
}

func (s *Server) recallAll() {
	for _, m := range s.mounts {
		m.recall()
	}
}

// A client that takes more than its loan has no more of it than one that
// never asks.
func TestMoreThanALoanIsCounted(t *testing.T) {
	for name, end := range map[string]func(s *Server, h Handle){
		"close":  func(s *Server, h Handle) { do(t, s, Request{Op: OpClose, Dir: h}, 0) },
		"statfs": func(s *Server, h Handle) { do(t, s, Request{Op: OpStatfs, Path: "/out"}, 0) },
		"recall": func(s *Server, h Handle) { grow(t, s, h, 1<<20, 300_000, unix.ENOSPC) },
	} {
		s := newWorld(t, Options{Out: t.TempDir(), OutBytes: 200_000})
		h, fd := create(t, s, "/out/f")
		if _, err := unix.Write(fd, make([]byte, 300_000)); err != nil {
			t.Fatal(err)
		}
		end(s, h)
		if m := s.mounts[MountOut]; m.used != 300_000 || m.lent != 0 {
			t.Errorf("%s: the quota counts %d bytes, and %d lent, want 300000 and 0", name, m.used, m.lent)
		}
		g, _ := create(t, s, "/out/g")
		grow(t, s, g, 1, 0, unix.ENOSPC)
	}
}

func TestALoanEndsWithItsLastWriter(t *testing.T) {
	s := newWorld(t, Options{Out: t.TempDir(), OutBytes: 1 << 20})
	one, fd := create(t, s, "/out/f")
	two, _ := openFD(t, s, "/out/f", unix.O_WRONLY)
	openFD(t, s, "/out/f", unix.O_RDONLY)
	m := s.mounts[MountOut]
	if m.lent != minLoan || len(m.loans) != 2 {
		t.Fatalf("%d bytes lent to %d writers of one file, want %d to 2", m.lent, len(m.loans), minLoan)
	}
	if _, err := unix.Write(fd, make([]byte, 500)); err != nil {
		t.Fatal(err)
	}
	do(t, s, Request{Op: OpClose, Dir: one}, 0)
	if m.lent != minLoan || len(m.loans) != 1 {
		t.Fatalf("one of them closed: %d bytes lent to %d writers, want %d to 1", m.lent, len(m.loans), minLoan)
	}
	do(t, s, Request{Op: OpClose, Dir: two}, 0)
	if m.lent != 0 || len(m.loans) != 0 || m.used != 500 {
		t.Fatalf("both closed, a reader is left: %d bytes lent to %d writers and %d used, want none and 500", m.lent, len(m.loans), m.used)
	}
}
