package libos

import "syscall"

// identityCalls are the calls of process, user and group numbers. The user is
// root without any capability.
var identityCalls = []call{
	{39, "getpid", SubjectCore, nil, sysGetpid},
	{186, "gettid", SubjectCore, nil, sysGettid},
	{110, "getppid", SubjectCore, nil, sysGetppid},
	{111, "getpgrp", SubjectProcess, nil, sysGetpid},
	{121, "getpgid", SubjectProcess, []Arg{{"pid", ArgInt, 0}}, sysGetpgid},
	{124, "getsid", SubjectProcess, []Arg{{"pid", ArgInt, 0}}, sysGetpgid},
	{109, "setpgid", SubjectProcess, []Arg{{"pid", ArgInt, 0}, {"pgid", ArgInt, 0}}, sysSetpgid},
	{112, "setsid", SubjectProcess, nil, sysSetsid},
	{102, "getuid", SubjectCore, nil, sysZero},
	{104, "getgid", SubjectCore, nil, sysZero},
	{107, "geteuid", SubjectCore, nil, sysZero},
	{108, "getegid", SubjectCore, nil, sysZero},
	{105, "setuid", SubjectProcess, []Arg{{"id", ArgInt, 0}}, sysSetID},
	{106, "setgid", SubjectProcess, []Arg{{"id", ArgInt, 0}}, sysSetID},
	{113, "setreuid", SubjectProcess, []Arg{{"id", ArgInt, 0}, {"id", ArgInt, 0}}, sysSetIDs(2)},
	{114, "setregid", SubjectProcess, []Arg{{"id", ArgInt, 0}, {"id", ArgInt, 0}}, sysSetIDs(2)},
	{117, "setresuid", SubjectProcess, []Arg{{"id", ArgInt, 0}, {"id", ArgInt, 0}, {"id", ArgInt, 0}}, sysSetIDs(3)},
	{119, "setresgid", SubjectProcess, []Arg{{"id", ArgInt, 0}, {"id", ArgInt, 0}, {"id", ArgInt, 0}}, sysSetIDs(3)},
	{118, "getresuid", SubjectProcess, []Arg{{"rid", ArgStructOut, 4}, {"eid", ArgStructOut, 4}, {"sid", ArgStructOut, 4}}, sysGetThree},
	{120, "getresgid", SubjectProcess, []Arg{{"rid", ArgStructOut, 4}, {"eid", ArgStructOut, 4}, {"sid", ArgStructOut, 4}}, sysGetThree},
	{122, "setfsuid", SubjectProcess, []Arg{{"id", ArgInt, 0}}, sysZero},
	{123, "setfsgid", SubjectProcess, []Arg{{"id", ArgInt, 0}}, sysZero},
	{115, "getgroups", SubjectProcess, []Arg{{"size", ArgInt, 0}, {"list", ArgAddr, 0}}, sysGetgroups},
	{116, "setgroups", SubjectProcess, []Arg{{"size", ArgInt, 0}, {"list", ArgAddr, 0}}, sysSetgroups},
}

func sysGetpid(*Thread, args) (uint64, errno)     { return guestPID, 0 }
func sysGettid(t *Thread, _ args) (uint64, errno) { return uint64(t.tid), 0 }
func sysGetppid(*Thread, args) (uint64, errno)    { return guestPPID, 0 }
func sysZero(*Thread, args) (uint64, errno)       { return 0, 0 }

func sysGetpgid(_ *Thread, a args) (uint64, errno) {
	if pid := a.int(0); pid != 0 && pid != guestPID {
		return 0, syscall.ESRCH
	}
	return guestPID, 0
}

// sysSetpgid refuses: a session's leader stays in its group.
func sysSetpgid(_ *Thread, a args) (uint64, errno) {
	pid, group := a.int(0), a.int(1)
	if group == 0 {
		group = pid
	}
	switch {
	case group < 0:
		return 0, syscall.EINVAL
	case pid != 0 && pid != guestPID:
		return 0, syscall.ESRCH
	}
	return 0, syscall.EPERM
}

func sysSetsid(*Thread, args) (uint64, errno) { return 0, syscall.EPERM }

func sysSetID(_ *Thread, a args) (uint64, errno) {
	switch a.int(0) {
	case 0:
		return 0, 0
	case -1:
		return 0, syscall.EINVAL
	}
	return 0, syscall.EPERM
}

// sysSetIDs is setreuid, setresuid and the like with n ids; -1 leaves one.
func sysSetIDs(n int) func(*Thread, args) (uint64, errno) {
	return func(_ *Thread, a args) (uint64, errno) {
		for i := range n {
			if id := a.int(i); id != 0 && id != -1 {
				return 0, syscall.EPERM
			}
		}
		return 0, 0
	}
}

func sysGetThree(t *Thread, a args) (uint64, errno) {
	for _, addr := range a[:3] {
		if e := t.p.write32(addr, 0); e != 0 {
			return 0, e
		}
	}
	return 0, 0
}

// sysGetgroups knows no supplementary groups.
func sysGetgroups(_ *Thread, a args) (uint64, errno) {
	if a.int(0) < 0 {
		return 0, syscall.EINVAL
	}
	return 0, 0
}

func sysSetgroups(*Thread, args) (uint64, errno) { return 0, syscall.EPERM }
