package libos

import (
	"errors"
	"fmt"
	"maps"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The process's names. It is no init (pid 1, whose default signal actions
// differ), its parent is outside of its world, as for a process put into a
// container, and it leads its own group and session.
const (
	guestPID  = 2
	guestPPID = 0
)

// Resources of getrlimit(2) that the library OS itself looks at.
const (
	rlimitData       = unix.RLIMIT_DATA
	rlimitStack      = unix.RLIMIT_STACK
	rlimitNofile     = unix.RLIMIT_NOFILE
	rlimitSigpending = 11 // RLIMIT_SIGPENDING
	rlimits          = 16 // RLIM_NLIMITS
	unlimited        = ^uint64(0)

	stackLimit = 8 << 20
)

// rlimit is a soft and a hard limit.
type rlimit struct{ soft, hard uint64 }

// identity is what a process is beside its memory and files.
type identity struct {
	name        [16]byte // comm: PR_SET_NAME
	limits      [rlimits]rlimit
	started     time.Duration // uptime of the world at start
	waited      time.Duration // spent in waits
	dumpable    uint64
	noNewPrivs  uint64
	nice        int
	affinity    []byte // CPU mask, little-endian
	deathSignal uint32
	slack       uint64 // PR_SET_TIMERSLACK
	keepCaps    uint64
	thpDisable  uint64
	persona     uint32
	policy      int32 // of scheduling
}

// New makes a process without a program; Load gives it one.
func New(cfg Config) (*Process, error) {
	if cfg.Memory == nil || cfg.Meter == nil || cfg.Clock == nil || cfg.Entropy == nil {
		return nil, errors.New("libos: Memory, Meter, Clock and Entropy must be set")
	}
	p := &Process{cfg: cfg}
	p.calls.fill()
	p.counts = counters{
		read: map[string]uint64{}, written: map[string]uint64{},
	}
	p.ident = newIdentity(cfg)
	p.sig.actions = [lastSignal + 1]action{}
	wake, err := newWake()
	if err != nil {
		return nil, fmt.Errorf("libos: make a thread's wake-up: %w", err)
	}
	p.main = &Thread{p: p, tid: guestPID, wake: wake}
	p.main.selectors = userSelectors
	p.initFiles()
	return p, nil
}

func newIdentity(cfg Config) identity {
	id := identity{started: cfg.Clock.Uptime(), dumpable: 1, slack: defaultSlack}
	for i := range id.limits {
		id.limits[i] = rlimit{unlimited, unlimited}
	}
	id.limits[rlimitStack] = rlimit{stackLimit, unlimited}
	id.limits[rlimitNofile] = rlimit{1024, 4096}
	id.limits[rlimitSigpending] = rlimit{maxPending, maxPending}
	id.limits[unix.RLIMIT_CORE] = rlimit{0, 0}
	id.limits[unix.RLIMIT_MEMLOCK] = rlimit{8 << 20, 8 << 20}
	id.limits[unix.RLIMIT_NPROC] = rlimit{1024, 1024}
	id.limits[12] = rlimit{819200, 819200} // RLIMIT_MSGQUEUE
	id.limits[13] = rlimit{0, 0}           // RLIMIT_NICE
	id.limits[14] = rlimit{0, 0}           // RLIMIT_RTPRIO
	id.affinity = newAffinity(cfg.Platform.CPUs)
	return id
}

// Close gives back what the process holds of the host: files and wake-ups. No
// thread may be in a call.
func (p *Process) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish(End{Signal: int(syscall.SIGKILL)})
	p.closeFiles()
	for _, r := range p.mem.regions.list {
		if r.file != nil {
			r.file.Release()
		}
	}
	p.mem.regions.list = nil
	unix.Close(p.main.wake)
	p.main.wake = -1
}

// Main is the thread that the program starts with.
func (p *Process) Main() *Thread { return p.main }

// Attach gives the thread its processor.
func (t *Thread) Attach(cpu CPU) { t.cpu = cpu }

// limit is the soft limit of a resource of getrlimit(2).
func (p *Process) limit(resource int) uint64 { return p.ident.limits[resource].soft }

// End says how the process ended; nil while it runs. It is safe from any
// goroutine.
func (p *Process) End() *End {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}

// Kill ends the process from outside, from any goroutine; the first end counts.
func (p *Process) Kill(end End) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish(end)
	p.main.wakeUp()
}

// finish ends the process; the first end counts.
func (p *Process) finish(end End) {
	if p.end == nil {
		p.end = &end
	}
}

// fail ends the process because the machine could not do what it was asked
// for: memory that is used up is the payload's end, all else our own failure.
func (p *Process) fail(doing string, err error) {
	if errors.Is(err, ErrOutOfMemory) {
		p.finish(End{Signal: int(syscall.SIGKILL), OOM: true})
		return
	}
	p.finish(End{Signal: int(syscall.SIGKILL), Err: fmt.Errorf("%s: %w", doing, err)})
}

// Counts says what the process has used so far. It is safe from any goroutine.
func (p *Process) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Counts{
		Calls:       p.counts.served.byName(),
		Unsupported: p.counts.unsupported.byName(),
		Time:        p.counts.time,
		Read:        maps.Clone(p.counts.read),
		Written:     maps.Clone(p.counts.written),
		Refused:     p.counts.refused,
	}
}

// perCall is a number for each call that Linux has, and one for all others.
type perCall [len(linuxCalls) + 1]uint64

func (c *perCall) byName() map[string]uint64 {
	names := map[string]uint64{}
	for nr, n := range c {
		if n > 0 {
			names[callName(uint32(nr))] += n
		}
	}
	return names
}

// countRead notes n bytes read from a mount or stream.
func (p *Process) countRead(where string, n int) { p.counts.read[where] += uint64(n) }

// countWritten notes n bytes written to a mount or stream.
func (p *Process) countWritten(where string, n int) { p.counts.written[where] += uint64(n) }
