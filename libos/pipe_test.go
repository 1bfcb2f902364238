package libos

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

// pipe makes a pipe whose ends do not wait.
func (g *guest) pipe() (r, w uint64) {
	g.t.Helper()
	g.must("pipe2", scratchPage, unix.O_NONBLOCK)
	raw := g.peek(scratchPage, 8)
	return uint64(binary.LittleEndian.Uint32(raw)), uint64(binary.LittleEndian.Uint32(raw[4:]))
}

func TestPipesOfAProcessAreBounded(t *testing.T) {
	g := bare(t, func(c *Config) { c.Stdin, c.Stdout, c.Stderr = -1, -1, -1 })
	g.must("prlimit64", 0, unix.RLIMIT_NOFILE, g.words(4096, 4096), 0)
	before := heapInUse()
	var ends [][2]uint64
	total := uint64(0)
	for {
		n := g.call("pipe2", scratchPage, unix.O_NONBLOCK)
		if n != 0 {
			if n != -int64(unix.ENFILE) {
				t.Errorf("pipe %d fails with %d, want ENFILE", len(ends), n)
			}
			break
		}
		raw := g.peek(scratchPage, 8)
		r, w := uint64(binary.LittleEndian.Uint32(raw)), uint64(binary.LittleEndian.Uint32(raw[4:]))
		ends = append(ends, [2]uint64{r, w})
		size := g.must("fcntl", r, unix.F_GETPIPE_SZ, 0)
		if wrote := g.must("write", w, scratchPage, 16*PageSize); wrote != size {
			t.Fatalf("pipe %d of %d bytes takes %d", len(ends), size, wrote)
		}
		g.fails(unix.EAGAIN, "write", w, scratchPage, 1)
		total += size
	}
	if total > pipesHard || total < pipesHard-pipeCapacity {
		t.Errorf("%d pipes hold %d bytes, want at most %d", len(ends), total, pipesHard)
	}
	if grown := heapInUse() - before; grown > pipesHard+1<<20 {
		t.Errorf("full pipes take %d bytes of the host, want about %d", grown, pipesHard)
	}
	for _, e := range ends { // empty, they give their memory back
		for g.call("read", e[0], scratchPage, 16*PageSize) > 0 {
		}
		g.must("close", e[0])
		g.must("close", e[1])
	}
	r, _ := g.pipe()
	if size := g.must("fcntl", r, unix.F_GETPIPE_SZ, 0); size != pipeCapacity {
		t.Errorf("after all are closed a pipe has %d bytes, want %d", size, pipeCapacity)
	}
}

func (g *guest) words(w ...uint64) uint64 {
	if e := g.p.writeWords(scratchPage+PageSize, w...); e != 0 {
		g.t.Fatal(e)
	}
	return scratchPage + PageSize
}

func TestEmptyPipesHoldAtMostAPage(t *testing.T) {
	g := bare(t, nil)
	r, w := g.pipe()
	pp := g.p.files.fds[r].file.obj.(*pipeEnd).pipe
	g.must("write", w, scratchPage, 10)
	if n := len(pp.ring); n != PageSize {
		t.Errorf("10 bytes lie in %d, want a page", n)
	}
	g.must("write", w, scratchPage, 40_000)
	g.must("read", r, scratchPage, 16*PageSize)
	if n := len(pp.ring); n > PageSize {
		t.Errorf("the empty pipe holds %d bytes, want at most a page", n)
	}
	g.must("write", w, scratchPage, 40_000)
	g.must("close", r)
	if pp.ring != nil {
		t.Error("a pipe without readers keeps what is in it")
	}
}

func TestPipesKeepTheOrderOfBytes(t *testing.T) {
	g := bare(t, nil)
	rng := rand.New(rand.NewPCG(1, 2))
	r, w := g.pipe()
	var sent, got []byte
	for range 3000 {
		n := rng.IntN(3 << (2 * rng.IntN(8)))
		piece := make([]byte, min(n, 15*PageSize))
		for i := range piece {
			piece[i] = byte(rng.Uint32())
		}
		g.poke(scratchPage, piece)
		if n := g.call("write", w, scratchPage, uint64(len(piece))); n > 0 {
			sent = append(sent, piece[:n]...)
		}
		if n := g.call("read", r, scratchPage, uint64(rng.IntN(3<<(2*rng.IntN(8))))); n > 0 {
			got = append(got, g.peek(scratchPage, int(n))...)
		}
	}
	for {
		n := g.call("read", r, scratchPage, 15*PageSize)
		if n <= 0 {
			break
		}
		got = append(got, g.peek(scratchPage, int(n))...)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came out of the pipe that differ from the %d that went in", len(got), len(sent))
	}
}
