package libos

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// lockBytes makes F_SETLK of a kind on [start, start+length) of fd.
func (g *guest) lockBytes(fd uint64, kind uint16, start, length uint64) int64 {
	var raw [flockSize]byte
	binary.LittleEndian.PutUint16(raw[0:], kind)
	binary.LittleEndian.PutUint64(raw[8:], start)
	binary.LittleEndian.PutUint64(raw[16:], length)
	g.poke(scratchPage+PageSize, raw[:])
	return g.call("fcntl", fd, unix.F_SETLK, scratchPage+PageSize)
}

func TestAFullTableOfLocksCanBeEmptied(t *testing.T) {
	g := bare(t, nil)
	g.poke(scratchPage, []byte("/tmp/locked\x00"))
	fd := g.must("open", scratchPage, unix.O_RDWR|unix.O_CREAT, 0o600)
	for i := range uint64(maxLocks) {
		if e := g.lockBytes(fd, unix.F_WRLCK, 4*i, 3); e != 0 {
			t.Fatalf("lock %d of %d fails with %d", i, maxLocks, e)
		}
	}
	for _, step := range []struct {
		what          string
		kind          uint16
		start, length uint64
		want          errno
	}{
		{"one more", unix.F_WRLCK, 4 * maxLocks, 3, unix.ENOLCK},
		{"the same again", unix.F_WRLCK, 0, 3, 0},
		{"another kind for a whole lock", unix.F_RDLCK, 0, 3, 0},
		{"the middle of a lock, which leaves two", unix.F_UNLCK, 1, 1, unix.ENOLCK},
		{"the end of a lock", unix.F_UNLCK, 2, 1, 0},
		{"a lock", unix.F_UNLCK, 0, 3, 0},
		{"one more where one is gone", unix.F_WRLCK, 0, 3, 0},
		{"everything", unix.F_UNLCK, 0, 0, 0},
	} {
		if got := g.lockBytes(fd, step.kind, step.start, step.length); got != -int64(step.want) {
			t.Errorf("%s: got %d, want %d", step.what, got, -int64(step.want))
		}
	}
	if n := len(g.p.files.locks.records); n != 0 {
		t.Errorf("%d locks are left, want none", n)
	}
}
