package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Linux runs a case natively, as root, in a mount namespace of its own whose
// root shows what a cell shows: /in, /app (read-only), /data, /out, /tmp (in
// memory), three devices, and the few files of /proc, /sys and /etc that
// programs look for. The root itself is read-only. The process may use one
// processor, since a cell has one.
type Linux struct{}

// enterVariable tells a process that it is the one to enter the namespace.
const enterVariable = "SPACEOS_CONFORMANCE_ENTER"

// Run runs the case. The caller's TestMain must call [Enter] first, because
// the program that runs this starts itself again inside the namespace.
func (Linux) Run(ctx context.Context, bench *Bench, c Case) (Result, error) {
	program, err := bench.Executable(c.Program)
	if err != nil {
		return Result{}, err
	}
	dir, err := bench.stage(c)
	defer os.RemoveAll(dir)
	if err != nil {
		return Result{}, err
	}
	if err := stageRoot(dir, program); err != nil {
		return Result{}, fmt.Errorf("cannot prepare a root folder: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return Result{}, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{program}, c.Args...)...)
	cmd.Env = append([]string{enterVariable + "=" + dir}, c.Env...)
	return finish(cmd, c, dir)
}

// finish runs a prepared command over a staged folder and collects the result.
func finish(cmd *exec.Cmd, c Case, dir string) (Result, error) {
	var s Staged // for its pipes, so that a program finds the same kind of descriptors
	collect, err := s.pipes(c.Stdin)
	if err != nil {
		return Result{}, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
	err = cmd.Run()
	stdout, stderr := collect()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Result{}, fmt.Errorf("cannot run %s: %w", c.Name, err)
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		return Result{}, fmt.Errorf("cannot read how %s ended", c.Name)
	}
	r := Result{Stdout: stdout, Stderr: stderr, Status: status.ExitStatus()}
	if status.Signaled() {
		r.Status = 128 + int(status.Signal())
	}
	if r.Out, err = readTree(filepath.Join(dir, "out")); err != nil {
		return Result{}, err
	}
	r.Data, err = readTree(filepath.Join(dir, "data"))
	return r, err
}

// stageRoot makes the root folder that the namespace will show, with empty
// files and folders where something is mounted.
func stageRoot(dir, program string) error {
	root := Tree{
		"app/": "", "in/": "", "data/": "", "out/": "", "tmp/": "", "proc/": "",
		"dev/null": "", "dev/zero": "", "dev/urandom": "",
		"sys/devices/system/cpu/online": "0\n",
		"etc/passwd":                    "root:x:0:0:root:/:/bin/sh\n",
	}
	if err := root.write(filepath.Join(dir, "root")); err != nil {
		return err
	}
	// The program is mounted over an empty file of its name in /app.
	if err := os.WriteFile(filepath.Join(dir, "app", filepath.Base(program)), nil, 0o755); err != nil {
		return err
	}
	if err := setTimes(filepath.Join(dir, "app")); err != nil {
		return err // the file above is none of the case's
	}
	if err := os.Symlink(program, filepath.Join(dir, "program")); err != nil {
		return err
	}
	// /etc/localtime is UTC, as in a cell; a system without time zones has none
	// and then takes UTC too.
	zone, err := os.ReadFile("/usr/share/zoneinfo/UTC")
	if err != nil {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, "root/etc/localtime"), zone, 0o644)
}

// Enter is for the first line of TestMain: in a process that [Linux] started
// it enters the namespace and becomes the case's program; in any other it
// returns at once.
func Enter() {
	dir := os.Getenv(enterVariable)
	if dir == "" {
		return
	}
	err := enter(dir)
	fmt.Fprintf(os.Stderr, "conformance: cannot run natively (it takes root and mount namespaces): %v\n", err)
	os.Exit(125)
}

// enter mounts the staged folders, changes root and executes the program. It
// returns only when something failed.
func enter(dir string) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := mountRoot(dir); err != nil {
		return err
	}
	if err := unix.Chroot(filepath.Join(dir, "root")); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("chdir: %w", err)
	}
	// What the test's own parent left open is not the program's.
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range: %w", err)
	}
	var one unix.CPUSet
	one.Set(0)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("use one processor: %w", err)
	}
	unix.Umask(0o022)
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, enterVariable+"=") {
			env = append(env, kv)
		}
	}
	// A cell calls the program by its path in the world.
	path := "/app/" + filepath.Base(os.Args[1])
	return fmt.Errorf("exec: %w", syscall.Exec(path, append([]string{path}, os.Args[2:]...), env))
}

// mountRoot binds the staged folders below the staged root and makes what a
// cell may not write read-only.
func mountRoot(dir string) error {
	root := filepath.Join(dir, "root")
	program, err := os.Readlink(filepath.Join(dir, "program"))
	if err != nil {
		return err
	}
	binds := []struct {
		from, to string
		readOnly bool
	}{
		{root, root, true},
		{filepath.Join(dir, "in"), root + "/in", true},
		{filepath.Join(dir, "app"), root + "/app", true},
		{filepath.Join(dir, "data"), root + "/data", false},
		{filepath.Join(dir, "out"), root + "/out", false},
		// A device can be written through a read-only mount; what is guarded are
		// its mode, owner and times, which are the machine's.
		{"/dev/null", root + "/dev/null", true},
		{"/dev/zero", root + "/dev/zero", true},
		{"/dev/urandom", root + "/dev/urandom", true},
		{program, filepath.Join(root, "app", filepath.Base(program)), true},
	}
	for _, b := range binds {
		if err := unix.Mount(b.from, b.to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s to %s: %w", b.from, b.to, err)
		}
		if !b.readOnly {
			continue
		}
		if err := unix.Mount("", b.to, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("make %s read-only: %w", b.to, err)
		}
	}
	if err := unix.Mount("tmp", root+"/tmp", "tmpfs", 0, "size=64m,mode=1777"); err != nil {
		return fmt.Errorf("mount /tmp: %w", err)
	}
	if err := unix.Mount("proc", root+"/proc", "proc", unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}
