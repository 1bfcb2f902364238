package kvm

import (
	"encoding/binary"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctlOnce is one ioctl, interrupted or not. It must be Syscall, not
// RawSyscall: KVM_RUN lasts as long as the guest runs, and the scheduler must
// know.
func ioctlOnce(fd int, req, arg uintptr) (int, unix.Errno) {
	v, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, arg)
	return int(v), errno
}

func ioctl(fd int, req, arg uintptr) (int, unix.Errno) {
	for {
		v, errno := ioctlOnce(fd, req, arg)
		if errno != unix.EINTR {
			return v, errno
		}
	}
}

// ioctlPtr passes a structure. T has the size and layout that req names, and p
// stays alive until the call is over because it is an argument.
func ioctlPtr[T any](fd int, call string, req uintptr, p *T) error {
	_, errno := ioctl(fd, req, uintptr(unsafe.Pointer(p)))
	runtime.KeepAlive(p)
	return wrap(call, errno)
}

type userspaceMemoryRegion struct {
	slot, flags               uint32
	guestPhys, size, hostAddr uint64
}

// SetMemoryRegion makes mem the memory of the slot, or deletes the slot when
// mem is empty. The memory must stay mapped while the slot is there; it must
// not come from Go's heap.
func (v *VM) SetMemoryRegion(r MemoryRegion, mem []byte) error {
	u := userspaceMemoryRegion{slot: r.Slot, guestPhys: r.GuestPhys, size: uint64(len(mem))}
	if r.ReadOnly {
		u.flags = memReadOnly
	}
	if len(mem) > 0 {
		u.hostAddr = uint64(uintptr(unsafe.Pointer(&mem[0]))) // memory of the host's, not moved by Go
	}
	return ioctlPtr(v.fd, "KVM_SET_USER_MEMORY_REGION", kvmSetUserMemory, &u)
}

type enableCap struct {
	cap  uint32
	_    uint32 // flags
	args [4]uint64
	_    [64]uint8
}

// EnableCap switches on a capability of the machine.
func (v *VM) EnableCap(c Cap, arg uint64) error {
	e := enableCap{cap: uint32(c), args: [4]uint64{arg}}
	return ioctlPtr(v.fd, "KVM_ENABLE_CAP", kvmEnableCap, &e)
}

type msrFilterRange struct {
	flags, count uint32
	_            uint32 // base
	_            uint32
	bitmap       uintptr
}

type msrFilter struct {
	flags  uint32
	_      uint32
	ranges [16]msrFilterRange
}

// DenyMSRs makes every RDMSR and WRMSR of the guest fault.
func (v *VM) DenyMSRs() error {
	// A filter that denies by default must have one range that is not empty.
	bitmap := new([8]byte)
	f := msrFilter{flags: msrDefaultDeny}
	f.ranges[0] = msrFilterRange{flags: 3, count: 64, bitmap: uintptr(unsafe.Pointer(bitmap))}
	err := ioctlPtr(v.fd, "KVM_X86_SET_MSR_FILTER", kvmX86SetMSRFilter, &f)
	runtime.KeepAlive(bitmap)
	return err
}

// maxCPUID is how many leaves are asked for and set: KVM_MAX_CPUID_ENTRIES.
const maxCPUID = 256

type cpuid struct {
	count, _ uint32
	entries  [maxCPUID]CPUIDEntry
}

// SupportedCPUID lists the leaves that KVM can show to a guest here.
func (s *System) SupportedCPUID() ([]CPUIDEntry, error) {
	c := new(cpuid)
	c.count = maxCPUID
	if err := ioctlPtr(s.fd, "KVM_GET_SUPPORTED_CPUID", kvmGetSupportedCPU, c); err != nil {
		return nil, err
	}
	return c.entries[:min(c.count, maxCPUID)], nil
}

// SetCPUID says what CPUID answers. Do it before SetSregs, which checks
// control registers against it.
func (c *VCPU) SetCPUID(entries []CPUIDEntry) error {
	id := new(cpuid)
	if len(entries) > maxCPUID {
		return &Error{"KVM_SET_CPUID2", unix.E2BIG}
	}
	id.count = uint32(copy(id.entries[:], entries))
	return ioctlPtr(c.fd, "KVM_SET_CPUID2", kvmSetCPUID2, id)
}

type msrs struct {
	count, _ uint32
	entries  [16]MSR
}

// SetMSRs sets at most 16 registers.
func (c *VCPU) SetMSRs(set []MSR) error {
	var m msrs
	m.count = uint32(copy(m.entries[:], set))
	n, errno := ioctl(c.fd, kvmSetMSRs, uintptr(unsafe.Pointer(&m)))
	if errno == 0 && n != len(set) {
		errno = unix.EINVAL
	}
	return wrap("KVM_SET_MSRS", errno)
}

// GetRegs reads the general registers.
func (c *VCPU) GetRegs() (r Regs, err error) {
	err = ioctlPtr(c.fd, "KVM_GET_REGS", kvmGetRegs, &r)
	return r, err
}

// SetRegs writes the general registers.
func (c *VCPU) SetRegs(r *Regs) error { return ioctlPtr(c.fd, "KVM_SET_REGS", kvmSetRegs, r) }

