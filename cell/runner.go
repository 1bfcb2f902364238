package cell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/kvm"
	"spaceos/libos"
	"spaceos/vmm"
	"spaceos/world"
)

// runner is the process that holds one cell: machine, library OS, payload.
type runner struct {
	setup   setup
	machine *vmm.Machine
	cpu     *vmm.CPU
	process *libos.Process
	result  result

	mu       sync.Mutex
	cause    cause // why an order ended the run
	signaled bool  // the payload had its signal: the next kills it
}

// RunnerMain is all that the runner does; it returns the process's exit
// status. What became of the run goes to the owner as a message.
func RunnerMain() int {
	control := blocking(fdControl, "control")
	r := &runner{}
	if err := readMessage(control, maxMessage, &r.setup); err != nil {
		return 1
	}
	setName(RunnerName)
	if err := r.run(control); err != nil {
		r.result.Broken = err.Error()
	}
	if err := writeMessage(control, &r.result); err != nil {
		return 1
	}
	return 0
}

// setName gives the process the name that ps and top show, which is "exe" after
// an execve of /proc/self/exe. Whichever thread writes, the file is the main
// thread's (proc_pid_comm(5)). A runner without /proc keeps its old name.
func setName(name string) {
	fd, err := unix.Open("/proc/self/comm", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_, _ = unix.Write(fd, []byte(name))
	unix.Close(fd)
}

// makeMachine makes the machine, or says what is missing.
func (r *runner) makeMachine() (err error) {
	r.machine, err = vmm.New(kvm.NewSystem(fdKVM), vmm.Options{
		Memory: r.setup.Memory, Host: &r.setup.Host,
		HideRandom: r.setup.Seeded, HideCycles: !r.setup.Clock.IsZero(),
	})
	if err != nil {
		return noMachine(err)
	}
	r.cpu = r.machine.CPU(0)
	r.result.Host = describe(r.machine.Host())
	return nil
}

func (r *runner) run(control io.Reader) error {
	if err := r.makeMachine(); err != nil {
		return err
	}
	if err := r.makeProcess(); err != nil {
		return err
	}
	regs, err := r.process.Load(io.NewSectionReader(blocking(fdProgram, r.setup.Path), 0, r.setup.Size), r.setup.Size)
	if err != nil {
		var refused *libos.LoadError
		if errors.As(err, &refused) {
			r.result.Refused = refused.Text
			return nil
		}
		return err
	}
	if r.setup.NotExecutable {
		r.result.Refused = "is not executable: make it so with chmod +x"
		return nil
	}
	thread := r.process.Main()
	thread.Attach(processor{r.cpu})
	*r.cpu.Regs() = vmm.Regs(regs)
	go r.obey(control)
	if foreground() != 0 {
		r.hearTerminal()
	}
	// A thread of the payload is a thread of ours, this one.
	runtime.LockOSThread()
	r.result.FirstRun = monotonic()
	err = r.loop(thread)
	r.measure()
	return err
}

// makeProcess makes the library OS's side of the payload.
func (r *runner) makeProcess() (err error) {
	s, m := &r.setup, r.machine
	cfg := libos.Config{
		World:   world.NewClient(fdWorld),
		Clock:   world.NewClock(s.Clock, s.Frozen),
		Entropy: world.NewEntropy(s.seed()),
		Memory:  memory{m}, Meter: memory{m}, Platform: platform(m.Host()), HideCycles: m.Host().CyclesHidden,
		Stdin: 0, Stdout: 1, Stderr: 2,
		Args: append([]string{s.Path}, s.Args...), Env: s.Env, Path: s.Path,
		HugePages: !s.NoHugePages, Subjects: s.Subjects,
	}
	if !s.Frozen {
		cfg.CPUTime = threadCPU // the payload's calls are served on its thread
	}
	if s.Trace {
		cfg.Trace = os.Stderr
	}
	r.process, err = libos.New(cfg)
	return err
}

// loop lets the payload run and serves its exits until it has ended.
func (r *runner) loop(thread *libos.Thread) error {
	var alarm *time.Timer
	defer func() {
		if alarm != nil {
			alarm.Stop()
		}
	}()
	start := time.Now()
	meter := cpuMeter{cpu: threadCPU()}
	for {
		meter.turn(time.Since(start), threadCPU)
		exit, err := r.cpu.Run()
		r.result.GuestCPU += meter.turn(time.Since(start), threadCPU)
		if err != nil {
			return err
		}
		switch exit.Kind {
		case vmm.Call:
			r.result.Exits.Calls++
			thread.Call()
		case vmm.Trap:
			r.result.Exits.Faults++
			thread.Fault(libos.Trap{Vector: exit.Vector, ErrorCode: exit.Error, Addr: exit.Addr})
		case vmm.Interrupted:
			r.result.Exits.Interrupts++
			thread.Interrupted()
		}
		if end := r.process.End(); end != nil {
			return r.ended(end)
		}
		if left, any := r.process.NextTimer(); any && alarm == nil {
			alarm = time.AfterFunc(left, r.cpu.Kick)
		} else if any {
			alarm.Reset(left) // one that rings for nothing costs an exit
		}
	}
}

func (r *runner) ended(end *libos.End) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.End, r.result.Cause = *end, r.cause
	r.result.End.Err = nil // an error does not travel; its words do
	if end.Err != nil {
		return fmt.Errorf("the library OS failed: %w", end.Err)
	}
	return nil
}

// obey carries out the owner's orders; without an owner there is no cell.
func (r *runner) obey(control io.Reader) {
	for {
		var o order
		if err := readMessage(control, maxMessage, &o); err != nil {
			os.Exit(1)
		}
		if o.Stop != "" {
			r.stop(o.Stop)
		} else {
			r.signal(o.Signal)
		}
	}
}

func (r *runner) stop(c cause) {
	r.mu.Lock()
	r.cause = c
	r.mu.Unlock()
	r.process.Kill(libos.End{Signal: int(unix.SIGKILL)})
	r.cpu.Kick()
}

// signal gives the payload its first signal, wherever that came from; the
// second kills it.
func (r *runner) signal(n int) {
	r.mu.Lock()
	second := r.signaled
	r.signaled = true
	r.mu.Unlock()
	if second {
		r.stop(causeKilled)
		return
	}
	r.process.Signal(n)
	r.cpu.Kick()
}

// measure fills the result.
func (r *runner) measure() {
	c := r.process.Counts()
	r.result.LibOS = c.Time
	r.result.Calls, r.result.Unsupported = c.Calls, c.Unsupported
	r.result.Read, r.result.Written = c.Read, c.Written
	r.result.MemoryRefused = c.Refused
	r.result.Mapped = r.process.Mapped()
	u := r.machine.Usage()
	r.result.Backed, r.result.Peak, r.result.Touched = u.Backed, u.Peak, u.Touched
	r.result.Resident = r.machine.Resident()
}

func monotonic() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail for this clock
	return ts.Nano()
}

func threadCPU() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) // cannot fail for this clock
	return time.Duration(ts.Nano())
}
