package libos

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/world"
)

// twin is one side of the differential test: Linux itself, or the library OS.
// Both have the same memory at the same addresses, and the same tree in /data.
type twin interface {
	call(nr uint64, a ...uint64) int64
	poke(addr uint64, raw []byte)
	peek(addr uint64, n int) []byte
}

// The memory that both sides have: writable pages, a page that can only be
// read, and nothing after it.
const (
	twinBase  = 0x10_0000_0000
	twinPages = 4
	twinRO    = twinBase + twinPages*PageSize
	twinHole  = twinRO + PageSize
)

// nativeTwin talks to testdata/native.c.
type nativeTwin struct {
	t   testing.TB
	in  *os.File
	out *os.File
}

var buildNative = sync.OnceValues(func() (string, error) {
	// Named by its source, so that runs share it and leave one file behind.
	source, err := os.ReadFile("testdata/native.c")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("spaceos-native-%x", sha256.Sum256(source)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "native")
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	made := fmt.Sprintf("%s.%d", bin, os.Getpid())
	out, err := exec.Command("musl-gcc", "-static", "-O1", "-o", made, "testdata/native.c").CombinedOutput()
	if err != nil {
		return "", &os.PathError{Op: string(out), Path: bin, Err: err}
	}
	return bin, os.Rename(made, bin)
})

// newNativeTwin starts Linux's side with root as its root folder. Its standard
// streams are files: never devices of this machine, which calls could change.
func newNativeTwin(t testing.TB, root string) *nativeTwin {
	streams := twinStreams(t)
	bin, err := buildNative()
	if err != nil {
		t.Fatalf("build the native side (apt-get install musl-tools): %v", err)
	}
	cmdR, cmdW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	resR, resW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// The shell moves the two pipes out of the way of the lowest numbers.
	c := exec.Command("bash", "-c", `exec 1000<&3 1001>&4 3<&- 4<&-; exec "$0" "$1"`, bin, root)
	c.Stdin, c.Stdout, c.Stderr = streams[0], streams[1], streams[1]
	c.ExtraFiles = []*os.File{cmdR, resW}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	cmdR.Close()
	resW.Close()
	n := &nativeTwin{t, resR, cmdW}
	t.Cleanup(func() {
		cmdW.Close()
		resR.Close()
		c.Wait()
	})
	twinMemory(n)
	return n
}

// twinMemory makes the memory of a side by its own calls.
func twinMemory(w twin) {
	const anonymous = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_FIXED
	none := ^uint64(0)
	w.call(unix.SYS_MMAP, twinBase, (twinPages+1)*PageSize, unix.PROT_READ|unix.PROT_WRITE, anonymous, none, 0)
	w.poke(twinRO, make([]byte, PageSize))
	w.call(unix.SYS_MPROTECT, twinRO, PageSize, unix.PROT_READ)
}

func (n *nativeTwin) send(words ...uint64) {
	raw := make([]byte, 64)
	for i, w := range words {
		binary.LittleEndian.PutUint64(raw[8*i:], w)
	}
	if _, err := n.out.Write(raw); err != nil {
		n.t.Fatalf("native side: %v", err)
	}
}

func (n *nativeTwin) receive(size int) []byte {
	raw := make([]byte, size)
	if _, err := io.ReadFull(n.in, raw); err != nil {
		n.t.Fatalf("native side died: %v", err)
	}
	return raw
}

func (n *nativeTwin) call(nr uint64, a ...uint64) int64 {
	n.send(append([]uint64{'C', nr}, a...)...)
	return int64(binary.LittleEndian.Uint64(n.receive(8)))
}

func (n *nativeTwin) poke(addr uint64, raw []byte) {
	n.send('W', addr, uint64(len(raw)))
	n.out.Write(raw)
}

func (n *nativeTwin) peek(addr uint64, size int) []byte {
	n.send('R', addr, uint64(size))
	return n.receive(size)
}

// ourTwin is a process over a world.
type ourTwin struct {
	t     testing.TB
	p     *Process
	regs  Regs
	asked map[world.Op]int // limited: requests to the world
}

