package cell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/kvm"
	"spaceos/vmm"
	"spaceos/world"
)

// devKVM is where the machine comes from.
const devKVM = "/dev/kvm"

// owner is this side of one run.
type owner struct {
	spec    Spec
	started int64 // CLOCK_MONOTONIC in ns
	program *os.File
	size    int64

	executable bool // the program's permissions say so
	system     *kvm.System
	host       vmm.Host
	hugePages  string // the host's setting
	server     *world.Server
	control    *os.File // of controlFD, which does not block
	controlFD  int
	process    *os.File // the runner as a descriptor (pidfd_open(2))
	worldFD    int
	pid        int
	terminal   bool           // standard input is our controlling terminal
	ctrlZ      chan os.Signal // SIGTSTP, while the runner runs
	report     Report
}

// Run runs a payload to its end. An error says that it did not start, or that
// we failed (Status gives the exit status for it); the Report is then as
// complete as it can be.
func Run(ctx context.Context, spec Spec) (*Report, error) {
	o := &owner{spec: spec, started: monotonic(), worldFD: -1, terminal: spec.Stdin == nil && foreground() != 0}
	o.report = Report{Schema: ReportSchema, Engine: "kvm"}
	o.report.Bytes = Traffic{counted(nil), counted(nil)}
	o.report.Calls = CallCounts{counted(nil), counted(nil)}
	err := o.run(ctx)
	o.report.Time.Wall = time.Duration(monotonic() - o.started).Microseconds()
	if err != nil {
		o.report.Ended.Status = Status(err)
		o.report.Ended.Message = err.Error()
		if o.report.Ended.Cause == "" {
			o.report.Ended.Cause = causeRefused
		}
	}
	return &o.report, err
}

func (o *owner) run(ctx context.Context) error {
	if err := o.spec.check(); err != nil {
		return err
	}
	if err := o.openProgram(); err != nil {
		return err
	}
	if o.spec.Sealed == nil {
		defer o.program.Close()
	}
	if err := o.spec.checkApart(); err != nil {
		return err
	}
	if err := o.checkOut(); err != nil {
		return err
	}
	sys, err := vmm.OpenSystem(devKVM)
	if err != nil {
		return &Failure{StatusFailure, noMachine(err)}
	}
	defer sys.Close()
	o.system = sys
	if err := o.start(); err != nil {
		return err
	}
	defer o.control.Close()
	defer o.process.Close()
	defer unix.Close(o.worldFD)
	// The runner takes a while to wake up; what it needs is made meanwhile.
	if err := o.prepare(); err != nil {
		o.reap()
		return err
	}
	defer o.server.Close()
	if o.spec.Ready != nil {
		o.spec.Ready()
	}
	if err := o.send(); err != nil {
		o.reap()
		return err
	}
	return o.attend(ctx)
}

// openProgram finds the program, as execve(2) would.
func (o *owner) openProgram() error {
	path := o.spec.Program
	if o.spec.Sealed != nil {
		return o.findProgram()
	}
	if path == "" {
		return fail(StatusNotFound, "the program's name is empty: give the path of a static Linux program")
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fail(StatusNotFound, "there is no program %s: give the path of a static Linux program", path)
	case err != nil:
		return fail(StatusNotRunnable, "the program %s cannot be read (%w): change its permissions (chmod +r)", path, errnoOf(err))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file but a %s: give the path of a static Linux program", path, kindOf(info.Mode()))
	}
	if err != nil {
		f.Close()
		return &Failure{StatusNotRunnable, err}
	}
	// A pipe would have held us up; now that it is none, the runner shall not
	// make a poller for it.
	_ = unix.SetNonblock(int(f.Fd()), false)
	o.program, o.size, o.executable = f, info.Size(), info.Mode()&0o111 != 0
	o.report.Program = "/app/" + filepath.Base(path)
	return nil
}

// findProgram takes the program out of the sealed files, which stay open.
func (o *owner) findProgram() error {
	for _, f := range o.spec.Sealed {
		if f.Path != o.spec.Program {
			continue
		}
		info, err := f.File.Stat()
		if err != nil {
			return &Failure{StatusNotRunnable, err}
		}
		o.program, o.size, o.executable = f.File, info.Size(), f.Executable
		o.report.Program = "/app/" + f.Path
		return nil
	}
	return fail(StatusNotFound, "the program %.80q is not among the sealed files", o.spec.Program)
}

