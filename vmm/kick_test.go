package vmm

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kicks is how many kicks the tests make: 10,000, or what the environment says
// for a machine that is emulated.
func kicks(t *testing.T) int {
	t.Helper()
	text := os.Getenv("SPACEOS_KICKS")
	if text == "" {
		return 10_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("SPACEOS_KICKS is %q, want a number of kicks", text)
	}
	return n
}

// startKicker kicks n times, at moments that wander through what the processor
// does, each time after the one before was seen. Then it closes the channel and
// kicks a last time, so that Run returns; wait waits for that.
func startKicker(t *testing.T, c *CPU, n int) (done chan struct{}, wait func()) {
	done = make(chan struct{})
	var kicker sync.WaitGroup
	kicker.Go(func() {
		const patience = 30 * time.Second
		watch := time.AfterFunc(patience, func() {
			t.Errorf("a kick of %d is lost: the processor has not seen it for %v", n, patience)
			freeThread(c)
		})
		defer watch.Stop()
		for i := 0; i < n && !t.Failed(); i++ {
			pause := time.Duration(i*i%151) * time.Microsecond
			for begin := time.Now(); time.Since(begin) < pause; {
			}
			c.Kick()
			for c.kicked.Load() {
				runtime.Gosched()
			}
			watch.Reset(patience)
		}
		close(done)
		c.Kick()
	})
	return done, kicker.Wait
}

// freeThread gets the processor's thread out of a guest that Kick does not
// stop, so that a test that failed can end.
func freeThread(c *CPU) {
	for c.running.Load() {
		c.vcpu.SetImmediateExit(true)
		_ = unix.Tgkill(unix.Getpid(), int(c.tid.Load()), unix.SIGURG)
		time.Sleep(10 * time.Millisecond)
	}
}

func ended(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// TestNoKickAgainstALoopIsLost has a guest that only a kick can stop.
func TestNoKickAgainstALoopIsLost(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	copy(m.View(codeAt, PageSize), []byte{0x48, 0xff, 0xc3, 0xeb, 0xfb}) // inc rbx; jmp back
	c.Regs().RIP = codeAt
	n := kicks(t)
	done, wait := startKicker(t, c, n)
	defer wait()
	seen := 0
	for ; !ended(done) && !t.Failed(); seen++ {
		if e := resume(t, c); e.Kind != Interrupted {
			t.Fatalf("after %d kicks: exit %+v, want Interrupted", seen, e)
		}
		if rip := c.Regs().RIP; rip != codeAt && rip != codeAt+3 {
			t.Fatalf("after %d kicks: stopped at %#x, want one of the loop's two instructions", seen, rip)
		}
	}
	if seen < n {
		t.Errorf("%d kicks were seen, %d made", seen, n)
	}
}

// TestNoKickAgainstCallsAndFaultsIsLost has a guest that counts, calls and
// faults all the time. Every kick is seen, be it as an exit of its own or at
// the exit that came first; no call or fault is lost or comes twice.
func TestNoKickAgainstCallsAndFaultsIsLost(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	const behindCall, fault = codeAt + 5, codeAt + 5
	copy(m.View(codeAt, PageSize), []byte{0x48, 0xff, 0xc3, 0x0f, 0x05, 0x0f, 0x0b, 0xeb, 0xf7}) // inc rbx; syscall; ud2; jmp back
	c.Regs().RIP = codeAt
	n := kicks(t)
	done, wait := startKicker(t, c, n)
	defer wait()
	var calls, faults, stops uint64
	for !ended(done) && !t.Failed() {
		e := resume(t, c)
		r := c.Regs()
		switch {
		case e.Kind == Call && r.RIP == behindCall:
			calls++
		case e.Kind == Trap && e.Vector == vectorUD && r.RIP == fault:
			faults++
			r.RIP += 2
		case e.Kind == Interrupted && r.RIP >= codeAt && r.RIP <= codeAt+7:
			stops++
		default:
			t.Fatalf("exit %+v at %#x after %d calls and %d faults", e, r.RIP, calls, faults)
		}
		if r.RBX-calls > 1 || calls-faults > 1 {
			t.Fatalf("the guest counts %d; seen are %d calls and %d faults", r.RBX, calls, faults)
		}
	}
	t.Logf("total: %d kicks: %d exits of their own, %d calls, %d faults", n, stops, calls, faults)
}

// TestAnOldRequestToLeaveStopsNothing has what a kick leaves behind that was
// seen between its two halves.
func TestAnOldRequestToLeaveStopsNothing(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	c.vcpu.SetImmediateExit(true)
	rescue := time.AfterFunc(30*time.Second, c.Kick)
	defer rescue.Stop()
	wantCall(t, "with immediate_exit set and no kick", execute(t, m, c, 0x0f, 0x05))
}

func TestAKickBeforeRunCounts(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	c.Kick()
	if e := execute(t, m, c, 0xeb, 0xfe); e.Kind != Interrupted { // jmp .
		t.Errorf("exit %+v, want Interrupted", e)
	}
}
