// Package kvm is Linux's KVM interface for amd64 in Go's types: one method an
// ioctl, one struct a structure, nothing else.
//
// It holds no policy: which capabilities are needed, what a machine looks like
// and what an exit means is package vmm's. Structures and numbers are those of
// include/uapi/linux/kvm.h and arch/x86/include/uapi/asm/kvm.h (Linux 6.1 and
// later; the interface is described in Documentation/virt/kvm/api.rst).
//
//	sys, err := kvm.Open("/dev/kvm")
//	vm, err := sys.CreateVM()
//	err = vm.SetMemoryRegion(kvm.MemoryRegion{GuestPhys: 4 << 30}, mem)
//	cpu, err := vm.CreateVCPU(0)
//	err = cpu.Run() // then cpu.ExitReason()
package kvm

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// APIVersion is the only version of the interface there is since Linux 2.6.22.
const APIVersion = 12

// System is an open /dev/kvm.
type System struct {
	fd int
}

// VM is one virtual machine. It belongs to the process that created it.
type VM struct {
	fd       int
	mmapSize int
}

// VCPU is one virtual processor. Its methods are for the one thread that runs
// it, but for SetImmediateExit.
type VCPU struct {
	fd  int
	run []byte // struct kvm_run and what follows it
}

// Error is a failed ioctl or the failed mapping of its memory.
type Error struct {
	Call string
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("kvm: %s: %v", e.Call, e.Err) }

// Unwrap gives the errno.
func (e *Error) Unwrap() error { return e.Err }

func wrap(call string, errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return &Error{call, errno}
}

// Open opens the device.
func Open(path string) (*System, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &Error{"open " + path, err}
	}
	return &System{fd: fd}, nil
}

// NewSystem takes over an open descriptor of /dev/kvm.
func NewSystem(fd int) *System { return &System{fd: fd} }

// FD is the descriptor, which stays the System's.
func (s *System) FD() int { return s.fd }

// Close closes the device; machines made from it stay.
func (s *System) Close() error { return unix.Close(s.fd) }

// APIVersion asks for the interface's version.
func (s *System) APIVersion() (int, error) {
	v, errno := ioctl(s.fd, kvmGetAPIVersion, 0)
	return v, wrap("KVM_GET_API_VERSION", errno)
}

// Check gives the value of a capability; 0: absent.
func (s *System) Check(c Cap) int {
	v, errno := ioctl(s.fd, kvmCheckExtension, uintptr(c))
	if errno != 0 {
		return 0
	}
	return v
}

// CreateVM makes a machine without memory or processors.
func (s *System) CreateVM() (*VM, error) {
	size, errno := ioctl(s.fd, kvmGetVCPUMmapSize, 0)
	if errno != 0 {
		return nil, wrap("KVM_GET_VCPU_MMAP_SIZE", errno)
	}
	if size < runSize {
		return nil, &Error{"KVM_GET_VCPU_MMAP_SIZE", unix.EPROTO}
	}
	fd, errno := ioctl(s.fd, kvmCreateVM, 0)
	if errno != 0 {
		return nil, wrap("KVM_CREATE_VM", errno)
	}
	unix.CloseOnExec(fd)
	return &VM{fd: fd, mmapSize: size}, nil
}

// Close lets go of the machine; the kernel frees it when its processors are
// closed too.
func (v *VM) Close() error { return unix.Close(v.fd) }

// SetTSSAddr names three pages of guest-physical space below 4 GiB that Intel's
// VMX needs for itself.
func (v *VM) SetTSSAddr(addr uint64) error {
	_, errno := ioctl(v.fd, kvmSetTSSAddr, uintptr(addr))
	return wrap("KVM_SET_TSS_ADDR", errno)
}

// CreateVCPU makes processor id and maps its kvm_run.
func (v *VM) CreateVCPU(id int) (*VCPU, error) {
	fd, errno := ioctl(v.fd, kvmCreateVCPU, uintptr(id))
	if errno != 0 {
		return nil, wrap("KVM_CREATE_VCPU", errno)
	}
	unix.CloseOnExec(fd)
	run, err := unix.Mmap(fd, 0, v.mmapSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		unix.Close(fd)
		return nil, &Error{"mmap of kvm_run", err}
	}
	return &VCPU{fd: fd, run: run}, nil
}

// Close frees the processor.
func (c *VCPU) Close() error {
	unix.Munmap(c.run)
	return unix.Close(c.fd)
}

// Run enters the guest until something needs the caller. unix.EINTR (a signal
// or SetImmediateExit) is not an exit of the guest.
func (c *VCPU) Run() error {
	_, errno := ioctlOnce(c.fd, kvmRun, 0)
	if errno == 0 {
		return nil
	}
	if errno == unix.EINTR {
		return unix.EINTR // without an allocation: it is frequent
	}
	return wrap("KVM_RUN", errno)
}