// errnoOf is an error without the path, which the sentence around it has.
func errnoOf(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func kindOf(m os.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "folder"
	case m&os.ModeNamedPipe != 0:
		return "pipe"
	case m&os.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

// checkOut refuses a folder of results that holds something already: what is
// in it afterwards shall be this run's.
func (o *owner) checkOut() error {
	if o.spec.Out == "" {
		return nil
	}
	d, err := os.OpenFile(o.spec.Out, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return fail(StatusFailure, "the output folder %s does not exist: make it with mkdir, or give another --out", o.spec.Out)
	}
	if err != nil {
		return fail(StatusFailure, "the output folder %s cannot be read (%w): change its permissions, or give another --out", o.spec.Out, errnoOf(err))
	}
	defer d.Close()
	if info, err := d.Stat(); err == nil && !info.IsDir() {
		return fail(StatusFailure, "the output folder %s is not a folder but a %s: give --out an empty folder", o.spec.Out, kindOf(info.Mode()))
	}
	names, err := d.Readdirnames(1)
	if len(names) > 0 {
		return fail(StatusFailure, "the output folder %s is not empty (it holds %q): empty it, or give another --out", o.spec.Out, names[0])
	}
	if err != nil && err != io.EOF {
		return fail(StatusFailure, "the output folder cannot be read (%w): give another --out", err)
	}
	if err := unix.Access(o.spec.Out, unix.W_OK); err != nil {
		return fail(StatusFailure, "the output folder %s is not writable (%w): change its permissions, or give another --out", o.spec.Out, err)
	}
	return nil
}

// prepare makes the world, and finds out what the host offers.
func (o *owner) prepare() (err error) {
	if o.host, err = vmm.Examine(o.system); err != nil {
		return &Failure{StatusFailure, noMachine(err)}
	}
	o.hugePages = hugePageSetting()
	return o.openWorld()
}

func (o *owner) openWorld() error {
	s := &o.spec
	server, err := world.NewServer(world.Options{
		App: s.App, In: s.In, Out: s.Out, Data: s.Data,
		Program: o.program, ProgramName: o.report.Program[len("/app/"):], Sealed: s.Sealed,
		OutBytes: int64(s.OutBytes), DataBytes: int64(s.DataBytes), TmpBytes: int64(s.TmpBytes), Files: s.Files,
		Clock: world.NewClock(s.Clock, s.Frozen), CPUs: 1,
	})
	if err != nil {
		return &Failure{StatusFailure, err}
	}
	o.server = server
	return nil
}

// start starts the runner, which waits for the setup.
func (o *owner) start() error {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail(StatusFailure, "making the runner's socket: %w", err)
	}
	defer unix.Close(ends[1])
	if err := unix.SetNonblock(ends[0], true); err != nil {
		unix.Close(ends[0])
		return fail(StatusFailure, "making the runner's socket: %w", err)
	}
	o.control, o.controlFD = os.NewFile(uintptr(ends[0]), "control"), ends[0]
	worldOwner, worldRunner, err := world.Pair()
	if err != nil {
		return &Failure{StatusFailure, err}
	}
	defer unix.Close(worldRunner)
	o.worldFD = worldOwner
	pidfd := -1
	o.pid, err = syscall.ForkExec("/proc/self/exe", []string{RunnerName}, &syscall.ProcAttr{
		// Two: with one, the scheduler would take the processor from the
		// payload's thread in each KVM_RUN and give it back after.
		Env:   []string{"GOMAXPROCS=2"},
		Files: []uintptr{stream(o.spec.Stdin, 0), stream(o.spec.Stdout, 1), stream(o.spec.Stderr, 2), fdControl: uintptr(ends[1]), fdWorld: uintptr(worldRunner), fdKVM: uintptr(o.system.FD()), fdProgram: o.program.Fd()},
		// The runner dies with the thread that started it. Go ends no thread
		// but those of goroutines that locked theirs and returned.
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, PidFD: &pidfd},
	})
	if err != nil {
		return fail(StatusFailure, "starting the runner: %w", err)
	}
	_ = unix.SetNonblock(pidfd, true) // or watch waits with a thread
	o.process = os.NewFile(uintptr(pidfd), "runner")
	return nil
}

// stream is the descriptor that a payload's stream is to be.
func stream(f *os.File, own uintptr) uintptr {
	if f == nil {
		return own
	}
	return f.Fd()
}

// send tells the runner what to run.
func (o *owner) send() error {
	s := &o.spec
	m := setup{
		Path: o.report.Program, Args: s.Args, Env: s.Env, Size: o.size, Memory: uint64(s.Memory), Host: o.host,
		Clock: s.Clock, Frozen: s.Frozen, NoHugePages: s.NoHugePages, NotExecutable: !o.executable, Trace: s.Trace,
		Subjects: s.Subjects,
	}
	if s.Seed != nil {
		m.Seeded, m.Seed = true, *s.Seed
	}
	if err := writeMessage(o.control, &m); err != nil {
		return fail(StatusFailure, "talking to the runner: %w", err)
	}
	return nil
}
