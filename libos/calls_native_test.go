package libos

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// alone are calls that are not compared with Linux here: what they do reaches
// the native process itself, or the answer is the world's own.
var alone = map[string]string{
	"exit": "ends", "exit_group": "ends", "kill": "ends", "tkill": "ends", "tgkill": "ends",
	"rt_sigreturn": "has no arguments, but a stack", "pause": "waits", "rt_sigsuspend": "waits", "sched_yield": "nothing to compare",
	"prctl": "the native process has capabilities", "personality": "changes the native process",
	"setrlimit": "changes the native process", "prlimit64": "changes the native process",
	"sched_setscheduler": "capabilities", "sched_setparam": "capabilities", "setpriority": "capabilities",
	"sched_setaffinity": "processors differ", "sched_getaffinity": "processors differ",
	"setuid": "capabilities", "setgid": "capabilities", "setreuid": "capabilities", "setregid": "capabilities",
	"setresuid": "capabilities", "setresgid": "capabilities", "setgroups": "capabilities", "setfsuid": "capabilities", "setfsgid": "capabilities",
	"getgroups": "groups differ", "setsid": "the native process leads no session", "setpgid": "the native process leads no session",
	"getppid": "differs", "set_tid_address": "kept for the end", "settimeofday": "the native process may",
	"clock_settime": "the native process may", "getpriority": "the native process may be nice",
}

// plain are calls whose good results differ from process to process.
var plain = map[string]bool{
	"getpid": true, "gettid": true, "getpgrp": true, "getpgid": true, "getsid": true, "times": true, "time": true,
}

// callValue draws an argument for a call about the process itself.
func callValue(t *rapid.T, c *call, arg Arg) uint64 {
	pick := func(list ...uint64) uint64 { return rapid.SampledFrom(list).Draw(t, arg.Name) }
	switch {
	case arg.Name == "pid" || arg.Name == "tid" || arg.Name == "who":
		return pick(0, ^uint64(0), 1<<31, 1<<30, ^uint64(6), 1<<32)
	case arg.Name == "sigsetsize":
		return pick(8, 8, 8, 0, 4, 16, 1<<32|8)
	case arg.Name == "how" || arg.Name == "which" || arg.Name == "policy":
		return uint64(rapid.IntRange(-1, 8).Draw(t, arg.Name))
	case arg.Name == "code":
		return pick(0x1003, 0x1004, 0x1001, 0x1002, 0x1000, 0, 1<<32|0x1003)
	case arg.Name == "addr" && c.name == "arch_prctl":
		return pick(append([]uint64{taskSize - 1, taskSize}, twinAddrs...)...)
	}
	switch arg.Kind {
	case ArgStructIn, ArgStructOut, ArgStructIO, ArgBufOut, ArgAddr:
		return pick(append([]uint64{0, twinIn, twinIn}, twinAddrs...)...)
	case ArgClock:
		return uint64(rapid.IntRange(-20, 16).Draw(t, arg.Name))
	case ArgSignal:
		return pick(0, 1, 2, 9, 10, 17, 19, 32, 64, 65, ^uint64(0), 1<<31, 1<<32|3)
	case ArgResource:
		return pick(0, 1, 3, 7, 15, 16, ^uint64(0), 1<<32|3)
	case ArgSize:
		return pick(twinSizes...)
	}
	return pick(twinInts...)
}

// unsafeHere leaves out what would wait, or what changes the native side's ground.
func unsafeHere(c *call, a []uint64) bool {
	switch c.name {
	case "futex":
		wait := a[1]&127 == futexWait || a[1]&127 == futexWaitBitset
		return wait && a[3] == 0 || uint32(a[1])&127 > 10 || uint32(a[1])&127 == 5 || a[1]&127 == 6 || a[1]&127 == 7 || a[1]&127 == 8
	case "rt_sigtimedwait":
		return a[2] == 0
	case "arch_prctl":
		return (uint32(a[0]) == 0x1001 || uint32(a[0]) == 0x1002) && a[1] < taskSize
	case "rt_sigaction", "rt_sigprocmask":
		return a[1] != 0 && a[1] != 1 && a[1] < 1<<46 // would take the native side's own signals
	case "set_robust_list":
		return a[1] == robustListSize
	case "clock_nanosleep", "clock_gettime", "clock_getres":
		id := int32(a[0])
		if c.name == "clock_nanosleep" && id == unix.CLOCK_PROCESS_CPUTIME_ID {
			return true // a process that sleeps uses none of the time it sleeps for
		}
		return id < 0 || id == unix.CLOCK_TAI || id == 10 || id == unix.CLOCK_REALTIME_ALARM || id == unix.CLOCK_BOOTTIME_ALARM
	}
	return false
}

// TestProcessCallsAnswerAsLinux makes the same calls about process, time,
// signals and entropy natively and here, with good and bad arguments.
func TestProcessCallsAnswerAsLinux(t *testing.T) {
	linux := newNativeTwin(t, t.TempDir())
	var rows []call
	for _, list := range [][]call{timeCalls, processCalls, identityCalls, limitCalls, schedulerCalls, signalCalls, randomCalls} {
		for _, c := range list {
			if alone[c.name] == "" {
				rows = append(rows, c)
			}
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		ours := twinGuest{bare(t, func(c *Config) { c.Trace = nil })}
		defer ours.g.close()
		twinMemory(ours)
		disable := binary.LittleEndian.AppendUint64(make([]byte, 8), altDisable)
		for _, w := range []twin{linux, ours} {
			w.poke(twinIn+512, append(disable, make([]byte, 16)...))
			w.call(unix.SYS_SIGALTSTACK, twinIn+512, 0)
		}
		var log []string
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			raw := make([]byte, 0, 64)
			for range 8 {
				word := rapid.SampledFrom([]uint64{0, 0, 1, 2, 4096, 1 << 31, uint64(time.Second) - 1, uint64(time.Second), ^uint64(0), twinIn}).Draw(rt, "word")
				raw = binary.LittleEndian.AppendUint64(raw, word)
			}
			if first := int64(binary.LittleEndian.Uint64(raw)); first > 0 {
				clear(raw[:8]) // a time of seconds would be waited for
			}
			if second := binary.LittleEndian.Uint64(raw[8:]); second < uint64(time.Second) && second > 4096 {
				clear(raw[8:16])
			}
			for _, w := range []twin{linux, ours} {
				w.poke(twinIn, append(raw[:len(raw):len(raw)], make([]byte, 64)...)) // as long as a siginfo_t
				w.poke(twinOut, make([]byte, PageSize))
				w.poke(twinIn+512, append(disable, make([]byte, 16)...))
			}
			c := rapid.SampledFrom(rows).Draw(rt, "call")
			a := make([]uint64, len(c.args))
			for i := range a {
				a[i] = callValue(rt, &c, c.args[i])
			}
			if unsafeHere(&c, a) {
				continue
			}
			want, got := linux.call(uint64(c.nr), a...), ours.call(uint64(c.nr), a...)
			log = append(log, fmt.Sprintf("%s(%s) = %s", c.name, words(a), result(want)))
			if c.name == "sigaltstack" && want == -int64(unix.EPERM) {
				return // the native stack pointer is on the stack that was set
			}
			if want != got && !(plain[c.name] && want >= 0 && got >= 0) {
				rt.Fatalf("with words %x after\n%s\nLinux: %s\nours:  %s", raw, strings.Join(log, "\n"), result(want), result(got))
			}
		}
	})
}