// GetSregs reads segments, tables and control registers.
func (c *VCPU) GetSregs() (s Sregs, err error) {
	err = ioctlPtr(c.fd, "KVM_GET_SREGS", kvmGetSregs, &s)
	return s, err
}

// SetSregs writes segments, tables and control registers.
func (c *VCPU) SetSregs(s *Sregs) error { return ioctlPtr(c.fd, "KVM_SET_SREGS", kvmSetSregs, s) }

type xcr struct {
	xcr, _ uint32
	value  uint64
}

type xcrs struct {
	count uint32
	_     uint32 // flags
	xcrs  [16]xcr
	_     [16]uint64
}

// SetXCR0 chooses the state components that XSAVE covers.
func (c *VCPU) SetXCR0(v uint64) error {
	x := xcrs{count: 1}
	x.xcrs[0].value = v
	return ioctlPtr(c.fd, "KVM_SET_XCRS", kvmSetXCRs, &x)
}

// SetRunnable makes a processor run that waits to be started by another one,
// as all but the first do where the kernel has their interrupt controllers.
func (c *VCPU) SetRunnable() error {
	var runnable uint32 // KVM_MP_STATE_RUNNABLE
	return ioctlPtr(c.fd, "KVM_SET_MP_STATE", kvmSetMPState, &runnable)
}

// XCR0 reads it.
func (c *VCPU) XCR0() (uint64, error) {
	var x xcrs
	if err := ioctlPtr(c.fd, "KVM_GET_XCRS", kvmGetXCRs, &x); err != nil {
		return 0, err
	}
	for _, r := range x.xcrs[:min(x.count, 16)] {
		if r.xcr == 0 {
			return r.value, nil
		}
	}
	return 0, &Error{"KVM_GET_XCRS", unix.ENOENT}
}

// GetXSAVE reads the extended state (at least 4096 bytes; CapXSAVE2 says how
// many KVM writes).
func (c *VCPU) GetXSAVE(area []byte) error {
	if len(area) < 4096 {
		return &Error{"KVM_GET_XSAVE", unix.EINVAL}
	}
	req := uintptr(kvmGetXSAVE)
	if len(area) > 4096 {
		req = kvmGetXSAVE2
	}
	return ioctlPtr(c.fd, "KVM_GET_XSAVE", req, &area[0])
}

// SetXSAVE writes the extended state, in the size that GetXSAVE takes.
func (c *VCPU) SetXSAVE(area []byte) error {
	if len(area) < 4096 {
		return &Error{"KVM_SET_XSAVE", unix.EINVAL}
	}
	return ioctlPtr(c.fd, "KVM_SET_XSAVE", kvmSetXSAVE, &area[0])
}

// ExitReason says why Run returned.
func (c *VCPU) ExitReason() ExitReason {
	return ExitReason(binary.LittleEndian.Uint32(c.run[runExitReason:]))
}

// IO describes an ExitIO.
func (c *VCPU) IO() IOExit {
	u := c.run[runUnion:]
	return IOExit{
		Out:   u[0] == 1,
		Size:  u[1],
		Port:  binary.LittleEndian.Uint16(u[2:]),
		Count: binary.LittleEndian.Uint32(u[4:]),
	}
}

// Detail gives the first words of the exit's own data, for messages.
func (c *VCPU) Detail() (v [4]uint64) {
	for i := range v {
		v[i] = binary.LittleEndian.Uint64(c.run[runUnion+8*i:])
	}
	return v
}

// SetImmediateExit makes the next Run return EINTR at once; any thread may
// call it.
func (c *VCPU) SetImmediateExit(on bool) { c.setFlag(runImmediateExit, on) }

// RequestWindow makes Run return with ExitIRQWindowOpen as soon as the guest
// could take an interrupt from the caller. KVM looks when something has made
// the guest leave and was served in the kernel.
func (c *VCPU) RequestWindow(on bool) { c.setFlag(runRequestWindow, on) }

// setFlag sets a byte of kvm_run's first word, which holds the two flags and
// padding. The flags are set by different threads.
func (c *VCPU) setFlag(offset int, on bool) {
	word, bit := (*uint32)(unsafe.Pointer(&c.run[0])), uint32(1)<<(8*offset)
	if on {
		atomic.OrUint32(word, bit)
	} else {
		atomic.AndUint32(word, ^bit)
	}
}

// Sync says which register groups Run leaves in kvm_run, and Dirty which of
// them it takes from there before entering the guest (once).
func (c *VCPU) Sync(s SyncSet) { binary.LittleEndian.PutUint64(c.run[runValidRegs:], uint64(s)) }

// Dirty is described at Sync.
func (c *VCPU) Dirty(s SyncSet) { binary.LittleEndian.PutUint64(c.run[runDirtyRegs:], uint64(s)) }

// SyncedRegs is the general registers' place in kvm_run, which lies in a page
// of the kernel's and is aligned to 8.
func (c *VCPU) SyncedRegs() *Regs { return (*Regs)(unsafe.Pointer(&c.run[runSync])) }

// SyncedSregs is the special registers' place in kvm_run.
func (c *VCPU) SyncedSregs() *Sregs {
	return (*Sregs)(unsafe.Pointer(&c.run[runSync+syncRegsSize]))
}
