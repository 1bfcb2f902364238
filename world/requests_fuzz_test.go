package world

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// FuzzRequests is a runner that has been taken over: it sends any messages that
// it likes, most of them requests that mean something. Whatever comes, quotas
// hold, the server's books agree with what there is, and when the handles are
// closed nothing is left open.
func FuzzRequests(f *testing.F) {
	for op := OpOpen; op <= OpCreate; op++ {
		f.Add([]byte{byte(OpOpen), 0, 0, 2, 5, byte(op), 1, 0, 3, 3, byte(op), 0, 1, 2, 4, byte(OpClose), 1, 0, 0, 0})
	}
	f.Add(append([]byte{255, 60}, appendRequest(nil, &Request{Op: OpRename, Path: "a", Path2: "b"})...))
	base := f.TempDir()
	f.Fuzz(func(t *testing.T, input []byte) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		before := descriptors(t)
		s, err := NewServer(Options{Out: dir, OutBytes: 1 << 20, Files: 12, Clock: NewClock(time.Unix(1_700_000_000, 0), true)})
		if err != nil {
			t.Fatal(err)
		}
		h := &hostileRunner{t: t, s: s, out: dir, input: input}
		h.run()
		s.Close()
		if after := descriptors(t); after != before {
			t.Errorf("%d descriptors are open after the run, %d before", after, before)
		}
	})
}

// requestPaths and requestNumbers are what requests are made of.
var (
	requestPaths = []string{"/out/a", "/tmp/a", "/out/b", "/tmp/b", "", "/out/d", "/tmp/d", "d/a", "..", "/out/d/e", "/", "/in/x", "a", "/app", "/out/a/", "/tmp/d/../a", "/data/a"}

	requestNumbers = []int64{0, 1, 0x242, 0x42, 0x1ed, 0x10000, 4096, 4097, 1 << 19, 1 << 20, 1<<20 + 1, 1 << 31, 1 << 40, -1, 1<<63 - 1, -1 << 63, 1 << 21, 3}
)

type hostileRunner struct {
	t     *testing.T
	s     *Server
	out   string
	input []byte
}

func (h *hostileRunner) next() byte {
	if len(h.input) == 0 {
		return 0
	}
	b := h.input[0]
	h.input = h.input[1:]
	return b
}

func (h *hostileRunner) path() string { return requestPaths[int(h.next())%len(requestPaths)] }

func (h *hostileRunner) number() int64 { return requestNumbers[int(h.next())%len(requestNumbers)] }

// message takes the next message off the input: a request of a few bytes, or
// any bytes at all.
func (h *hostileRunner) message() []byte {
	op := h.next()
	if op >= 250 {
		n := min(int(binary.LittleEndian.Uint16([]byte{h.next(), 0}))*4, len(h.input))
		raw := h.input[:n]
		h.input = h.input[n:]
		return raw
	}
	r := Request{Op: 1 + Op(op)%OpCreate, Dir: Handle(h.next() % 8), Path: h.path(), Scratch: 1 << 20}
	a, b := h.number(), h.number()
	switch r.Op {
	case OpOpen:
		r.Flags, r.Mode = uint32(a), uint32(b)
	case OpRename:
		r.Dir2, r.Path2, r.Flags = r.Dir, requestPaths[uint64(a)%uint64(len(requestPaths))], uint32(b)&1
	default:
		r.Size, r.Offset, r.Mode, r.Flags = a, b, uint32(b), uint32(b)&3
		r.Times = [2]Time{{Sec: a, Nsec: b}, {Now: true}}
		r.Uptime = a
	}
	return appendRequest(nil, &r)
}

func (h *hostileRunner) run() {
	open := map[Handle]bool{}
	for steps := 0; len(h.input) > 0 && steps < 64 && !h.t.Failed(); steps++ {
		msg := h.message()
		r, err := decodeRequest(msg)
		if err != nil {
			continue
		}
		if again := appendRequest(nil, &r); !bytes.Equal(again, msg) {
			h.t.Errorf("request %x decodes to %+v, which encodes to %x", msg, r, again)
		}
		scratch := h.s.scratch
		resp := h.s.Do(r)
		if resp.FD >= 0 {
			unix.Close(resp.FD)
		}
		switch {
		case r.Op == OpOpen && resp.Errno == 0:
			open[resp.Handle] = true
		case r.Op == OpClose && resp.Errno == 0:
			delete(open, r.Dir)
		}
		if h.s.scratch > max(r.Scratch, scratch) {
			h.t.Errorf("%+v: memory holds %d bytes, %d before, and may hold %d", r, h.s.scratch, scratch, r.Scratch)
		}
		encoded := appendResponse(nil, &resp)
		if _, err := decodeResponse(encoded); err != nil || len(encoded) > responseMax {
			h.t.Errorf("%+v: the answer %+v, %d bytes, cannot be read: %v", r, resp, len(encoded), err)
		}
		h.check(r)
	}
	for handle := range open {
		h.s.Do(Request{Op: OpClose, Dir: handle, Scratch: 1 << 20})
	}
	h.checkEnd()
}

// check compares books and limits.
func (h *hostileRunner) check(r Request) {
	memory := int64(0)
	for _, m := range h.s.mounts {
		if m.id == MountNone || m.readOnly {
			continue
		}
		if m.used < 0 || m.lent < 0 || m.used+m.lent > m.limit || m.names < 0 || m.names > m.maxNames {
			h.t.Errorf("%+v: %v has %d bytes and %d lent of %d, %d names of %d", r, m.id, m.used, m.lent, m.limit, m.names, m.maxNames)
		}
		if m.memory {
			memory += m.used
		}
	}
	if memory != h.s.scratch {
		h.t.Errorf("%+v: mounts in memory hold %d bytes, the server counts %d", r, memory, h.s.scratch)
	}
}

// checkEnd compares the books with what there is when nothing is open.
func (h *hostileRunner) checkEnd() {
	if h.s.dirs != 0 || h.s.listed != 0 {
		h.t.Errorf("%d folders and %d entries are held, and nothing is open", h.s.dirs, h.s.listed)
	}
	names, size := 0, int64(0)
	err := filepath.WalkDir(h.out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == h.out {
			return err
		}
		names++
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil || !d.Type().IsRegular() {
			return err
		}
		size += held(&Stat{Size: st.Size, Blocks: st.Blocks})
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	if m := h.s.mounts[MountOut]; m.names != names || m.used != size || m.lent != 0 || len(m.loans) != 0 {
		h.t.Errorf("/out has %d names and %d bytes, the books %d and %d, and %d lent to %d writers", names, size, m.names, m.used, m.lent, len(m.loans))
	}
	for _, id := range []Mount{MountTmp, MountData} {
		m := h.s.mounts[id]
		names, size := 0, int64(0)
		m.root.folder.(memFolder).n.each(func(n *memNode) {
			names++
			st := Stat{}
			if n.kind == KindFile && n.fileStat(&st) == 0 {
				size += m.cost(held(&st))
			}
		})
		if m.names != names || m.used != size+int64(names)*nodeBytes {
			h.t.Errorf("%v has %d names and %d bytes, the books %d and %d", id, names, size+int64(names)*nodeBytes, m.names, m.used)
		}
	}
}

// each visits what is below a folder.
func (n *memNode) each(visit func(*memNode)) {
	for _, k := range n.kids {
		visit(k)
		k.each(visit)
	}
}
