package vmm

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserveAligned reserves address space that starts at a multiple of 2 MiB, as
// the host needs for huge pages. Where the host gives huge pages to everybody,
// it must not here: which memory gets them is our policy.
func reserveAligned(size uint64) ([]byte, error) {
	mem, err := reserve(size + hugeSize)
	if err != nil {
		return nil, err
	}
	base := uint64(uintptr(unsafe.Pointer(&mem[0]))) // a mapping of the host's: it does not move
	skip := -base & (hugeSize - 1)
	aligned := mem[skip : skip+size : skip+size]
	if err := unix.Madvise(aligned, unix.MADV_NOHUGEPAGE); err != nil && err != unix.EINVAL {
		unix.Munmap(mem)
		return nil, fmt.Errorf("vmm: madvise: %w", err)
	}
	return aligned, nil
}

// unmapRAM undoes reserveAligned but for the unaligned rest, which holds
// nothing.
func (m *Machine) unmapRAM() error {
	return unix.MunmapPtr(unsafe.Pointer(&m.ram[0]), uintptr(len(m.ram)))
}

// mincore says for each page of mem whether it is resident; vec has a byte for
// each.
func mincore(mem, vec []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)), uintptr(unsafe.Pointer(&vec[0])))
	if errno != 0 {
		return errno
	}
	return nil
}
