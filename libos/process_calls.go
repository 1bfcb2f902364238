package libos

import (
	"encoding/binary"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// processCalls are the calls about the process itself.
var processCalls = []call{
	{60, "exit", SubjectCore, []Arg{{"status", ArgInt, 0}}, sysExit},
	{231, "exit_group", SubjectCore, []Arg{{"status", ArgInt, 0}}, sysExit},
	{63, "uname", SubjectCore, []Arg{{"buf", ArgStructOut, 6 * 65}}, sysUname},
	{157, "prctl", SubjectCore, []Arg{{"option", ArgCommand, 0}, {"arg2", ArgHex, 0}, {"arg3", ArgHex, 0}, {"arg4", ArgHex, 0}, {"arg5", ArgHex, 0}}, sysPrctl},
	{158, "arch_prctl", SubjectCore, []Arg{{"code", ArgCommand, 0}, {"addr", ArgHex, 0}}, sysArchPrctl},
	{202, "futex", SubjectCore, []Arg{{"uaddr", ArgStructIn, 4}, {"op", ArgCommand, 0}, {"val", ArgUint, 0}, {"timeout", ArgAddr, 0}, {"uaddr2", ArgAddr, 0}, {"val3", ArgUint, 0}}, sysFutex},
	{218, "set_tid_address", SubjectCore, []Arg{{"tidptr", ArgAddr, 0}}, sysSetTIDAddress},
	{273, "set_robust_list", SubjectCore, []Arg{{"head", ArgAddr, 0}, {"len", ArgUint, 0}}, sysSetRobustList},
	{274, "get_robust_list", SubjectCore, []Arg{{"pid", ArgInt, 0}, {"head_ptr", ArgStructOut, 8}, {"len_ptr", ArgStructOut, 8}}, sysGetRobustList},
	{98, "getrusage", SubjectProcess, []Arg{{"who", ArgInt, 0}, {"usage", ArgStructOut, 144}}, sysGetrusage},
	{99, "sysinfo", SubjectProcess, []Arg{{"info", ArgStructOut, 112}}, sysSysinfo},
	{100, "times", SubjectProcess, []Arg{{"buf", ArgStructOut, 32}}, sysTimes},
	{135, "personality", SubjectProcess, []Arg{{"persona", ArgHex, 0}}, sysPersonality},
	{309, "getcpu", SubjectProcess, []Arg{{"cpu", ArgStructOut, 4}, {"node", ArgStructOut, 4}, {"tcache", ArgAddr, 0}}, sysGetcpu},
}

func sysExit(t *Thread, a args) (uint64, errno) {
	t.p.finish(End{Code: int(a[0] & 0xff)})
	return 0, 0
}

// kernelRelease is what uname says: the long-term kernel with which answers are
// compared, since programs draw conclusions from the number; the rest says
// that it is none.
const kernelRelease = "6.18.0-spaceos"

func sysUname(t *Thread, a args) (uint64, errno) {
	raw := make([]byte, 6*65)
	for i, s := range []string{"Linux", "cell", kernelRelease, "#1 SpaceOS", "x86_64", "(none)"} {
		copy(raw[i*65:], s)
	}
	return 0, t.p.writeStruct(a[0], raw)
}

// sysArchPrctl is arch_prctl(2): do_arch_prctl_64 in
// arch/x86/kernel/process_64.c.
func sysArchPrctl(t *Thread, a args) (uint64, errno) {
	const (
		setGS, setFS, getFS, getGS = 0x1001, 0x1002, 0x1003, 0x1004
		getCPUID, setCPUID         = 0x1011, 0x1012
	)
	fs, gs := t.cpu.Bases()
	switch a.int(0) {
	case setFS, setGS:
		if a[1] >= taskSize {
			return 0, syscall.EPERM
		}
		if a.int(0) == setFS {
			t.cpu.SetBases(a[1], gs)
		} else {
			t.cpu.SetBases(fs, a[1])
		}
		return 0, 0
	case getFS:
		return 0, t.p.writeWords(a[1], fs)
	case getGS:
		return 0, t.p.writeWords(a[1], gs)
	case getCPUID:
		return 1, 0
	case setCPUID:
		return 0, syscall.ENODEV
	}
	return 0, syscall.EINVAL
}

func sysSetTIDAddress(t *Thread, a args) (uint64, errno) {
	t.clearTID = a[0]
	return uint64(t.tid), 0
}

const robustListSize = 24

func sysSetRobustList(t *Thread, a args) (uint64, errno) {
	if a[1] != robustListSize {
		return 0, syscall.EINVAL
	}
	t.robustList = a[0]
	return 0, 0
}

func sysGetRobustList(t *Thread, a args) (uint64, errno) {
	if pid := a.int(0); pid != 0 && int(pid) != t.tid {
		return 0, syscall.ESRCH
	}
	if e := t.p.writeWords(a[2], robustListSize); e != 0 {
		return 0, e
	}
	return 0, t.p.writeWords(a[1], t.robustList)
}

// sysGetrusage is getrusage(2). The only time that is known is the program's
// own; pages are those that the machine gave.
func sysGetrusage(t *Thread, a args) (uint64, errno) {
	raw := make([]byte, 144)
	switch a.int(0) {
	case unix.RUSAGE_SELF, unix.RUSAGE_THREAD:
		used := t.p.cpuTime()
		binary.LittleEndian.PutUint64(raw, uint64(used/time.Second))
		binary.LittleEndian.PutUint64(raw[8:], uint64(used%time.Second/time.Microsecond))
		binary.LittleEndian.PutUint64(raw[32:], t.p.cfg.Meter.Peak()>>10) // ru_maxrss, KiB
	case unix.RUSAGE_CHILDREN:
	default:
		return 0, syscall.EINVAL
	}
	return 0, t.p.writeStruct(a[1], raw)
}

func sysSysinfo(t *Thread, a args) (uint64, errno) {
	limit, backed := t.p.cfg.Meter.Limit(), t.p.cfg.Meter.Backed()
	raw := make([]byte, 112)
	binary.LittleEndian.PutUint64(raw, uint64(t.p.cfg.Clock.Uptime()/time.Second))
	binary.LittleEndian.PutUint64(raw[32:], limit)
	binary.LittleEndian.PutUint64(raw[40:], limit-min(backed, limit))
	binary.LittleEndian.PutUint16(raw[80:], 1)  // procs
	binary.LittleEndian.PutUint32(raw[104:], 1) // mem_unit
	return 0, t.p.writeStruct(a[0], raw)
}

func sysTimes(t *Thread, a args) (uint64, errno) {
	if a[0] != 0 {
		if e := t.p.writeStruct(a[0], t.p.times()); e != 0 {
			return 0, e
		}
	}
	return uint64(t.p.cfg.Clock.Uptime() / (time.Second / clockTicks)), 0
}

// sysPersonality keeps what it is given; nothing depends on it without execve.
func sysPersonality(t *Thread, a args) (uint64, errno) {
	old := t.p.ident.persona
	if next := a.uint(0); next != 0xffff_ffff {
		t.p.ident.persona = next
	}
	return uint64(old), 0
}

func sysGetcpu(t *Thread, a args) (uint64, errno) {
	for _, addr := range a[:2] {
		if addr != 0 {
			if e := t.p.write32(addr, 0); e != 0 {
				return 0, e
			}
		}
	}
	return 0, 0
}
