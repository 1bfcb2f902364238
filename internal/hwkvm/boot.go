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

	"golang.org/x/sys/unix"
)

// emulator is QEMU's command; Debian has it in the package below.
const (
	emulator        = "qemu-system-x86_64"
	emulatorPackage = "qemu-system-x86"
)

// commandLine is the kernel's (Linux: Documentation/admin-guide/
// kernel-parameters.txt). Warnings reach the console, which Boot returns.
const commandLine = "console=ttyS0 rdinit=/init loglevel=5 panic=-1 mitigations=off random.trust_cpu=on nokaslr"

// A Machine is what to boot.
type Machine struct {
	// Init is the first process: the executable of the folder guest, static.
	Init string
	// Jobs run one after another.
	Jobs []Job
	// CPUs and Memory (MiB) are the machine's size; 0 is 2 and 2048.
	CPUs, Memory int
}

// Outcome is what the machine did.
type Outcome struct {
	Results []Result // one a job, in the order given
	Console string   // what the kernel said, the last 64 KiB
}

// Boot starts the machine, waits until its jobs have ended and it is off, and
// gives what they did. It returns an error when the machine did not do its
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
	console := filepath.Join(dir, "console")
	out := Outcome{Results: make([]Result, len(m.Jobs))}
	for i, j := range m.Jobs {
		out.Results[i].Job = j
	}
	err = emulate(ctx, qemu, k.arguments(m, initrd, console), out.Results)
	out.Console = tail(console, 64<<10)
	if err != nil {
		err = fmt.Errorf("hwkvm: %w\nconsole: %s", err, out.Console)
	}
	return out, err
}

func (k Kernel) arguments(m Machine, initrd, console string) []string {
	if m.CPUs == 0 {
		m.CPUs = 2
	}
	if m.Memory == 0 {
		m.Memory = 2048
	}
	return []string{
		"-accel", "tcg,thread=multi", "-cpu", "max,+svm", "-smp", fmt.Sprint(m.CPUs), "-m", fmt.Sprint(m.Memory),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", k.Image, "-initrd", initrd, "-append", commandLine,
		// The first serial port is the kernel's console, the second ours.
		"-chardev", "file,id=console,path=" + console, "-serial", "chardev:console",
		"-chardev", "stdio,id=data,signal=off", "-serial", "chardev:data",
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

// emulate runs QEMU and collects what comes through its standard output.
func emulate(ctx context.Context, qemu string, args []string, results []Result) error {
	// The emulator dies with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, qemu, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	data, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// Hours of a processor's work beside others': a low priority, if we may.
	_ = unix.Setpriority(unix.PRIO_PROCESS, cmd.Process.Pid, 5)
	said, problem := collect(data, results)
	if problem != nil {
		_ = cmd.Process.Kill() // it is waited for next, whatever became of it
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the machine was not off in time: %w", ctx.Err())
	case problem != nil:
		return problem
	case said != "":
		return errors.New(said)
	case err != nil:
		return fmt.Errorf("%s: %w: %s", emulator, err, strings.TrimSpace(stderr.String()))
	}
	for _, r := range results {
		if !r.Ended {
			return fmt.Errorf("the machine stopped before job %s ended: %s", r.Job.Name, strings.TrimSpace(stderr.String()))
		}
	}
	return nil
}

// collect reads messages until the end and fills the results; said is what the
// first process says of the machine itself.
func collect(r io.Reader, results []Result) (said string, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		var m Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return said, fmt.Errorf("the machine sent a line that is no message: %w", err)
		}
		switch {
		case m.Job < 0:
			said = m.Error
		case m.Job >= len(results):
			return said, fmt.Errorf("the machine speaks of job %d of %d", m.Job, len(results))
		default:
			results[m.Job].add(m)
		}
	}
	return said, lines.Err()
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
