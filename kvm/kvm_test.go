package kvm

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// open opens KVM, or skips where the machine has none.
func open(t *testing.T) *System {
	t.Helper()
	s, err := Open("/dev/kvm")
	if errors.Is(err, unix.ENOENT) {
		t.Skip("no /dev/kvm on this machine")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestABIIsThatOfTheKernelsHeaders compares numbers, sizes and offsets with
// what a C compiler makes of <linux/kvm.h>.
func TestABIIsThatOfTheKernelsHeaders(t *testing.T) {
	source, err := filepath.Abs("testdata/abi.c")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "abi")
	if out, err := exec.Command("gcc", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("compiling %s (apt-get install gcc libc6-dev): %v\n%s", source, err, out)
	}
	out, err := exec.Command(program).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(out)), "\n")
	got := abi()
	if len(got) != len(want) {
		t.Fatalf("%d facts here, %d from C", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("here %q, in C %q", got[i], want[i])
		}
	}
}

func TestMachineLifeCycle(t *testing.T) {
	s := open(t)
	if v, err := s.APIVersion(); err != nil || v != APIVersion {
		t.Fatalf("API version %d, %v; want %d", v, err, APIVersion)
	}
	leaves, err := s.SupportedCPUID()
	if err != nil || len(leaves) == 0 {
		t.Fatalf("supported CPUID: %d leaves, %v", len(leaves), err)
	}
	vm, err := s.CreateVM()
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Close()
	mem, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := vm.SetMemoryRegion(MemoryRegion{Slot: 0, GuestPhys: 0}, mem); err != nil {
		t.Fatal(err)
	}
	cpu, err := vm.CreateVCPU(0)
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	want := Regs{RAX: 1, R15: 15, RIP: 0x1000, RFLAGS: 2}
	if err := cpu.SetRegs(&want); err != nil {
		t.Fatal(err)
	}
	if got, err := cpu.GetRegs(); err != nil || got != want {
		t.Errorf("registers %+v, %v; want %+v", got, err, want)
	}
	cpu.SetImmediateExit(true)
	if err := cpu.Run(); err != unix.EINTR {
		t.Errorf("Run with immediate exit: %v, want EINTR", err)
	}
}

func TestErrorsNameTheCall(t *testing.T) {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	_, err = NewSystem(int(null.Fd())).CreateVM()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, unix.ENOTTY) || !strings.Contains(err.Error(), "KVM_") {
		t.Errorf("CreateVM on /dev/null: %v; want a *Error with ENOTTY that names the ioctl", err)
	}
	if _, err := Open("/nonexistent"); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "/nonexistent") {
		t.Errorf("Open: %v; want ENOENT and the path", err)
	}
}
