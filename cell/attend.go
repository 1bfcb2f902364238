package cell

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"spaceos"
)

// grace is how long a runner has to answer an order to stop before it is
// killed.
const grace = time.Second

// exited is how the runner's process ended.
type exited struct {
	status unix.WaitStatus
	usage  unix.Rusage
}

// attend serves the running cell and holds its limits until the runner is
// gone. What the runner said is read to its end then, and no longer: whoever
// else may hold its ends of the sockets is not waited for.
func (o *owner) attend(ctx context.Context) error {
	served := make(chan struct{})
	go func() {
		defer close(served)
		// A runner that sends garbage loses its world and with it every call
		// that needs it; the error has nowhere else to go.
		_ = o.server.Serve(o.worldFD)
	}()
	digest := make(chan string, 1)
	go func() { digest <- o.digest() }()
	results := make(chan *result, 1)
	go func() { results <- o.receive() }()
	ordered := o.hold(ctx)
	e := o.reap()
	// Both calls return what has already come, and then the end (unix(7)).
	_ = unix.Shutdown(o.controlFD, unix.SHUT_RDWR)
	_ = unix.Shutdown(o.worldFD, unix.SHUT_RDWR)
	<-served // its descriptor is closed next, and its number may be another's
	return o.finish(<-results, e, ordered, digest)
}

// hold holds the limits until the runner has ended, and says for which of them
// it was told to.
func (o *owner) hold(ctx context.Context) (ordered cause) {
	o.hearCtrlZ()
	defer signal.Stop(o.ctrlZ)
	stops := o.hearStops()
	defer signal.Stop(stops)
	ended := make(chan struct{})
	go o.watch(ended)
	var timeout, deadline <-chan time.Time
	if o.spec.Timeout > 0 {
		t := time.NewTimer(o.spec.Timeout)
		defer t.Stop()
		timeout = t.C
	}
	cpu := time.NewTimer(o.cpuLeft())
	defer cpu.Stop()
	stop := func(c cause) {
		if ordered == "" {
			ordered = c
			deadline = time.After(grace)
			o.order(order{Stop: c})
		}
	}
	signals := 0
	for {
		select {
		case <-ended:
			return ordered
		case <-stops:
			o.stopped()
		case <-ctx.Done():
			stop(causeKilled)
		case <-timeout:
			stop(causeTimeout)
		case <-cpu.C:
			if left := o.cpuLeft(); left > 0 {
				cpu.Reset(left)
			} else {
				stop(causeCPUTime)
			}
		case <-o.ctrlZ:
			o.pause()
		case s := <-o.spec.Signals:
			signals++
			if n, ok := s.(unix.Signal); ok && signals == 1 {
				o.order(order{Signal: int(n)})
			} else {
				stop(causeKilled)
			}
		case <-deadline:
			o.signalRunner(unix.SIGKILL)
		}
	}
}

// watch closes ended at the runner's end. It does not reap it: until somebody
// does, pid and group are the runner's.
func (o *owner) watch(ended chan<- struct{}) {
	defer close(ended)
	conn, err := o.process.SyscallConn()
	if err == nil {
		err = conn.Read(func(uintptr) bool { return childEnded(o.pid) })
	}
	if err != nil { // no poll for such descriptors (pidfd_open(2)): an unusual kernel
		awaitEnd(o.pid)
	}
}

// signalRunner signals the runner and what it may have started, before reap.
func (o *owner) signalRunner(sig unix.Signal) { _ = unix.Kill(-o.pid, sig) }

// reap ends the runner, if it has not ended yet, and what it may have started.
func (o *owner) reap() (e exited) {
	o.signalRunner(unix.SIGKILL)
	for {
		if _, err := unix.Wait4(o.pid, &e.status, 0, &e.usage); err != unix.EINTR {
			return e
		}
	}
}

// order tells the runner something; a runner that cannot hear is killed by
// deadline or gone.
func (o *owner) order(m order) { _ = writeMessage(o.control, &m) }

// receive waits for the runner's result; nil if it never comes. A runner that
// says something else finds the socket closed, and does not wait for a reader.
func (o *owner) receive() *result {
	var r result
	if err := readMessage(o.control, maxResult, &r); err != nil {
		_ = unix.Shutdown(o.controlFD, unix.SHUT_RD)
		return nil
	}
	return &r
}

// cpuLeft is how much CPU time the runner may still use: no check is needed
// before that much time has passed.
func (o *owner) cpuLeft() time.Duration {
	const forever = 1 << 62
	if o.spec.CPUTime == 0 {
		return forever
	}
	var ts unix.Timespec
	// The CPU clock of a process (clock_getcpuclockid(3)): all its threads,
	// user and system time.
	clock := int32(^o.pid<<3 | 2)
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return forever // it has ended
	}
	return o.spec.CPUTime - time.Duration(ts.Nano())
}

// finish makes the report when the runner is gone.
func (o *owner) finish(res *result, e exited, ordered cause, digest <-chan string) error {
	o.takeTerminal()
	o.report.Time.RunnerCPU = (e.usage.Utime.Nano() + e.usage.Stime.Nano()) / 1e3
	// Linux counts in KiB (getrusage(2)).
	o.report.Memory.RunnerPeak = uint64(e.usage.Maxrss) << 10
	o.report.Memory.Limit = uint64(o.spec.Memory)
	if res == nil || res.Refused == "" { // else it did not run, and may be of any size
		o.report.Digest = <-digest
	}
	if res != nil {
		o.report.fill(res, o.started)
		if o.report.Host != (hostInfo{}) { // a machine came to be
			o.report.Host.HugePages = "off"
			if !o.spec.NoHugePages {
				o.report.Host.HugePages = o.hugePages
			}
		}
		switch o.report.Ended.Cause {
		case causeRefused, causeBroken:
			return &Failure{o.report.Ended.Status, o.refusal()}
		}
		return nil
	}
	if ordered != "" {
		o.report.Ended = stopped(ordered)
		return nil
	}
	o.report.Ended = Ended{Cause: causeRunnerDied, Status: StatusFailure}
	return fail(StatusFailure, "the cell's runner died (%s): the payload's results are incomplete; please report this", died(e.status))
}

// refusal names the program as the user did, who does not see the world's
// paths.
func (o *owner) refusal() error {
	if o.report.Ended.Cause == causeRefused {
		return fmt.Errorf("%s %s", o.spec.Program, o.report.Ended.Message)
	}
	return errors.New(o.report.Ended.Message)
}

func died(ws unix.WaitStatus) string {
	if ws.Signaled() {
		return "killed by " + unix.SignalName(ws.Signal())
	}
	return fmt.Sprintf("exit status %d", ws.ExitStatus())
}

// digest names what ran: the file as long as it was at the start, read in
// pieces, since there is no limit on a program's size. "" if it cannot be read.
func (o *owner) digest() string {
	h := sha256.New()
	if n, err := io.Copy(h, io.NewSectionReader(o.program, 0, o.size)); err != nil || n != o.size {
		return ""
	}
	return spaceos.Digest(h.Sum(nil)).String()
}
