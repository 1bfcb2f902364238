package hwkvm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// emulator is QEMU's command; Debian has it in the package below.
const (
	emulator        = "qemu-system-x86_64"
	emulatorPackage = "qemu-system-x86"
)

// commandLine is the kernel's (Linux: Documentation/admin-guide/
// kernel-parameters.txt). Warnings reach the console, which Boot returns. What
// stands in the second line makes the emulated kernel do less: above all, timers
// tick and are not set anew at each turn (each write to the APIC leaves the
// emulated code), and pages are not cleared twice.
const commandLine = "console=ttyS0 rdinit=/init loglevel=5 panic=-1 " +
	"nohz=off highres=off init_on_alloc=0 transparent_hugepage=madvise psi=0 rcupdate.rcu_expedited=1 no5lvl mitigations=off nokaslr random.trust_cpu=on"

// processor is QEMU's widest, without what tells programs that REP MOVSB and
// REP STOSB are the fastest way to copy: emulated, they go byte by byte.
const processor = "max,+svm,-erms,-fsrm"

// A Machine is what to boot.
type Machine struct {
	// Init is the first process: the executable of the folder guest, static.
	Init string
	// Jobs run one after another.
	Jobs []Job
	// CPUs and Memory (MiB) are the machine's size; 0 is 1 and 2048.
	CPUs, Memory int
	// Log, unless nil, gets the output of all jobs as it comes.
	Log io.Writer
}

// Outcome is what the machine did.
type Outcome struct {
	Results []Result // one a job, in the order given
	Console string   // what the kernel said, the last 64 KiB
	// Time is how long the emulator ran, CPU the processor time that it took.
	Time, CPU time.Duration
}

// Boot starts the machine, waits until its jobs have ended, and gives what they did. It returns an error when the machine did not do its
// part; the results hold what came until then.
func Boot(ctx context.Context, k Kernel, m Machine) (Outcome, error) {
	qemu, err := exec.LookPath(emulator)
	if err != nil {
		return Outcome{}, fmt.Errorf("hwkvm: no %s: %w: apt-get install %s", emulator, ErrMissing, emulatorPackage)
	}
	dir, err := os.MkdirTemp("", "hwkvm-")
	if err != nil {
		return Outcome{}, err
	}
	defer os.RemoveAll(dir)
	initrd := filepath.Join(dir, "initramfs")
	if err := k.pack(ctx, initrd, m); err != nil {
		return Outcome{}, err
	}
	console, port := filepath.Join(dir, "console"), filepath.Join(dir, "port")
	out := Outcome{Results: make([]Result, len(m.Jobs))}
	for i, j := range m.Jobs {
		out.Results[i].Job = j
	}
	err = out.emulate(ctx, qemu, k.arguments(m, initrd, console, port), port, m.Log)
	out.Console = tail(console, 64<<10)
	if err != nil {
		err = fmt.Errorf("hwkvm: %w\nconsole: %s", err, out.Console)
	}
	return out, err
}

func (k Kernel) arguments(m Machine, initrd, console, port string) []string {
	if m.CPUs == 0 {
		m.CPUs = 1
	}
	if m.Memory == 0 {
		m.Memory = 2048
	}
	return []string{
		// One thread: with several, this QEMU (7.2) corrupts the memory of a
		// machine that runs machines, once in a few minutes.
		"-accel", "tcg,thread=single", "-cpu", processor, "-smp", fmt.Sprint(m.CPUs), "-m", fmt.Sprint(m.Memory),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", k.Image, "-initrd", initrd, "-append", commandLine,
		"-chardev", "file,id=console,path=" + console, "-serial", "chardev:console",
		"-chardev", "file,id=data,path=" + port, "-serial", "chardev:data",
	}
}

// pack writes the initramfs.
func (k Kernel) pack(ctx context.Context, to string, m Machine) error {
	mods, err := k.modules(ctx, wanted)
	if err != nil {
		return err
	}
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	defer file.Close()
	a := newArchive(file)
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "root", "modules"} {
		a.folder(dir)
	}
	if err := a.copy("init", m.Init); err != nil {
		return err
	}
	plan := Plan{Jobs: m.Jobs}
	for _, mod := range mods {
		path := "/modules/" + mod.name + ".ko"
		plan.Modules = append(plan.Modules, path)
		a.file(path, 0o644, mod.elf)
	}
	for _, j := range m.Jobs {
		for to, from := range j.Files {
			if err := a.copy(to, from); err != nil {
				return fmt.Errorf("hwkvm: job %s: %w", j.Name, err)
			}
		}
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	a.file(PlanPath, 0o644, text)
	return errors.Join(a.close(), file.Close())
}

// emulate runs QEMU and collects what it writes to the file port: a file takes
// all, so that the machine never waits for its reader.
func (o *Outcome) emulate(ctx context.Context, qemu string, args []string, port string, log io.Writer) error {
	// The emulator dies with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// It is the longest of all tests and has one thread, so it goes before what
	// else runs; without the right to that, nice runs it as it is.
	cmd := exec.CommandContext(ctx, "nice", append([]string{"-n", "-10", qemu}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second
	data, err := os.Create(port)
	if err != nil {
		return err
	}
	defer data.Close()
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is no news: either all was said before, or not
		close(ended)
	}()
	err = collect(&follower{data, ended}, o.Results, log)
	_ = cmd.Process.Kill()
	<-ended
	o.Time, o.CPU = time.Since(started), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	if ctx.Err() != nil {
		return fmt.Errorf("the machine was not done in time: %w", ctx.Err())
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the machine stopped before its jobs ended: %s", strings.TrimSpace(stderr.String()))
	}
	return err
}

// A follower reads a file that grows until the process that writes it ends.
type follower struct {
	file  *os.File
	ended <-chan struct{}
}

func (f *follower) Read(p []byte) (int, error) {
	for {
		var last bool
		select {
		case <-f.ended:
			last = true
		case <-time.After(10 * time.Millisecond):
		}
		if n, err := f.file.Read(p); n > 0 || last || err != io.EOF {
			return n, err
		}
	}
}

// collect reads messages up to the machine's end and fills the results.
func collect(r io.Reader, results []Result, log io.Writer) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		var m Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return fmt.Errorf("the machine sent a line that is no message: %w", err)
		}
		switch {
		case m.Job == OfMachine && m.Error != "":
			return errors.New(m.Error)
		case m.Job == OfMachine:
			return nil
		case m.Job < 0 || m.Job >= len(results):
			return fmt.Errorf("the machine speaks of job %d of %d", m.Job, len(results))
		}
		results[m.Job].add(m)
		if log != nil {
			_, _ = log.Write(m.Output) // its trouble is not the machine's
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

func (r *Result) add(m Message) {
	if room := 2*MaxOutput - len(r.Output); room > 0 { // the guest cuts; this is for one that does not
		r.Output = append(r.Output, m.Output[:min(room, len(m.Output))]...)
	}
	if m.Ended {
		r.Ended, r.Status, r.Time, r.Error = true, m.Status, m.Time, m.Error
	}
}

// tail gives the last bytes of a file, "" if there is none.
func tail(path string, n int64) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > n {
		_, _ = file.Seek(-n, io.SeekEnd) // from the start if that fails
	}
	text, _ := io.ReadAll(io.LimitReader(file, n))
	return strings.TrimSpace(string(text))
}
