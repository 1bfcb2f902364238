package libos

import (
	"encoding/binary"
	"slices"
	"syscall"
)

// schedulerCalls are the calls of scheduling, which has nothing to decide here
// but is remembered.
var schedulerCalls = []call{
	{24, "sched_yield", SubjectCore, nil, sysZero},
	{140, "getpriority", SubjectProcess, []Arg{{"which", ArgInt, 0}, {"who", ArgInt, 0}}, sysGetpriority},
	{141, "setpriority", SubjectProcess, []Arg{{"which", ArgInt, 0}, {"who", ArgInt, 0}, {"prio", ArgInt, 0}}, sysSetpriority},
	{142, "sched_setparam", SubjectProcess, []Arg{{"pid", ArgInt, 0}, {"param", ArgStructIn, 4}}, sysSchedSetparam},
	{143, "sched_getparam", SubjectProcess, []Arg{{"pid", ArgInt, 0}, {"param", ArgStructOut, 4}}, sysSchedGetparam},
	{144, "sched_setscheduler", SubjectProcess, []Arg{{"pid", ArgInt, 0}, {"policy", ArgInt, 0}, {"param", ArgStructIn, 4}}, sysSchedSetscheduler},
	{145, "sched_getscheduler", SubjectProcess, []Arg{{"pid", ArgInt, 0}}, sysSchedGetscheduler},
	{146, "sched_get_priority_max", SubjectProcess, []Arg{{"policy", ArgInt, 0}}, sysPriorityBound(99)},
	{147, "sched_get_priority_min", SubjectProcess, []Arg{{"policy", ArgInt, 0}}, sysPriorityBound(1)},
	{148, "sched_rr_get_interval", SubjectProcess, []Arg{{"pid", ArgInt, 0}, {"tp", ArgStructOut, 16}}, sysSchedInterval},
	{203, "sched_setaffinity", SubjectCore, []Arg{{"pid", ArgInt, 0}, {"len", ArgSize, 0}, {"mask", ArgAddr, 0}}, sysSetaffinity},
	{204, "sched_getaffinity", SubjectCore, []Arg{{"pid", ArgInt, 0}, {"len", ArgSize, 0}, {"mask", ArgAddr, 0}}, sysGetaffinity},
}

// Scheduling policies (include/uapi/linux/sched.h).
const (
	schedNormal   = 0
	schedFIFO     = 1
	schedRR       = 2
	schedBatch    = 3
	schedIdle     = 5
	schedDeadline = 6
	schedExt      = 7
)

// other says whether a pid names no process of this world.
func other(pid int32) bool { return pid != 0 && pid != guestPID }

func sysGetpriority(t *Thread, a args) (uint64, errno) {
	if e := priorityTarget(a); e != 0 {
		return 0, e
	}
	return uint64(20 - t.p.ident.nice), 0
}

// priorityTarget checks which and who: a process, a group or a user.
func priorityTarget(a args) errno {
	const byUser = 2
	which, who := a.int(0), a.int(1)
	switch {
	case which < 0 || which > byUser:
		return syscall.EINVAL
	case which == byUser && who != 0 || which != byUser && other(who):
		return syscall.ESRCH
	}
	return 0
}

func sysSetpriority(t *Thread, a args) (uint64, errno) {
	if e := priorityTarget(a); e != 0 {
		return 0, e
	}
	nice := int(min(max(a.int(2), -20), 19))
	if nice < t.p.ident.nice {
		return 0, syscall.EACCES
	}
	t.p.ident.nice = nice
	return 0, 0
}

// schedTarget checks the arguments that the calls below share.
func schedTarget(pid int32, param uint64) errno {
	if param == 0 || pid < 0 {
		return syscall.EINVAL
	}
	return 0
}

func sysSchedGetparam(t *Thread, a args) (uint64, errno) {
	if e := schedTarget(a.int(0), a[1]); e != 0 {
		return 0, e
	}
	if other(a.int(0)) {
		return 0, syscall.ESRCH
	}
	return 0, t.p.write32(a[1], 0)
}

