package libos

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

// limited makes a process over a world with little room in /out, whose
// standard output is the given file; asked counts what the world is asked.
func limited(t *testing.T, room int64, stdout *os.File) *ourTwin {
	t.Helper()
	clock := world.NewClock(time.Time{}, false)
	server, err := world.NewServer(world.Options{Out: t.TempDir(), OutBytes: room, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	o := &ourTwin{t: t, asked: map[world.Op]int{}}
	fd := -1
	if stdout != nil {
		fd = int(stdout.Fd())
	}
	o.p, err = New(Config{
		Memory: twinFrames{}, Meter: o, World: counting{server, o.asked}, Clock: clock,
		Entropy: rand.NewChaCha8([32]byte{}), Stdin: -1, Stdout: fd, Stderr: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.p.main.Attach(o)
	o.p.sig.actions[unix.SIGPIPE].handler = handlerIgnore
	t.Cleanup(func() { o.p.Close(); server.Close() })
	twinMemory(o)
	return o
}

// counting counts requests on their way to the world.
type counting struct {
	world.Service
	asked map[world.Op]int
}

func (c counting) Do(r world.Request) world.Response {
	c.asked[r.Op]++
	return c.Service.Do(r)
}

func (o *ourTwin) want(what string, got, want int64) {
	o.t.Helper()
	if got != want {
		o.t.Errorf("%s: got %s, want %s", what, result(got), result(want))
	}
}

func TestQuotaEndsAWriteWithThePartThatFits(t *testing.T) {
	o := limited(t, 10_000, nil)
	o.poke(twinPaths, []byte("/out/a\x00"))
	fd := uint64(o.call(unix.SYS_OPEN, twinPaths, unix.O_CREAT|unix.O_WRONLY, 0o644))
	o.want("first write", o.call(unix.SYS_WRITE, fd, twinBase, 8192), 8192)
	o.want("write beyond the quota", o.call(unix.SYS_WRITE, fd, twinBase, 8192), 10_000-8192)
	o.want("write with nothing left", o.call(unix.SYS_WRITE, fd, twinBase, 1), -int64(unix.ENOSPC))
	o.want("overwriting", o.call(unix.SYS_PWRITE64, fd, twinBase, 100, 0), 100)
	o.want("making it shorter", o.call(unix.SYS_FTRUNCATE, fd, 0), 0)
	o.want("write after that", o.call(unix.SYS_PWRITE64, fd, twinBase, 8192, 0), 8192)
}

// open opens a file of /out to write.
func (o *ourTwin) open(name string, flags uint64) uint64 {
	o.t.Helper()
	o.poke(twinPaths, []byte("/out/"+name+"\x00"))
	fd := o.call(unix.SYS_OPEN, twinPaths, unix.O_CREAT|unix.O_WRONLY|flags, 0o644)
	if fd < 0 {
		o.t.Fatalf("open %s: %s", name, result(fd))
	}
	return uint64(fd)
}

func TestShortFilesAskForNoRoom(t *testing.T) {
	o := limited(t, 1<<20, nil)
	for _, name := range []string{"a", "b", "c", "a"} {
		fd := o.open(name, unix.O_TRUNC)
		for range 8 {
			o.want("write", o.call(unix.SYS_WRITE, fd, twinBase, 8192), 8192)
		}
		o.call(unix.SYS_CLOSE, fd)
	}
	fd := o.open("a", unix.O_APPEND)
	o.want("appending", o.call(unix.SYS_WRITE, fd, twinBase, 8192), 8192)
	if n := o.asked[world.OpGrow]; n != 0 {
		t.Errorf("writing short files asked for room %d times, want 0", n)
	}
}

func TestQuotaIsToTheByteWithFilesThatHaveRoom(t *testing.T) {
	const quota = 150_001
	o := limited(t, quota, nil)
	a, b := o.open("a", 0), o.open("b", 0) // both with room for 65536 bytes
	o.want("write to a", o.call(unix.SYS_WRITE, a, twinBase, 8192), 8192)
	o.want("write to b", o.call(unix.SYS_WRITE, b, twinBase, 8192), 8192)
	o.want("write at a fault", o.call(unix.SYS_WRITE, b, 8, 8192), -int64(unix.EFAULT))
	c := o.open("c", 0)
	o.want("making c long, with what the others have not used", o.call(unix.SYS_FTRUNCATE, c, quota-2*8192), 0)
	o.want("one byte more in a, which had room", o.call(unix.SYS_WRITE, a, twinBase, 1), -int64(unix.ENOSPC))
	o.want("one byte more in b, which had room", o.call(unix.SYS_PWRITE64, b, twinBase, 8192, 1), 8191)
	o.want("making c shorter", o.call(unix.SYS_FTRUNCATE, c, 8192), 0)
	for left := int64(quota - 3*8192); left > 0; left -= 8192 {
		o.want("filling a", o.call(unix.SYS_WRITE, a, twinBase, 8192), min(8192, left))
	}
	o.want("nothing left for a", o.call(unix.SYS_WRITE, a, twinBase, 1), -int64(unix.ENOSPC))
	o.want("nothing left for b", o.call(unix.SYS_PWRITE64, b, twinBase, 1, 8192), -int64(unix.ENOSPC))
}

func TestARemovedFolderHasNoEnd(t *testing.T) {
	o := limited(t, 1<<20, nil)
	for _, how := range []uint64{unix.SYS_RMDIR, unix.SYS_RENAME} {
		o.poke(twinPaths, []byte("/out/d\x00/out/e\x00"))
		o.want("mkdir", o.call(unix.SYS_MKDIR, twinPaths, 0o755), 0)
		fd := uint64(o.call(unix.SYS_OPEN, twinPaths, unix.O_DIRECTORY, 0))
		o.want("two names", o.call(unix.SYS_GETDENTS64, fd, twinOut, 500), 48)
		o.want("the end", o.call(unix.SYS_GETDENTS64, fd, twinOut, 500), 0)
		if how == unix.SYS_RENAME {
			o.want("mkdir", o.call(unix.SYS_MKDIR, twinPaths+7, 0o755), 0)
			o.want("another in its place", o.call(how, twinPaths+7, twinPaths), 0)
		} else {
			o.want("rmdir", o.call(how, twinPaths), 0)
		}
		for range 2 {
			o.want("of a removed folder", o.call(unix.SYS_GETDENTS64, fd, twinOut, 500), -int64(unix.ENOENT))
		}
	}
}

func TestTheFirstFstatIsTheOpens(t *testing.T) {
	o := limited(t, 1<<20, nil)
	fd := o.open("a", unix.O_TRUNC)
	size := func() (size int64) {
		o.want("fstat", o.call(unix.SYS_FSTAT, fd, twinOut), 0)
		return int64(binary.LittleEndian.Uint64(o.peek(twinOut+48, 8)))
	}
	o.want("size of a new file", size(), 0)
	o.want("requests", int64(o.asked[world.OpStat]), 0)
	size()
	o.want("requests after another", int64(o.asked[world.OpStat]), 1)
	for _, nr := range []uint64{unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_FTRUNCATE} {
		fd = o.open("a", unix.O_TRUNC)
		args := map[uint64][]uint64{unix.SYS_WRITE: {fd, twinBase, 7}, unix.SYS_PWRITE64: {fd, twinBase, 7, 0}, unix.SYS_FTRUNCATE: {fd, 7}}
		o.call(nr, args[nr]...)
		o.want("size after "+callName(uint32(nr)), size(), 7)
	}
	fd = o.open("a", 0)
	o.want("size of what is there", size(), 7)
	o.want("requests", int64(o.asked[world.OpStat]), 4)
}

func TestWriteToAClosedPipeIsEPIPE(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	o := limited(t, 1000, w)
	o.want("closed stdin", o.call(unix.SYS_READ, 0, twinBase, 1), -int64(unix.EBADF))
	o.want("write", o.call(unix.SYS_WRITE, 1, twinBase, 3*PageSize), 3*PageSize)
	if n, err := io.ReadFull(r, make([]byte, 3*PageSize)); err != nil {
		t.Fatalf("the host read %d bytes: %v", n, err)
	}
	r.Close()
	o.want("write without reader", o.call(unix.SYS_WRITE, 1, twinBase, 5), -int64(unix.EPIPE))
}

func TestFullPipeTakesAllOfABlockingWrite(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	o := limited(t, 1000, w)
	got := make(chan int)
	go func() {
		raw, _ := io.ReadAll(r)
		got <- len(raw)
	}()
	total := 0
	for range 20 {
		o.want("write", o.call(unix.SYS_WRITE, 1, twinBase, 4*PageSize), 4*PageSize)
		total += 4 * PageSize
	}
	w.Close()
	if n := <-got; n != total {
		t.Errorf("the host read %d bytes of %d", n, total)
	}
}

func TestFoldersAreListedWhole(t *testing.T) {
	o := limited(t, 1<<20, nil)
	o.poke(twinPaths, []byte("/out/0000\x00"))
	const files = 300
	for i := range files {
		o.poke(twinPaths+5, []byte{'0' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10), 'x'})
		o.call(unix.SYS_CLOSE, uint64(o.call(unix.SYS_CREAT, twinPaths, 0o644)))
	}
	o.poke(twinPaths, []byte("/out\x00"))
	fd := uint64(o.call(unix.SYS_OPEN, twinPaths, unix.O_DIRECTORY, 0))
	o.want("too small a buffer", o.call(unix.SYS_GETDENTS64, fd, twinOut, 20), -int64(unix.EINVAL))
	seen := map[string]bool{}
	for {
		n := o.call(unix.SYS_GETDENTS64, fd, twinOut, 500)
		if n <= 0 {
			o.want("end", n, 0)
			break
		}
		raw := o.peek(twinOut, int(n))
		for len(raw) > 0 {
			size := int(raw[16]) | int(raw[17])<<8
			name := unix.ByteSliceToString(raw[19:size])
			if seen[name] {
				t.Errorf("%q is listed twice", name)
			}
			seen[name] = true
			raw = raw[size:]
		}
	}
	if n := o.asked[world.OpList]; n != 2 {
		t.Errorf("one page of names took %d requests, want 2: one for each time at the start", n)
	}
	o.poke(twinPaths, []byte("/out/late\x00"))
	o.call(unix.SYS_CREAT, twinPaths, 0o644)
	o.want("still the end", o.call(unix.SYS_GETDENTS64, fd, twinOut, 500), 0)
	if len(seen) != files+2 {
		t.Errorf("%d names listed, want %d", len(seen), files+2)
	}
}
