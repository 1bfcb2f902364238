package libos

import (
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// bitName is a flag, or a value under a mask, by name.
type bitName struct {
	mask, value uint64
	name        string
}

func bit(value uint64, name string) bitName { return bitName{value, value, name} }

// bitNames shows flags by name, the rest in hexadecimal; none is what 0 is
// called.
func bitNames(v uint64, none string, names []bitName) string {
	var shown []string
	for _, b := range names {
		if v&b.mask == b.value && (b.value != 0 || b.mask != 0) {
			shown = append(shown, b.name)
			v &^= b.mask
		}
	}
	if v != 0 {
		shown = append(shown, fmt.Sprintf("%#x", v))
	}
	if len(shown) == 0 {
		return none
	}
	return strings.Join(shown, "|")
}

// symbol shows an argument of a kind whose values have names.
func symbol(kind ArgKind, call string, v uint64) string {
	switch kind {
	case ArgDirFD:
		if int32(v) == unix.AT_FDCWD {
			return "AT_FDCWD"
		}
		return fmt.Sprint(int32(v))
	case ArgMode:
		return fmt.Sprintf("%#03o", uint32(v))
	case ArgOpenFlags:
		return openFlagNames(uint64(uint32(v)))
	case ArgProt:
		return bitNames(v, "PROT_NONE", []bitName{bit(1, "PROT_READ"), bit(2, "PROT_WRITE"), bit(4, "PROT_EXEC")})
	case ArgMapFlags:
		return mapFlagNames(v)
	case ArgAtFlags:
		return bitNames(uint64(uint32(v)), "0", []bitName{
			bit(unix.AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"), bit(unix.AT_REMOVEDIR, "AT_REMOVEDIR"),
			bit(unix.AT_SYMLINK_FOLLOW, "AT_SYMLINK_FOLLOW"), bit(unix.AT_NO_AUTOMOUNT, "AT_NO_AUTOMOUNT"),
			bit(unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"),
		})
	case ArgWhence:
		return oneOf(v, "SEEK_SET", "SEEK_CUR", "SEEK_END", "SEEK_DATA", "SEEK_HOLE")
	case ArgSignal:
		return signalName(int(int32(v)))
	case ArgClock:
		return oneOf(v, "CLOCK_REALTIME", "CLOCK_MONOTONIC", "CLOCK_PROCESS_CPUTIME_ID", "CLOCK_THREAD_CPUTIME_ID",
			"CLOCK_MONOTONIC_RAW", "CLOCK_REALTIME_COARSE", "CLOCK_MONOTONIC_COARSE", "CLOCK_BOOTTIME",
			"CLOCK_REALTIME_ALARM", "CLOCK_BOOTTIME_ALARM", "CLOCK_SGI_CYCLE", "CLOCK_TAI")
	case ArgResource:
		return oneOf(v, "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS",
			"RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING",
			"RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME")
	case ArgCommand:
		return command(call, v)
	}
	return fmt.Sprintf("%#x", v)
}

// oneOf names v by its place in a list.
func oneOf(v uint64, names ...string) string {
	if uint32(v) < uint32(len(names)) {
		return names[uint32(v)]
	}
	return fmt.Sprintf("%#x", uint32(v))
}

func openFlagNames(v uint64) string {
	access := oneOf(v&unix.O_ACCMODE, "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE")
	if v &^= unix.O_ACCMODE; v == 0 {
		return access
	}
	return access + "|" + bitNames(v, "", []bitName{
		bit(unix.O_CREAT, "O_CREAT"), bit(unix.O_EXCL, "O_EXCL"), bit(unix.O_NOCTTY, "O_NOCTTY"),
		bit(unix.O_TRUNC, "O_TRUNC"), bit(unix.O_APPEND, "O_APPEND"), bit(unix.O_NONBLOCK, "O_NONBLOCK"),
		bit(unix.O_SYNC, "O_SYNC"), bit(unix.O_DSYNC, "O_DSYNC"), bit(unix.O_DIRECT, "O_DIRECT"),
		bit(0o100000, "O_LARGEFILE"), bit(unix.O_TMPFILE, "O_TMPFILE"), bit(unix.O_DIRECTORY, "O_DIRECTORY"),
		bit(unix.O_NOFOLLOW, "O_NOFOLLOW"), bit(unix.O_NOATIME, "O_NOATIME"),
		bit(unix.O_CLOEXEC, "O_CLOEXEC"), bit(unix.O_PATH, "O_PATH"),
	})
}

func mapFlagNames(v uint64) string {
	return bitNames(v, "MAP_FILE", []bitName{
		{unix.MAP_TYPE, unix.MAP_SHARED_VALIDATE, "MAP_SHARED_VALIDATE"},
		{unix.MAP_TYPE, unix.MAP_SHARED, "MAP_SHARED"}, {unix.MAP_TYPE, unix.MAP_PRIVATE, "MAP_PRIVATE"},
		bit(unix.MAP_FIXED, "MAP_FIXED"), bit(unix.MAP_ANONYMOUS, "MAP_ANONYMOUS"), bit(unix.MAP_32BIT, "MAP_32BIT"),
		bit(unix.MAP_GROWSDOWN, "MAP_GROWSDOWN"), bit(unix.MAP_DENYWRITE, "MAP_DENYWRITE"),
		bit(unix.MAP_EXECUTABLE, "MAP_EXECUTABLE"), bit(unix.MAP_LOCKED, "MAP_LOCKED"),
		bit(unix.MAP_NORESERVE, "MAP_NORESERVE"), bit(unix.MAP_POPULATE, "MAP_POPULATE"),
		bit(unix.MAP_NONBLOCK, "MAP_NONBLOCK"), bit(unix.MAP_STACK, "MAP_STACK"), bit(unix.MAP_HUGETLB, "MAP_HUGETLB"),
		bit(unix.MAP_FIXED_NOREPLACE, "MAP_FIXED_NOREPLACE"),
	})
}

func pollNames(events uint16) string {
	return bitNames(uint64(events), "0", []bitName{
		bit(unix.POLLIN, "POLLIN"), bit(unix.POLLPRI, "POLLPRI"), bit(unix.POLLOUT, "POLLOUT"),
		bit(0x40, "POLLRDNORM"), bit(0x80, "POLLRDBAND"), bit(0x100, "POLLWRNORM"), bit(0x200, "POLLWRBAND"),
		bit(unix.POLLRDHUP, "POLLRDHUP"),
	})
}

// signalName names a signal as strace does.
func signalName(sig int) string {
	if name := unix.SignalName(syscall.Signal(sig)); name != "" && sig > 0 {
		return name
	}
	if sig >= firstRT && sig <= lastSignal {
		return fmt.Sprintf("SIGRT_%d", sig-firstRT)
	}
	return fmt.Sprint(sig)
}

// codeName names a si_code.
func codeName(sig, code int) string {
	type key struct {
		sig  syscall.Signal
		code int
	}
	names := map[key]string{
		{syscall.SIGSEGV, segvMapErr}: "SEGV_MAPERR", {syscall.SIGSEGV, segvAccErr}: "SEGV_ACCERR",
		{syscall.SIGSEGV, segvCPErr}: "SEGV_CPERR", {syscall.SIGBUS, busAlign}: "BUS_ADRALN",
		{syscall.SIGBUS, busAddr}: "BUS_ADRERR", {syscall.SIGILL, illOperand}: "ILL_ILLOPN",
		{syscall.SIGTRAP, trapBreak}: "TRAP_BRKPT", {syscall.SIGTRAP, trapTrace}: "TRAP_TRACE",
		{syscall.SIGFPE, fpeIntDiv}: "FPE_INTDIV", {syscall.SIGFPE, fpeFltDiv}: "FPE_FLTDIV",
		{syscall.SIGFPE, fpeFltOvf}: "FPE_FLTOVF", {syscall.SIGFPE, fpeFltUnd}: "FPE_FLTUND",
		{syscall.SIGFPE, fpeFltRes}: "FPE_FLTRES", {syscall.SIGFPE, fpeFltInv}: "FPE_FLTINV",
	}
	switch code {
	case codeUser:
		return "SI_USER"
	case codeThread:
		return "SI_TKILL"
	case codeKernel:
		return "SI_KERNEL"
	case codeQueue:
		return "SI_QUEUE"
	case codeTimer:
		return "SI_TIMER"
	}
	if name := names[key{syscall.Signal(sig), code}]; name != "" {
		return name
	}
	return fmt.Sprint(code)
}

// command names a request number of the call that takes it.
func command(call string, v uint64) string {
	switch call {
	case "fcntl":
		return oneOf(v, "F_DUPFD", "F_GETFD", "F_SETFD", "F_GETFL", "F_SETFL", "F_GETLK", "F_SETLK", "F_SETLKW")
	case "futex":
		text := oneOf(v&^(futexPrivate|futexRealtime), "FUTEX_WAIT", "FUTEX_WAKE", "FUTEX_FD", "FUTEX_REQUEUE",
			"FUTEX_CMP_REQUEUE", "FUTEX_WAKE_OP", "FUTEX_LOCK_PI", "FUTEX_UNLOCK_PI", "FUTEX_TRYLOCK_PI",
			"FUTEX_WAIT_BITSET", "FUTEX_WAKE_BITSET")
		if v&futexPrivate != 0 {
			text += "_PRIVATE"
		}
		if v&futexRealtime != 0 {
			text += "|FUTEX_CLOCK_REALTIME"
		}
		return text
	case "arch_prctl":
		if v >= 0x1001 && v <= 0x1004 {
			return oneOf(v-0x1001, "ARCH_SET_GS", "ARCH_SET_FS", "ARCH_GET_FS", "ARCH_GET_GS")
		}
	case "prctl":
		switch int(v) {
		case unix.PR_SET_NAME:
			return "PR_SET_NAME"
		case unix.PR_GET_NAME:
			return "PR_GET_NAME"
		case unix.PR_SET_VMA:
			return "PR_SET_VMA"
		}
	case "ioctl":
		switch v {
		case unix.TCGETS:
			return "TCGETS"
		case unix.TIOCGWINSZ:
			return "TIOCGWINSZ"
		case unix.TIOCINQ:
			return "FIONREAD"
		}
	}
	return fmt.Sprintf("%#x", uint32(v))
}