func sysSchedSetparam(t *Thread, a args) (uint64, errno) {
	return 0, t.setScheduler(a.int(0), t.p.ident.policy, a[1])
}

func sysSchedSetscheduler(t *Thread, a args) (uint64, errno) {
	if a.int(1) < 0 {
		return 0, syscall.EINVAL
	}
	return 0, t.setScheduler(a.int(0), a.int(1), a[2])
}

func (t *Thread) setScheduler(pid, policy int32, param uint64) errno {
	if e := schedTarget(pid, param); e != 0 {
		return e
	}
	var raw [4]byte
	if e := t.p.readStruct(param, raw[:]); e != 0 {
		return e
	}
	if other(pid) {
		return syscall.ESRCH
	}
	priority := binary.LittleEndian.Uint32(raw[:])
	switch policy {
	case schedNormal, schedBatch, schedIdle: // SCHED_EXT is an option of the kernel's build
		if priority != 0 {
			return syscall.EINVAL
		}
		t.p.ident.policy = policy
		return 0
	case schedFIFO, schedRR:
		if priority < 1 || priority > 99 {
			return syscall.EINVAL
		}
		return syscall.EPERM
	}
	return syscall.EINVAL
}

func sysSchedGetscheduler(t *Thread, a args) (uint64, errno) {
	pid := a.int(0)
	switch {
	case pid < 0:
		return 0, syscall.EINVAL
	case other(pid):
		return 0, syscall.ESRCH
	}
	return uint64(t.p.ident.policy), 0
}

// sysPriorityBound is sched_get_priority_max or _min; bound is that of the
// real-time policies.
func sysPriorityBound(bound uint64) func(*Thread, args) (uint64, errno) {
	return func(_ *Thread, a args) (uint64, errno) {
		switch a.int(0) {
		case schedFIFO, schedRR:
			return bound, 0
		case schedNormal, schedBatch, schedIdle, schedDeadline, schedExt:
			return 0, 0
		}
		return 0, syscall.EINVAL
	}
}

func sysSchedInterval(t *Thread, a args) (uint64, errno) {
	pid := a.int(0)
	switch {
	case pid < 0:
		return 0, syscall.EINVAL
	case other(pid):
		return 0, syscall.ESRCH
	}
	return 0, t.p.writeTimespec(a[1], 0) // a slice of less than a tick (get_rr_interval_fair)
}

// sysGetaffinity is sched_getaffinity(2), which returns the bytes written.
func sysGetaffinity(t *Thread, a args) (uint64, errno) {
	mask := t.p.ident.affinity
	length := a.uint(1)
	if length*8 < uint32(max(t.p.cfg.Platform.CPUs, 1)) || length%8 != 0 {
		return 0, syscall.EINVAL
	}
	if other(a.int(0)) {
		return 0, syscall.ESRCH
	}
	n := min(int(length), len(mask))
	return uint64(n), t.p.writeStruct(a[2], mask[:n])
}

func sysSetaffinity(t *Thread, a args) (uint64, errno) {
	possible := newAffinity(t.p.cfg.Platform.CPUs)
	mask := make([]byte, len(possible))
	if e := t.p.readStruct(a[2], mask[:min(int(a.uint(1)), len(mask))]); e != 0 {
		return 0, e
	}
	if other(a.int(0)) {
		return 0, syscall.ESRCH
	}
	for i := range mask {
		mask[i] &= possible[i]
	}
	if !slices.ContainsFunc(mask, func(b byte) bool { return b != 0 }) {
		return 0, syscall.EINVAL
	}
	t.p.ident.affinity = mask
	return 0, 0
}

// newAffinity is a mask of all processors, in words of 64.
func newAffinity(cpus int) []byte {
	cpus = max(cpus, 1)
	mask := make([]byte, 8*((cpus+63)/64))
	for i := range cpus {
		mask[i/8] |= 1 << (i % 8)
	}
	return mask
}
