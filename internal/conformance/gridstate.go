package conformance

import (
	"strings"

	"spaceos/libos"
)

// resultOf says how a call's result is printed: 'v' a number, with a sum over
// what the call wrote; 'V' a number alone, where what it writes differs from
// one machine or moment to another; 'a' an address; 't' a number that differs,
// 'T' the same without a sum; 'p' perhaps this process's id; 'B' an end of the
// heap.
func resultOf(name string) byte {
	switch name {
	case "mmap", "mremap":
		return 'a'
	case "brk":
		return 'B'
	case "getpid", "gettid", "getpgrp", "getpgid", "getsid", "set_tid_address", "fcntl":
		return 'p'
	case "getppid", "time", "times", "sched_getaffinity":
		return 'T'
	case "stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "getdents", "getdents64", "uname", "sysinfo",
		"getrusage", "getrandom", "clock_gettime", "gettimeofday", "arch_prctl", "mincore", "ioctl", "prctl", "select", "pselect6", "ppoll":
		return 'V'
	}
	return 'v'
}

// remade says what c/grid.c makes anew after a call that succeeded: f files and
// descriptors, d descriptors alone, m memory, s signals, p what else the
// process keeps; "-" nothing. A call that is not named here may have changed
// anything.
func remade(c libos.CallInfo) string {
	switch name := c.Name; {
	case strings.HasPrefix(name, "clock_"), strings.HasPrefix(name, "sched_"), strings.Contains(name, "stat") && name != "set_robust_list":
		return "-"
	default:
		switch name {
		case "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd", "poll", "ppoll", "select", "pselect6",
			"getpid", "gettid", "getppid", "getpgrp", "getpgid", "getsid", "getuid", "getgid", "geteuid", "getegid", "getresuid",
			"getresgid", "getgroups", "uname", "getrusage", "sysinfo", "times", "getcpu", "getrandom", "time", "gettimeofday",
			"nanosleep", "getrlimit", "getpriority", "rt_sigpending", "sync", "fsync", "fdatasync", "syncfs", "futex", "getxattr",
			"pread64", "preadv", "preadv2", "fadvise64", "mincore", "msync":
			return "-"
		case "read", "readv", "lseek", "dup", "dup2", "dup3", "close", "close_range", "getdents", "getdents64", "pipe", "pipe2",
			"fcntl", "ioctl", "flock", "readahead":
			return "d"
		case "mmap", "mprotect", "munmap", "brk", "mremap", "madvise", "mlock", "munlock", "mlock2", "mlockall", "munlockall":
			return "m"
		case "umask", "personality", "prctl", "arch_prctl", "set_robust_list", "set_tid_address", "setrlimit", "prlimit64":
			return "p"
		case "kill", "tkill", "tgkill", "rt_sigaction", "rt_sigprocmask", "sigaltstack", "rt_sigtimedwait":
			return "s"
		}
	}
	if c.Subject == libos.SubjectFiles {
		return "f"
	}
	return "fmsp"
}
