package libos

import (
	"bytes"
	"syscall"

	"golang.org/x/sys/unix"
)

// sysPrctl is prctl(2): kernel/sys.c, for the options that mean something to a
// process alone.
func sysPrctl(t *Thread, a args) (uint64, errno) {
	id := &t.p.ident
	switch a.int(0) {
	case unix.PR_SET_NAME:
		return 0, t.p.setName(a[1])
	case unix.PR_GET_NAME:
		return 0, t.p.writeStruct(a[1], id.name[:])
	case unix.PR_SET_PDEATHSIG:
		if a[1] > lastSignal {
			return 0, syscall.EINVAL
		}
		id.deathSignal = uint32(a[1])
		return 0, 0
	case unix.PR_GET_PDEATHSIG:
		return 0, t.p.write32(a[1], id.deathSignal)
	case unix.PR_SET_DUMPABLE:
		return 0, setFlag(&id.dumpable, a[1])
	case unix.PR_GET_DUMPABLE:
		return id.dumpable, 0
	case unix.PR_SET_KEEPCAPS:
		return 0, setFlag(&id.keepCaps, a[1])
	case unix.PR_GET_KEEPCAPS:
		return id.keepCaps, 0
	case unix.PR_SET_TIMERSLACK:
		if id.slack = a[1]; int64(a[1]) <= 0 {
			id.slack = defaultSlack
		}
		return 0, 0
	case unix.PR_GET_TIMERSLACK:
		return id.slack, 0
	}
	return t.prctlStrict(a)
}

// prctlStrict has the options that insist on zeros in what they do not use,
// and those with a fixed answer.
func (t *Thread) prctlStrict(a args) (uint64, errno) {
	id := &t.p.ident
	rest := a[2]|a[3]|a[4] == 0
	switch a.int(0) {
	case unix.PR_SET_NO_NEW_PRIVS:
		if a[1] != 1 || !rest {
			return 0, syscall.EINVAL
		}
		id.noNewPrivs = 1
		return 0, 0
	case unix.PR_GET_NO_NEW_PRIVS:
		if a[1] != 0 || !rest {
			return 0, syscall.EINVAL
		}
		return id.noNewPrivs, 0
	case unix.PR_SET_THP_DISABLE:
		if !rest {
			return 0, syscall.EINVAL
		}
		id.thpDisable = min(a[1], 1)
		return 0, 0
	case unix.PR_GET_THP_DISABLE:
		if a[1] != 0 || !rest {
			return 0, syscall.EINVAL
		}
		return id.thpDisable, 0
	case unix.PR_GET_TID_ADDRESS:
		return 0, t.p.writeWords(a[1], t.clearTID)
	case unix.PR_GET_TIMING, unix.PR_GET_SECCOMP, unix.PR_GET_SECUREBITS:
		return 0, 0
	case unix.PR_SET_TIMING:
		if a[1] == unix.PR_TIMING_STATISTICAL {
			return 0, 0
		}
	case unix.PR_GET_TSC:
		return 0, t.p.write32(a[1], unix.PR_TSC_ENABLE)
	case unix.PR_CAPBSET_READ:
		if a[1] <= unix.CAP_LAST_CAP {
			return 0, 0 // the root of a cell has no capability
		}
	case unix.PR_CAPBSET_DROP:
		return 0, syscall.EPERM
	}
	return 0, syscall.EINVAL
}

const defaultSlack = 50_000 // ns

func setFlag(flag *uint64, value uint64) errno {
	if value > 1 {
		return syscall.EINVAL
	}
	*flag = value
	return 0
}

// setName is PR_SET_NAME: at most 15 bytes (strncpy_from_user).
func (p *Process) setName(addr uint64) errno {
	var name [16]byte
	n := p.copyIn(name[:15], addr)
	end := bytes.IndexByte(name[:n], 0)
	if end < 0 && n < 15 {
		return syscall.EFAULT
	}
	if end >= 0 {
		clear(name[end:])
	}
	p.ident.name = name
	return 0
}
