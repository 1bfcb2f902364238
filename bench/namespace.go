package main

import (
	"fmt"
	"os"
	goruntime "runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// inNamespace marks, in the environment, a bench that has already isolated
// itself.
const inNamespace = "SPACEOS_BENCH_ISOLATED"

// isolate puts the bench, and so all that it starts, into a mount namespace of
// its own and makes it the reaper of orphans. It returns in the isolated
// process.
//
// The namespace is for machines that mount cgroups v1 with an empty v2 tree
// beside them (/sys/fs/cgroup/unified): crun takes the v2 tree for the one to
// use and fails. In the namespace that mount is taken away, once, for every
// runtime alike, so the cost is in nobody's time. As reaper, the bench finds
// the daemons that a container runtime leaves behind (containerd's shims)
// among its own descendants, and counts their memory.
func isolate() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the reaper of orphans: %w", err)
	}
	if os.Geteuid() != 0 || os.Getenv(inNamespace) != "" {
		return nil
	}
	// A mount namespace belongs to a thread; exec leaves that thread alone in
	// the process.
	goruntime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mount namespace private: %w", err)
	}
	const unified = "/sys/fs/cgroup/unified"
	if _, err := os.Stat(unified); err == nil {
		if err := unix.Unmount(unified, 0); err != nil {
			return fmt.Errorf("unmount %s inside the namespace: %w", unified, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	err = syscall.Exec(self, os.Args, append(os.Environ(), inNamespace+"=1"))
	return fmt.Errorf("start %s again in its namespace: %w", self, err)
}

// unmountBelow takes away the mounts that a runtime left under dir: runsc keeps
// an empty network namespace mounted in its state folder. A folder with a mount
// in it can't be removed.
func unmountBelow(dir string) error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		// proc(5), /proc/PID/mountinfo: the fifth field is the mount point.
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.HasPrefix(fields[4], dir+"/") {
			continue
		}
		if err := unix.Unmount(fields[4], unix.MNT_DETACH); err != nil && err != unix.EINVAL {
			return fmt.Errorf("unmount %s: %w", fields[4], err)
		}
	}
	return nil
}
