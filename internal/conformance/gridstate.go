package conformance

import (
	"strings"

	"golang.org/x/sys/unix"

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
		"getrusage", "getrandom", "clock_gettime", "gettimeofday", "arch_prctl", "mincore", "ioctl", "prctl", "select", "pselect6", "ppoll",
		"timer_create", "futex":
		return 'V'
	}
	return 'v'
}

// remade says what c/grid.c makes anew after a call that succeeded: f files and
// descriptors, d descriptors alone, w contents and positions alone, c nothing
// but closes the descriptor that was returned, m memory, s signals, p what else
// the process keeps; "-" nothing. A call that is not named here may have changed
// anything.
func remade(l gridLine) string {
	name := l.call.Name
	switch {
	case strings.HasPrefix(name, "clock_"), strings.HasPrefix(name, "sched_"), strings.Contains(name, "stat"):
		return "-"
	case strings.HasPrefix(name, "open") && l.arg("flags").v&(unix.O_CREAT|unix.O_TRUNC|unix.O_TMPFILE&^unix.O_DIRECTORY) == 0:
		return "c"
	case name == "fcntl":
		return remadeFcntl(uint32(l.arg("cmd").v))
	}
	for _, by := range remadeBy {
		if strings.Contains(by.names, " "+name+" ") {
			return by.what
		}
	}
	if l.call.Subject == libos.SubjectFiles {
		return "f"
	}
	return "fmsp"
}

func remadeFcntl(cmd uint32) string {
	switch cmd {
	case unix.F_DUPFD, unix.F_DUPFD_CLOEXEC:
		return "c"
	case unix.F_GETFD, unix.F_GETFL, unix.F_GETLK, unix.F_OFD_GETLK, 1027, 1034, 1032:
		return "-"
	}
	return "d"
}

// remadeBy lists the calls that change little.
var remadeBy = []struct{ what, names string }{
	{"-", " access faccessat faccessat2 readlink readlinkat getcwd poll ppoll select pselect6 getpid gettid getppid getpgrp getpgid getsid " +
		"getuid getgid geteuid getegid getresuid getresgid getgroups uname getrusage sysinfo times getcpu getrandom time gettimeofday " +
		"nanosleep getrlimit getpriority rt_sigpending sync fsync fdatasync syncfs futex getxattr lgetxattr fgetxattr listxattr llistxattr " +
		"flistxattr pread64 preadv preadv2 fadvise64 mincore msync readahead sync_file_range utime utimes utimensat futimesat "},
	{"c", " dup "},
	{"w", " read readv write writev pwrite64 pwritev pwritev2 lseek getdents getdents64 sendfile copy_file_range "},
	{"d", " dup2 dup3 close close_range pipe pipe2 ioctl flock "},
	{"m", " mmap mprotect munmap brk mremap madvise mlock munlock mlock2 mlockall munlockall "},
	{"p", " umask personality prctl arch_prctl set_robust_list set_tid_address setrlimit prlimit64 "},
	{"s", " alarm setitimer timer_create rt_sigqueueinfo rt_tgsigqueueinfo kill tkill tgkill rt_sigaction rt_sigprocmask sigaltstack rt_sigtimedwait "},
}
