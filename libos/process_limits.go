package libos

import "syscall"

// limitCalls are the calls of resource limits.
var limitCalls = []call{
	{97, "getrlimit", SubjectCore, []Arg{{"resource", ArgResource, 0}, {"rlim", ArgStructOut, 16}}, sysGetrlimit},
	{160, "setrlimit", SubjectCore, []Arg{{"resource", ArgResource, 0}, {"rlim", ArgStructIn, 16}}, sysSetrlimit},
	{302, "prlimit64", SubjectCore, []Arg{{"pid", ArgInt, 0}, {"resource", ArgResource, 0}, {"new_limit", ArgStructIn, 16}, {"old_limit", ArgStructOut, 16}}, sysPrlimit},
}

// setLimit is do_prlimit in kernel/sys.c. Nobody here may raise a hard limit.
func (p *Process) setLimit(resource uint32, next rlimit) errno {
	if resource >= rlimits || next.soft > next.hard {
		return syscall.EINVAL
	}
	limit := &p.ident.limits[resource]
	if next.hard > limit.hard {
		return syscall.EPERM
	}
	*limit = next
	return 0
}

func sysGetrlimit(t *Thread, a args) (uint64, errno) {
	resource := a.uint(0)
	if resource >= rlimits {
		return 0, syscall.EINVAL
	}
	limit := t.p.ident.limits[resource]
	return 0, t.p.writeWords(a[1], limit.soft, limit.hard)
}

func sysSetrlimit(t *Thread, a args) (uint64, errno) {
	words, e := t.p.readWords(a[1], 2)
	if e != 0 {
		return 0, e
	}
	return 0, t.p.setLimit(a.uint(0), rlimit{words[0], words[1]})
}

func sysPrlimit(t *Thread, a args) (uint64, errno) {
	var words []uint64
	if a[2] != 0 {
		var e errno
		if words, e = t.p.readWords(a[2], 2); e != 0 {
			return 0, e
		}
	}
	if pid := a.int(0); pid != 0 && pid != guestPID {
		return 0, syscall.ESRCH
	}
	resource := a.uint(1)
	if resource >= rlimits {
		return 0, syscall.EINVAL
	}
	old := t.p.ident.limits[resource]
	if words != nil {
		if e := t.p.setLimit(resource, rlimit{words[0], words[1]}); e != 0 {
			return 0, e
		}
	}
	if a[3] != 0 {
		return 0, t.p.writeWords(a[3], old.soft, old.hard)
	}
	return 0, 0
}
