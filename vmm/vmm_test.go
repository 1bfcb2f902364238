package vmm

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"spaceos/kvm"
)

const (
	codeAt  = 0x400000
	dataAt  = 0x500000
	stackAt = 0x600000
)

// newMachine makes a machine with a page of code, or skips where there is no
// KVM at all.
func newMachine(t testing.TB, memory uint64) (*Machine, *CPU) {
	t.Helper()
	return newMachineOf(t, Options{Memory: memory})
}

func newMachineOf(t testing.TB, o Options) (*Machine, *CPU) {
	t.Helper()
	sys, err := OpenSystem("/dev/kvm")
	if errors.Is(err, ErrUnsupported) {
		t.Skip("no KVM on this machine: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sys.Close() })
	m, err := New(sys, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := m.Map(codeAt, PageSize, Read|Exec, Lazily); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	return m, m.cpus[0]
}

// execute runs code from its start until the first exit.
func execute(t testing.TB, m *Machine, c *CPU, code ...byte) Exit {
	t.Helper()
	copy(m.View(codeAt, PageSize), code)
	c.Regs().RIP = codeAt
	return resume(t, c)
}

func resume(t testing.TB, c *CPU) Exit {
	t.Helper()
	e, err := c.Run()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestCallReturnsBehindSyscall(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	t.Log(m.Host().Stub)
	for i := range 3 {
		e := execute(t, m, c, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x0b) // mov eax, 39; syscall; ud2
		if r := c.Regs(); e.Kind != Call || r.RAX != 39 || r.RIP != codeAt+7 {
			t.Fatalf("exit %+v, RAX %d, RIP %#x; want a call 39 returning to %#x", e, r.RAX, r.RIP, codeAt+7)
		}
		c.Regs().RAX = uint64(i)
		e = resume(t, c)
		if r := c.Regs(); e.Kind != Trap || e.Vector != 6 || r.RIP != codeAt+7 || r.RAX != uint64(i) {
			t.Fatalf("after the call: exit %+v, RIP %#x, RAX %d; want vector 6 at %#x, RAX %d", e, r.RIP, r.RAX, codeAt+7, i)
		}
	}
}

func TestFaultsComeWithVectorAndAddress(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	for _, tc := range []struct {
		name string
		code []byte
		want Exit
	}{
		{"read of null", []byte{0x31, 0xc0, 0x8a, 0x00}, Exit{Trap, 14, 4, 0}},
		{"write to code", []byte{0xb8, 0, 0, 0x40, 0, 0x88, 0x00}, Exit{Trap, 14, 7, codeAt}},
		{"read of the stub's neighbour", []byte{0x48, 0xb8, 0, 0x10, 0, 0xff, 0xff, 0x7f, 0, 0, 0x8a, 0x00}, Exit{Trap, 14, 5, SystemBase + PageSize}},
		{"ud2", []byte{0x0f, 0x0b}, Exit{Trap, 6, 0, 0}},
		{"hlt", []byte{0xf4}, Exit{Trap, 13, 0, 0}},
		{"cli", []byte{0xfa}, Exit{Trap, 13, 0, 0}},
		{"out to another port", []byte{0xe6, 1}, Exit{Trap, 13, 0, 0}},
		{"out to the stub's port", []byte{0xe6, 0}, Exit{Trap, 13, 0, 0}},
		{"in from the stub's port", []byte{0xe4, 0}, Exit{Trap, 13, 0, 0}},
		{"string out to the stub's port", []byte{0xb9, 5, 0, 0, 0, 0xbe, 0, 0, 0x40, 0, 0x31, 0xd2, 0xf3, 0x6e}, Exit{Trap, 13, 0, 0}},
		{"rdmsr", []byte{0x31, 0xc9, 0x0f, 0x32}, Exit{Trap, 13, 0, 0}},
		{"int3", []byte{0xcc}, Exit{Trap, 3, 0, 0}},
		{"int 14", []byte{0xcd, 14}, Exit{Trap, 13, 14<<3 | 2, 0}},
		{"int 32", []byte{0xcd, 32}, Exit{Trap, 13, 32<<3 | 2, 0}},
		{"int 255", []byte{0xcd, 255}, Exit{Trap, 13, 255<<3 | 2, 0}},
		{"int 128", []byte{0xcd, 0x80}, Exit{Trap, 13, 0x80<<3 | 2, 0}},
		{"divide by zero", []byte{0x31, 0xc9, 0xf7, 0xf1}, Exit{Trap, 0, 0, 0}},
		{"jump to the handlers", []byte{0x48, 0xb8, 0, 0x30, 0, 0xff, 0xff, 0x7f, 0, 0, 0xff, 0xe0}, Exit{Trap, 14, 0x15, SystemBase + 3*PageSize}},
		{"execute the probe's page", []byte{0x48, 0xb8, 0, 0x40, 0, 0xff, 0xff, 0x7f, 0, 0, 0xff, 0xe0}, Exit{Trap, 14, 0x14, SystemBase + 4*PageSize}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := execute(t, m, c, tc.code...); got != emulated(tc.want) {
				t.Errorf("code % x: got %+v, want %+v", tc.code, got, tc.want)
			}
		})
	}
}

// emulated is what QEMU's emulation makes of an exit, where the environment
// says that the test runs on it: the error code of an INT n in 64-bit mode
// counts the IDT in units of 16 bytes there (do_interrupt64 in QEMU's
// target/i386/tcg/seg_helper.c), in units of 8 on every processor.
func emulated(e Exit) Exit {
	if os.Getenv("SPACEOS_EMULATED") != "" && e.Vector == vectorGP && e.Error&errorIDT != 0 {
		e.Error = e.Error>>3<<4 | errorIDT
	}
	return e
}

// touch lets the guest read or write one byte and reports the exit.
func touch(t testing.TB, m *Machine, c *CPU, addr uint64, write bool) Exit {
	t.Helper()
	c.Regs().RBX = addr
	if write {
		return execute(t, m, c, 0xc6, 0x03, 0x7f, 0x0f, 0x05) // mov byte [rbx], 0x7f; syscall
	}
	return execute(t, m, c, 0x8a, 0x03, 0x0f, 0x05) // mov al, [rbx]; syscall
}

func TestWhatIsTakenAwayIsGone(t *testing.T) {
	for _, size := range []struct {
		name string
		len  uint64
		huge bool
	}{{"4 KiB", PageSize, false}, {"2 MiB", hugeSize, true}, {"2 MiB in part", hugeSize, true}} {
		t.Run(size.name, func(t *testing.T) {
			m, c := newMachine(t, 32<<20)
			const at = 0x40000000
			must(t, m.Map(at, size.len, Read|Write, backing(size.huge)))
			part := size.len
			if size.name == "2 MiB in part" {
				part = PageSize
			}
			wantCall(t, "first write", touch(t, m, c, at, true))
			must(t, m.Protect(at, part, Read))
			wantFault(t, "write after read-only", touch(t, m, c, at, true), 7)
			wantCall(t, "read after read-only", touch(t, m, c, at, false))
			must(t, m.Protect(at, part, 0))
			wantFault(t, "read after none", touch(t, m, c, at, false), 4)
			must(t, m.Protect(at, part, Read|Write))
			wantCall(t, "write after read-write", touch(t, m, c, at, true))
			if v := m.View(at, 1); v[0] != 0x7f {
				t.Errorf("contents %#x, want 0x7f", v[0])
			}
			must(t, m.Move(at, at+1<<30, part))
			wantFault(t, "read of the old place", touch(t, m, c, at, false), 4)
			wantCall(t, "read of the new place", touch(t, m, c, at+1<<30, false))
			if al := byte(c.Regs().RAX); al != 0x7f {
				t.Errorf("moved contents %#x, want 0x7f", al)
			}
			must(t, m.Unmap(at+1<<30, part))
			wantFault(t, "read after unmap", touch(t, m, c, at+1<<30, false), 4)
			must(t, m.Map(at+1<<30, part, Read|Write, Lazily))
			wantCall(t, "read after a new map", touch(t, m, c, at+1<<30, false))
			if al := byte(c.Regs().RAX); al != 0 {
				t.Errorf("a reused page reads %#x, want 0", al)
			}
		})
	}
}

func TestExecutingIsTakenAway(t *testing.T) {
	for _, size := range []struct {
		name string
		len  uint64
		huge bool
	}{{"4 KiB", PageSize, false}, {"2 MiB", hugeSize, true}} {
		t.Run(size.name, func(t *testing.T) {
			m, c := newMachine(t, 32<<20)
			const at = 0x40000000
			must(t, m.Map(at, size.len, Read|Exec, backing(size.huge)))
			copy(m.View(at, 2), []byte{0x0f, 0x05}) // syscall
			c.Regs().RIP = at
			wantCall(t, "code that may run", resume(t, c))
			must(t, m.Protect(at, size.len, Read))
			c.Regs().RIP = at
			want := Exit{Kind: Trap, Vector: vectorPF, Error: errorPresent | errorUser | errorFetch, Addr: at}
			if e := resume(t, c); e != want {
				t.Errorf("code that may not: %+v, want %+v", e, want)
			}
		})
	}
}

func TestHugeAndSmallPagesTakeTurns(t *testing.T) {
	m, c := newMachine(t, 32<<20)
	const at = 0x40000000
	for i := range 6 {
		must(t, m.Map(at, hugeSize, Read|Write, backing(i%2 == 0)))
		for off := uint64(0); off < hugeSize; off += hugeSize / 8 {
			wantCall(t, "write", touch(t, m, c, at+off, true))
			if v := m.View(at+off, 1); v == nil || v[0] != 0x7f {
				t.Fatalf("turn %d: what the guest wrote at %#x is not there", i, off)
			}
		}
		must(t, m.Unmap(at, hugeSize))
		wantFault(t, "read after unmap", touch(t, m, c, at, false), 4)
	}
}

func TestMemoryLimit(t *testing.T) {
	m, _ := newMachine(t, 8<<20)
	if err := m.Map(dataAt, 9<<20, Read|Write, Lazily); !errors.Is(err, ErrNoMemory) {
		t.Errorf("mapping more than the limit: %v, want ErrNoMemory", err)
	}
	must(t, m.Map(dataAt, 6<<20, Read|Write, Lazily))
	m.SetScratch(4 << 20)
	m.View(dataAt+PageSize, 1)[0] = 1
	if err := m.Map(0x40000000, PageSize, Read, Lazily); !errors.Is(err, ErrNoMemory) {
		t.Errorf("mapping beside scratch: %v, want ErrNoMemory", err)
	}
	var taken uint64
	m.Reclaim(func(_, length uint64) { taken += length })
	if want := uint64(6<<20 - PageSize + PageSize); taken != want { // all but one of the data, and the code page
		t.Errorf("reclaimed %d bytes, want %d", taken, want)
	}
	if m.View(dataAt, 1) != nil || m.View(dataAt+PageSize, 1)[0] != 1 {
		t.Error("what was touched is gone, or what was not is there")
	}
	must(t, m.Map(0x40000000, PageSize, Read, Lazily))
}

// TestMemoryLimitIsExact fills a machine page by page.
func TestMemoryLimitIsExact(t *testing.T) {
	m, _ := newMachine(t, 2<<20)
	for at := uint64(dataAt); ; at += PageSize {
		err := m.Map(at, PageSize, Read|Write, Lazily)
		if errors.Is(err, ErrNoMemory) {
			break
		}
		must(t, err)
	}
	if got := m.Backed(); got != m.Limit() {
		t.Errorf("a full machine has %d bytes in use, want its limit of %d", got, m.Limit())
	}
}

func TestWhatIsMappedAheadTakesFewTables(t *testing.T) {
	m, _ := newMachine(t, 4<<20)
	mapped := 0
	for at := uint64(1 << 40); at < 1<<40+1000*hugeSize; at += hugeSize {
		err := m.Map(at, PageSize, Read|Write, Ahead)
		if errors.Is(err, ErrNoMemory) {
			continue
		}
		must(t, err)
		mapped++
	}
	m.Reclaim(func(_, _ uint64) {})
	if got := m.Backed(); mapped == 0 || got > m.Limit()/aheadTables {
		t.Errorf("after %d pages in tables of their own were mapped ahead and taken back, %d bytes are in use, want some pages and at most %d bytes", mapped, got, m.Limit()/aheadTables)
	}
	must(t, m.Map(1<<40+1000*hugeSize, PageSize, Read|Write, Lazily))
	must(t, m.Map(1<<40+1000*hugeSize+PageSize, PageSize, Read|Write, Ahead))
}

func TestTouchedCountsPages(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	before := m.Usage().Touched
	must(t, m.Map(dataAt, 64<<10, Read|Write, Lazily))
	touch(t, m, c, dataAt+5*PageSize, true)
	touch(t, m, c, dataAt+9*PageSize, false)
	touch(t, m, c, dataAt+9*PageSize, true)
	if got := m.Usage().Touched - before; got != 3*PageSize { // two and the code page
		t.Errorf("touched %d bytes, want %d", got, 3*PageSize)
	}
	must(t, m.Unmap(dataAt, 64<<10))
	if got := m.Usage().Touched - before; got != 3*PageSize {
		t.Errorf("after unmap: touched %d bytes, want %d", got, 3*PageSize)
	}
}

func TestBases(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	must(t, m.Map(dataAt, PageSize, Read|Write, Lazily))
	execute(t, m, c, 0x0f, 0x05)
	c.SetBases(dataAt+0x100, dataAt+0x200)
	m.View(dataAt+0x100, 1)[0] = 42
	e := execute(t, m, c, 0x64, 0x8a, 0x04, 0x25, 0, 0, 0, 0, 0x0f, 0x05) // mov al, fs:[0]; syscall
	if e.Kind != Call || byte(c.Regs().RAX) != 42 {
		t.Errorf("fs:[0]: %+v, al %d; want 42", e, byte(c.Regs().RAX))
	}
	if fs, gs := c.Bases(); fs != dataAt+0x100 || gs != dataAt+0x200 {
		t.Errorf("bases %#x %#x", fs, gs)
	}
}

func TestKickStopsALoop(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	for range 50 {
		timer := time.AfterFunc(time.Millisecond, c.Kick)
		if e := execute(t, m, c, 0xeb, 0xfe); e.Kind != Interrupted { // jmp .
			t.Fatalf("exit %+v, want Interrupted", e)
		}
		timer.Stop()
	}
}

func TestReturnAddressMustBeCanonical(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	execute(t, m, c, 0x0f, 0x05)
	c.Regs().RIP, c.Regs().RCX = 1<<47, 1<<47
	if e := resume(t, c); e != (Exit{Kind: Trap, Vector: 13}) {
		t.Errorf("exit %+v, want a general-protection fault", e)
	}
	wantCall(t, "afterwards", execute(t, m, c, 0x0f, 0x05))
}

// A call needs no stack: Linux's does not either.
func TestCallWithAnyStackPointer(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	for _, rsp := range []uint64{0, 1, codeAt, SystemBase, SystemBase + 5*PageSize, UserEnd - 1, 1 << 47, 0x1234567812345678, 0xffff800000000000, ^uint64(0)} {
		c.Regs().RSP = rsp
		wantCall(t, "call", execute(t, m, c, 0x0f, 0x05, 0xc7, 0x04, 0x24)) // syscall; a piece of an instruction
		if r := c.Regs(); r.RIP != codeAt+2 || r.RSP != rsp {
			t.Errorf("stack pointer %#x: the call returns to %#x with %#x", rsp, r.RIP, r.RSP)
		}
		copy(m.View(codeAt+2, 2), trapUnit)
		if e := resume(t, c); e != (Exit{Kind: Trap, Vector: vectorUD}) || c.Regs().RIP != codeAt+2 || c.Regs().RSP != rsp {
			t.Errorf("stack pointer %#x: behind the call %+v at %#x with %#x, want an invalid opcode at %#x", rsp, e, c.Regs().RIP, c.Regs().RSP, codeAt+2)
		}
	}
}

// A guest that goes on in a page of ours goes on where nothing is, whatever
// the stub's page is on this KVM.
func TestNobodyReturnsIntoTheStub(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	for _, off := range []uint64{0, 1, 2, PageSize - 1, PageSize, 3 * PageSize} {
		execute(t, m, c, 0x0f, 0x05)
		c.Regs().RIP, c.Regs().RCX = SystemBase+off, SystemBase+off
		want := Exit{Kind: Trap, Vector: vectorPF, Error: errorUser | errorFetch, Addr: SystemBase + off}
		if e := resume(t, c); e != want {
			t.Errorf("at %#x: %+v, want %+v", off, e, want)
		}
	}
	wantCall(t, "afterwards", execute(t, m, c, 0x0f, 0x05))
}

// The trap flag that a program sets before a call traps behind the instruction
// after it, as on Linux, which goes back by IRET then.
func TestTrapFlagAcrossACall(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	must(t, m.Map(stackAt, PageSize, Read|Write, Lazily))
	c.Regs().RSP = stackAt + PageSize
	e := execute(t, m, c, 0x68, 0, 1, 0, 0, 0x9d, 0x0f, 0x05, 0x90, 0x90) // push $0x100; popf; syscall; nop; nop
	wantCall(t, "the call", e)
	if r := c.Regs(); r.RFLAGS&rflagsTF == 0 {
		t.Errorf("flags %#x, want TF", r.RFLAGS)
	}
	if e = resume(t, c); e != (Exit{Kind: Trap, Vector: vectorDB}) || c.Regs().RIP != codeAt+9 {
		t.Errorf("behind the call %+v at %#x, want a trap at %#x", e, c.Regs().RIP, codeAt+9)
	}
}

func backing(huge bool) Backing {
	if huge {
		return Huge
	}
	return Lazily
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCall(t testing.TB, what string, e Exit) {
	t.Helper()
	if e.Kind != Call {
		t.Fatalf("%s: %+v, want a call", what, e)
	}
}

func wantFault(t testing.TB, what string, e Exit, code uint32) {
	t.Helper()
	if e.Kind != Trap || e.Vector != vectorPF || e.Error != code {
		t.Fatalf("%s: %+v, want a page fault with error code %#x", what, e, code)
	}
}

// BenchmarkCall is one system call of the guest, nothing done in it.
func BenchmarkCall(b *testing.B) {
	m, c := newMachine(b, 8<<20)
	execute(b, m, c, 0x0f, 0x05, 0xeb, 0xfc) // syscall; jmp to it
	for b.Loop() {
		if e, err := c.Run(); err != nil || e.Kind != Call {
			b.Fatal(e, err)
		}
	}
}

// BenchmarkFloor is SYSCALL, a stub and KVM_RUN with no register read or
// written by anyone: what a call costs at least on this machine.
func BenchmarkFloor(b *testing.B) {
	m, c := newMachine(b, 8<<20)
	execute(b, m, c, 0x0f, 0x05, 0xeb, 0xfc)
	if m.host.Stub == StubUser {
		copy(m.systemPage(pageStub), []byte{0xe6, portStub, 0xff, 0xe1}) // out; jmp rcx
	}
	resume(b, c)
	if c.inCall {
		c.Regs().RIP = c.stubRIP
	}
	c.vcpu.RequestWindow(false)
	c.vcpu.Dirty(kvm.SyncRegs)
	c.vcpu.Sync(0)
	for b.Loop() {
		err := c.vcpu.Run()
		for err == unix.EINTR {
			err = c.vcpu.Run()
		}
		if err != nil {
			b.Fatal(err)
		}
		if c.vcpu.ExitReason() != kvm.ExitIO {
			b.Fatal(c.vcpu.ExitReason())
		}
	}
}

func TestGivingBackNeedsNoMemory(t *testing.T) {
	m, c := newMachine(t, 8<<20)
	const at = 0x40000000
	must(t, m.Map(at, hugeSize, Read|Write, Huge))
	wantCall(t, "write", touch(t, m, c, at, true))
	for a := uint64(0x50000000); ; a += PageSize {
		if err := m.Map(a, PageSize, Read|Write, Lazily); errors.Is(err, ErrNoMemory) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	must(t, m.Unmap(at+PageSize, PageSize))
	wantFault(t, "read of the page given back", touch(t, m, c, at+PageSize, false), 4)
	wantCall(t, "read of its neighbour", touch(t, m, c, at, false))
	must(t, m.Protect(at, PageSize, Read))
	must(t, m.Map(at+PageSize, PageSize, Read, Lazily))
}

func TestASecondProcessorRuns(t *testing.T) {
	m, first := newMachine(t, 8<<20)
	second, err := m.NewCPU()
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(3) {
		for k, c := range []*CPU{first, second} {
			c.Regs().RBX = 10*i + uint64(k)
			wantCall(t, "mov eax, ebx; syscall", execute(t, m, c, 0x89, 0xd8, 0x0f, 0x05))
			if got := c.Regs().RAX; got != 10*i+uint64(k) {
				t.Errorf("processor %d, turn %d: RAX %d, want %d", k, i, got, 10*i+uint64(k))
			}
		}
	}
}
