package libos

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

func TestPathsOfDescriptorsAreBounded(t *testing.T) {
	g := bare(t, nil)
	g.poke(scratchPage, []byte("/tmp\x00"))
	fd := g.must("open", scratchPage, unix.O_DIRECTORY)
	name := strings.Repeat("d", 250)
	g.poke(scratchPage, []byte(name+"\x00"))
	var fds []uint64
	total := 0
	for range 300 {
		g.must("mkdirat", fd, scratchPage, 0o700)
		fd = g.must("openat", fd, scratchPage, unix.O_DIRECTORY)
		fds = append(fds, fd)
		path := g.p.files.fds[fd].file.path
		if !strings.HasPrefix(path, "/") || !strings.HasSuffix(path, "/"+name) {
			t.Fatalf("the path of descriptor %d is %q", fd, path)
		}
		total += len(path)
	}
	if limit := 2 << 20; total > limit {
		t.Errorf("the paths of %d descriptors are %d bytes, want at most %d", len(fds), total, limit)
	}
	for _, fd := range fds {
		g.must("close", fd)
	}
	if n := g.p.files.longPaths; n != 0 {
		t.Errorf("with every folder closed %d bytes of paths are counted, want none", n)
	}
}

// farWorld is a world behind a socket: what it answers is a copy.
type farWorld struct{ world.Service }

func (w farWorld) Do(r world.Request) world.Response {
	resp := w.Service.Do(r)
	for i := range resp.Entries {
		resp.Entries[i].Name = strings.Clone(resp.Entries[i].Name)
	}
	return resp
}

func TestFoldersInReadHoldOnePageTogether(t *testing.T) {
	g := bare(t, func(c *Config) { c.World = farWorld{c.World} })
	for i := range 600 {
		g.poke(scratchPage, fmt.Appendf(nil, "/tmp/%0200d\x00", i))
		g.must("close", g.must("creat", scratchPage, 0o600))
	}
	list := func(fd uint64) (names int) {
		for {
			n := int(g.must("getdents64", fd, scratchPage, 1000))
			if n == 0 {
				return names
			}
			for raw := g.peek(scratchPage, n); len(raw) > 0; raw = raw[raw[16]:] {
				names++
			}
		}
	}
	open := func() uint64 {
		g.poke(scratchPage, []byte("/tmp\x00"))
		return g.must("open", scratchPage, unix.O_DIRECTORY)
	}
	if n := list(open()); n != 602 {
		t.Fatalf("%d names, want 602", n)
	}
	const folders = 50
	var fds []uint64
	for range folders {
		fds = append(fds, open())
	}
	before := heapInUse()
	for _, fd := range fds {
		g.must("getdents64", fd, scratchPage, 1000)
	}
	// The world, which is in this process, has a listing for each.
	const listing = 602 * 40
	if grown := heapInUse() - before; grown > folders*listing+200_000 {
		t.Errorf("%d folders that are read hold %d bytes", folders, grown)
	}
	// They go on where each of them was, also by turns.
	for i, fd := range fds[:4] {
		g.must("getdents64", fds[i+1], scratchPage, 1000)
		if n := list(fd); n < 590 || n > 602 {
			t.Errorf("folder %d goes on with %d names", i, n)
		}
	}
}