func (o *ourTwin) Regs() *Regs             { return &o.regs }
func (o *ourTwin) Bases() (fs, gs uint64)  { return 0, 0 }
func (o *ourTwin) SetBases(fs, gs uint64)  {}
func (o *ourTwin) XState() ([]byte, error) { return make([]byte, 576), nil }
func (o *ourTwin) SetXState([]byte) error  { return nil }
func (o *ourTwin) Limit() uint64           { return 64 << 20 }
func (o *ourTwin) Backed() uint64          { return 0 }
func (o *ourTwin) Peak() uint64            { return 0 }
func (o *ourTwin) SetScratch(bytes uint64) {}

// twinFrames is guest memory as a map of pages; every page lies apart, so that
// each buffer is in pieces.
type twinFrames map[uint64][]byte

func (m twinFrames) Map(addr, length uint64, _ Prot, _ Backing) error {
	for a := addr; a < addr+length; a += PageSize {
		m[a] = make([]byte, PageSize)
	}
	return nil
}
func (m twinFrames) Protect(addr, length uint64, prot Prot) error { return nil }
func (m twinFrames) Unmap(addr, length uint64) error {
	for a := addr; a < addr+length; a += PageSize {
		delete(m, a)
	}
	return nil
}
func (m twinFrames) Move(from, to, length uint64) error {
	for i := uint64(0); i < length; i += PageSize {
		if page, ok := m[from+i]; ok {
			m[to+i] = page
			delete(m, from+i)
		}
	}
	return nil
}
func (m twinFrames) Touched(addr uint64) bool { return m[addr&^(PageSize-1)] != nil }

func (twinFrames) Reclaim(func(addr, length uint64)) {}

func (m twinFrames) View(addr, length uint64) []byte {
	page := m[addr&^(PageSize-1)]
	if page == nil {
		return nil
	}
	rest := page[addr%PageSize:]
	return rest[:min(uint64(len(rest)), length)]
}

// twinStreams makes the files that are a side's standard streams.
func twinStreams(t testing.TB) (list [2]*os.File) {
	dir, err := os.MkdirTemp("", "spaceos-streams")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for i, flags := range [2]int{os.O_RDONLY | os.O_CREATE, os.O_RDWR | os.O_CREATE} {
		f, err := os.OpenFile(filepath.Join(dir, []string{"stdin", "stdout"}[i]), flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		list[i] = f
	}
	return list
}

// newOurTwin makes a process whose /data is a folder of the host.
func newOurTwin(t testing.TB, data string) *ourTwin {
	streams := twinStreams(t)
	clock := world.NewClock(time.Time{}, false)
	// Linux's side has no quota: a file with a hole is as long as it likes.
	server, err := world.NewServer(world.Options{Data: data, DataBytes: 1 << 46, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	o := &ourTwin{t: t}
	o.p, err = New(Config{
		Memory: twinFrames{}, Meter: o, World: server, Clock: clock,
		Entropy: rand.NewChaCha8([32]byte{}), Args: []string{"twin"},
		Stdin: int(streams[0].Fd()), Stdout: int(streams[1].Fd()), Stderr: int(streams[1].Fd()),
	})
	if err != nil {
		t.Fatal(err)
	}
	o.p.main.Attach(o)
	o.p.sig.actions[unix.SIGPIPE].handler = handlerIgnore
	o.p.sig.actions[unix.SIGXFSZ].handler = handlerIgnore
	t.Cleanup(func() {
		o.p.Close()
		server.Close()
	})
	twinMemory(o)
	return o
}

func (o *ourTwin) call(nr uint64, a ...uint64) int64 {
	var six [6]uint64
	copy(six[:], a)
	o.regs = Regs{RAX: nr, RDI: six[0], RSI: six[1], RDX: six[2], R10: six[3], R8: six[4], R9: six[5]}
	o.p.main.Call()
	if end := o.p.End(); end != nil {
		o.t.Fatalf("call %d %x ended the process: %+v", nr, six, end)
	}
	return int64(o.regs.RAX)
}

func (o *ourTwin) poke(addr uint64, raw []byte) {
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	if n := o.p.copyOut(addr, raw); n < len(raw) {
		o.t.Fatalf("poke at %#x: %d of %d bytes", addr, n, len(raw))
	}
}

func (o *ourTwin) peek(addr uint64, n int) []byte {
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	raw := make([]byte, n)
	if m := o.p.copyIn(raw, addr); m < n {
		o.t.Fatalf("peek at %#x: %d of %d bytes", addr, m, n)
	}
	return raw
}
