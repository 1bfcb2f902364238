package conformance

import (
	"strings"

	"spaceos/libos"
)

// Why a line is not run. Everything else is.
const (
	endsProgram  = "it would end or stop the program, or reach processes beside it"
	waitsForever = "it would wait"
	ownGround    = "it would take away memory, descriptors or limits that the program needs"
	oneWay       = "it can't be undone before the next line"
	otherProcess = "it asks about other processes, which a cell has none of"
	fillsDisk    = "it would fill the disk of the host"
)

// arg gives an argument's value by name.
func (l gridLine) arg(name string) value {
	for i, a := range l.call.Args {
		if a.Name == name {
			return l.args[i]
		}
	}
	return value{}
}

// leftOut says why a line is not run, "" if it is.
func leftOut(l gridLine) string {
	switch name := l.call.Name; name {
	case "exit", "exit_group", "rt_sigreturn":
		return endsProgram
	case "kill", "tkill", "tgkill":
		return leftOutKill(l)
	case "pause", "rt_sigsuspend":
		return leftOutWait(l, name == "pause" || l.arg("sigsetsize").v == 8)
	case "rt_sigtimedwait":
		return leftOutWait(l, (l.arg("timeout").v == 0 || long(l.arg("timeout"))) && l.arg("sigsetsize").v == 8)
	case "poll":
		return leftOutWait(l, int32(l.arg("timeout").v) < 0)
	case "ppoll", "pselect6":
		return leftOutWait(l, l.arg("timeout").v == 0 || long(l.arg("timeout")))
	case "select":
		t := l.arg("timeout")
		return leftOutWait(l, t.v == 0 || long(t) || t.name == "{0,1s}" || strings.Contains(t.name, "omit"))
	case "nanosleep", "clock_nanosleep":
		return leftOutWait(l, long(l.arg("req")))
	case "futex":
		op := l.arg("op").v & 127
		return leftOutWait(l, (op == 0 || op == 9) && (l.arg("timeout").v == 0 || long(l.arg("timeout"))))
	case "fcntl":
		return leftOutWait(l, uint32(l.arg("cmd").v) == 7 || uint32(l.arg("cmd").v) == 38)
	case "setrlimit", "prlimit64":
		return leftOutLimits(l)
	case "close_range":
		return leftOutClose(l)
	case "prctl":
		return leftOutPrctl(l)
	case "getpriority":
		return leftOutOthers(l)
	case "setxattr", "lsetxattr", "fsetxattr":
		return leftOutSet(l)
	case "setpriority", "sched_setscheduler", "sched_setparam", "sched_setaffinity":
		return leftOutSched(l)
	case "fallocate", "truncate", "ftruncate":
		return leftOutSpace(l)
	}
	return leftOutMemory(l)
}

// long says whether a pointer's content, taken for a time, is more than a
// moment.
func long(v value) bool {
	return strings.HasPrefix(v.name, "{5,0}") || v.name == "file" || v.name == "code"
}

func leftOutWait(_ gridLine, waits bool) string {
	if waits {
		return waitsForever
	}
	return ""
}

// leftOutKill leaves out what kills: all signals are blocked, but two cannot
// be. -1 is every process.
func leftOutKill(l gridLine) string {
	pid, sig := l.args[0], uint32(l.arg("sig").v)
	if uint32(pid.v) == 0xffff_ffff && pid.self == 0 || sig == 9 || sig == 19 {
		return endsProgram
	}
	return ""
}

func leftOutLimits(l gridLine) string {
	p := l.arg("rlim")
	if l.call.Name == "prlimit64" {
		p = l.arg("new_limit")
	}
	switch p.name {
	case "read-only", "end-8", "end-16", "text", "code", "file", "data+1", "end-4":
		return oneWay
	}
	return ""
}

// leftOutClose keeps the descriptors from 1000 on, which are the program's.
func leftOutClose(l gridLine) string {
	first, last, flags := uint32(l.arg("first").v), uint32(l.arg("last").v), uint32(l.arg("flags").v)
	if last >= 1000 && first <= 1001 && flags&^6 == 0 && flags&4 == 0 {
		return ownGround
	}
	return ""
}

// leftOutPrctl leaves out seccomp, dumpable memory layouts, and switches that
// stay on.
func leftOutPrctl(l gridLine) string {
	switch uint32(l.arg("option").v) {
	case 6, 10, 14, 20, 22, 24, 26, 28, 35, 38, 59, 65, 75, 76, 78:
		return oneWay
	}
	return ""
}

// leftOutOthers leaves out what asks about all processes of the user.
func leftOutOthers(l gridLine) string {
	if l.arg("which").v == 2 {
		return otherProcess
	}
	return ""
}

// leftOutSet leaves out folders that the next line finds as they are left.
func leftOutSet(l gridLine) string {
	switch l.args[0].name {
	case `"."`, `".."`, "folder", "AT_FDCWD":
		return oneWay
	}
	return ""
}

func leftOutSched(l gridLine) string {
	switch {
	case l.call.Name == "sched_setscheduler" && (l.arg("policy").v&15 == 3 || l.arg("policy").v&15 == 5 || l.arg("policy").v&(1<<30) != 0):
		return oneWay
	case l.call.Name == "setpriority" && l.arg("which").v == 2:
		return otherProcess
	case l.call.Name == "setpriority" && int32(l.arg("prio").v) > 0:
		return oneWay
	}
	return ""
}

func leftOutSpace(l gridLine) string {
	if n := l.arg("length").v; n >= 1<<30 && n < 1<<46 || l.arg("offset").v >= 1<<30 && l.arg("offset").v < 1<<46 {
		return fillsDisk
	}
	return ""
}

// leftOutMemory keeps the program's own text, data and stack mapped: they lie
// outside the arena, where a line may reach from address 0 or 0x401000 only.
func leftOutMemory(l gridLine) string {
	switch l.call.Name {
	case "mmap":
		if l.arg("flags").v&0x10 == 0 {
			return ""
		}
	case "munmap", "mprotect", "mremap", "madvise":
	default:
		return ""
	}
	if n := l.arg("length").v; l.call.Name == "madvise" && n >= 1<<47 && n < 1<<63+1 {
		return ownGround // madvise(2) goes over holes, up to the program's stack
	}
	low, wide := false, false
	for i, a := range l.call.Args {
		switch v := l.args[i]; a.Kind {
		case libos.ArgAddr:
			if v.name == "code" {
				return ownGround
			}
			low = low || v.v < arenaBase
		case libos.ArgSize:
			wide = wide || v.v > 1<<20 && v.v < 1<<47
		}
	}
	if low && wide {
		return ownGround
	}
	return ""
}
