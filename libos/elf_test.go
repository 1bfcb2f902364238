package libos

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"spaceos/world"
)

func readProgram(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/elf", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// patch sets bytes of an ELF file: offsets of the header, or of its i-th
// program header.
func put16(b []byte, off int, v uint16) { binary.LittleEndian.PutUint16(b[off:], v) }
func put64(b []byte, off int, v uint64) { binary.LittleEndian.PutUint64(b[off:], v) }
func get64(b []byte, off int) uint64    { return binary.LittleEndian.Uint64(b[off:]) }
func programHeader(i, field int) int    { return elfHeaderSize + i*elfProgramSize + field }

// Fields of a program header.
const (
	phFlags, phOffset, phVaddr, phFilesz, phMemsz, phAlign = 4, 8, 16, 32, 40, 48
)

// TestLoadRefuses has a row for each reason why a program is not started.
func TestLoadRefuses(t *testing.T) {
	for name, row := range map[string]struct {
		file string
		edit func(b []byte) []byte
		cfg  func(*Config)
		want error
		says string
	}{
		"empty file":              {"tiny", func(b []byte) []byte { return nil }, nil, ErrNotELF, "static program"},
		"a text":                  {"tiny", func(b []byte) []byte { return []byte("hello, world") }, nil, ErrNotELF, "static program"},
		"a script":                {"tiny", func(b []byte) []byte { return []byte("#!/bin/sh\necho") }, nil, ErrNotELF, "script"},
		"cut in header":           {"tiny", func(b []byte) []byte { return b[:40] }, nil, ErrDamaged, "header"},
		"cut in segment":          {"tiny", func(b []byte) []byte { return b[:5000] }, nil, ErrDamaged, "cut short"},
		"cut in program headers":  {"tiny", func(b []byte) []byte { return b[:100] }, nil, ErrDamaged, "cut short"},
		"32-bit":                  {"bits32", nil, nil, ErrNot64Bit, "32-bit"},
		"x32":                     {"tiny", func(b []byte) []byte { b[4] = 1; return b }, nil, ErrNot64Bit, "32-bit"},
		"arm64":                   {"tiny", func(b []byte) []byte { put16(b, 18, 183); return b }, nil, ErrArchitecture, "EM_AARCH64"},
		"big endian":              {"tiny", func(b []byte) []byte { b[5] = 2; return b }, nil, ErrArchitecture, "x86-64"},
		"dynamic":                 {"dynamic", nil, nil, ErrDynamic, "build it static"},
		"object file":             {"object", nil, nil, ErrNotELF, "link it"},
		"core file":               {"tiny", func(b []byte) []byte { put16(b, 16, 4); return b }, nil, ErrNotELF, "not a program"},
		"writable code":           {"writable-code", nil, nil, ErrWritableCode, "-N"},
		"no headers":              {"tiny", func(b []byte) []byte { put16(b, 56, 0); return b }, nil, ErrDamaged, "program headers"},
		"odd headers":             {"tiny", func(b []byte) []byte { put16(b, 54, 57); return b }, nil, ErrDamaged, "program headers"},
		"headers beyond any file": {"tiny", func(b []byte) []byte { put64(b, 32, 1<<63); return b }, nil, ErrDamaged, "cut short"},
		"entry outside":           {"tiny", func(b []byte) []byte { put64(b, 24, 0x400000); return b }, nil, ErrDamaged, "entry point"},
		"entry behind the code":   {"tiny", func(b []byte) []byte { put64(b, 24, 0x7fff_0000); return b }, nil, ErrDamaged, "entry point"},
		"overlapping segments": {"tiny", func(b []byte) []byte {
			put64(b, programHeader(2, phVaddr), get64(b, programHeader(1, phVaddr)))
			return b
		},
			nil, ErrDamaged, "overlaps"},
		"huge in the file": {"tiny", func(b []byte) []byte {
			put64(b, programHeader(2, phFilesz), 1<<62)
			put64(b, programHeader(2, phMemsz), 1<<62)
			return b
		}, nil, ErrDamaged, "cut short"},
		"wrapping segment":   {"tiny", func(b []byte) []byte { put64(b, programHeader(2, phMemsz), ^uint64(0)); return b }, nil, ErrDamaged, "outside"},
		"huge in memory":     {"tiny", func(b []byte) []byte { put64(b, programHeader(2, phMemsz), 1<<40); return b }, nil, ErrTooLarge, "--memory"},
		"more in the file":   {"tiny", func(b []byte) []byte { put64(b, programHeader(2, phMemsz), 1); return b }, nil, ErrDamaged, "only 1 in memory"},
		"in the kernel":      {"tiny", func(b []byte) []byte { put64(b, programHeader(2, phVaddr), 0xffff_8000_0000_0000); return b }, nil, ErrDamaged, "outside"},
		"at the null page":   {"tiny", func(b []byte) []byte { put64(b, programHeader(0, phVaddr), 0); return b }, nil, ErrDamaged, "below"},
		"not congruent":      {"tiny", func(b []byte) []byte { put64(b, programHeader(2, phVaddr), 0x402008); return b }, nil, ErrDamaged, "within a page"},
		"odd alignment":      {"tiny", func(b []byte) []byte { put64(b, programHeader(2, phAlign), 3); return b }, nil, ErrDamaged, "power of two"},
		"larger than memory": {"static", nil, func(c *Config) { c.Memory.(*fakeMachine).limit = 12 << 10 }, ErrTooLarge, "--memory"},
		"a long argument":    {"tiny", nil, func(c *Config) { c.Args = []string{"p", strings.Repeat("x", maxArgString)} }, syscall.E2BIG, "131072 bytes"},
		"many arguments":     {"tiny", nil, func(c *Config) { c.Env = make([]string, 300_000) }, ErrArguments, "2700023 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			b := readProgram(t, row.file)
			if row.edit != nil {
				b = row.edit(b)
			}
			g := newGuest(t, row.cfg)
			_, err := g.p.Load(bytes.NewReader(b), int64(len(b)))
			var load *LoadError
			if !errors.Is(err, row.want) || !errors.As(err, &load) {
				t.Fatalf("error is %v, want %v as a LoadError", err, row.want)
			}
			if !strings.Contains(err.Error(), row.says) || !strings.HasPrefix(err.Error(), "/app/prog ") {
				t.Errorf("error says %q, want the program's name and %q", err, row.says)
			}
		})
	}
}

// TestLoadMaps checks what a started program finds.
func TestLoadMaps(t *testing.T) {
	for _, name := range []string{"static", "static-pie", "tiny"} {
		t.Run(name, func(t *testing.T) {
			b := readProgram(t, name)
			g := newGuest(t, func(c *Config) { c.Args, c.Env = []string{"prog", "", "two words"}, []string{"A=1", "B="} })
			regs, err := g.p.Load(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			bias := regs.RIP - get64(b, 24)
			if name != "static-pie" && bias != 0 || name == "static-pie" && (bias < pieBase || bias%PageSize != 0) {
				t.Errorf("%s is moved by %#x", name, bias)
			}
			checkSegments(t, g, b, bias)
			checkStack(t, g, regs, b, bias)
			g.healthy()
		})
	}
}

// checkSegments compares the guest's memory with the file.
func checkSegments(t *testing.T, g *guest, b []byte, bias uint64) {
	for i := range int(binary.LittleEndian.Uint16(b[56:])) {
		h := b[programHeader(i, 0):]
		if binary.LittleEndian.Uint32(h) != 1 || get64(h, phMemsz) == 0 {
			continue
		}
		flags := binary.LittleEndian.Uint32(h[phFlags:])
		addr, off, filesz, memsz := get64(h, phVaddr)+bias, get64(h, phOffset), get64(h, phFilesz), get64(h, phMemsz)
		want := append(bytes.Clone(b[off:off+filesz]), make([]byte, memsz-filesz)...)
		if got := g.peek(addr, int(memsz)); !bytes.Equal(got, want) {
			t.Errorf("segment %d at %#x differs from the file", i, addr)
		}
		for access, flag := range map[Prot]uint32{ProtRead: 4, ProtWrite: 2, ProtExec: 1} {
			if got := g.touch(addr, access); got != (flags&flag != 0) {
				t.Errorf("segment %d with flags %#x: access %v is %v", i, flags, access, got)
			}
			g.p.end = nil
		}
	}
}

// checkStack walks the stack as a program's start does.
func checkStack(t *testing.T, g *guest, regs Regs, b []byte, bias uint64) {
	if regs.RSP%16 != 0 {
		t.Errorf("the stack pointer %#x is not aligned to 16", regs.RSP)
	}
	at := regs.RSP
	word := func() uint64 { at += 8; return g.peek64(at - 8) }
	text := func() string {
		s, e := g.p.copyString(word(), PageSize)
		if e != 0 {
			t.Errorf("a string of the stack cannot be read: %v", e)
		}
		return s
	}
	if n := word(); n != 3 {
		t.Fatalf("argc is %d, want 3", n)
	}
	for _, want := range []string{"prog", "", "two words"} {
		if got := text(); got != want {
			t.Errorf("argument %q, want %q", got, want)
		}
	}
	word()
	for _, want := range []string{"A=1", "B="} {
		if got := text(); got != want {
			t.Errorf("environment %q, want %q", got, want)
		}
	}
	word()
	auxv := map[uint64]uint64{}
	for key := word(); key != atNull; key = word() {
		auxv[key] = word()
	}
	for key, want := range map[uint64]uint64{
		atPhdr: get64(b, programHeader(0, phVaddr)) + bias + elfHeaderSize, atPhent: 56, atPhnum: uint64(b[56]), atPagesz: 4096,
		atBase: 0, atEntry: regs.RIP, atUID: 0, atSecure: 0, atClktck: 100, atMinsigstksz: 1360,
	} {
		if got, there := auxv[key]; !there || got != want {
			t.Errorf("auxiliary vector %d is %#x (there: %v), want %#x", key, got, there, want)
		}
	}
	for key, want := range map[uint64]string{atExecfn: "/app/prog", atPlatform: "x86_64"} {
		if got, _ := g.p.copyString(auxv[key], PageSize); got != want {
			t.Errorf("auxiliary vector %d is %q, want %q", key, got, want)
		}
	}
	if random := g.peek(auxv[atRandom], 16); bytes.Equal(random, make([]byte, 16)) {
		t.Error("AT_RANDOM is zero")
	}
}

func TestStackGrowsToItsLimit(t *testing.T) {
	g := newGuest(t, nil)
	b := readProgram(t, "tiny")
	if _, err := g.p.Load(bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
	top := g.p.mem.stackTop
	for _, row := range []struct {
		below uint64
		want  bool
	}{{200 << 10, true}, {stackLimit, true}, {stackLimit + 1, false}, {stackLimit + PageSize, false}} {
		if got := g.touch(top-row.below, ProtWrite); got != row.want {
			t.Errorf("touching the stack %d bytes below its top: %v, want %v", row.below, got, row.want)
		}
		g.p.end = nil
	}
}

func TestSeedFixesAddresses(t *testing.T) {
	start := func() (Regs, string) {
		g := newGuest(t, nil)
		b := readProgram(t, "static-pie")
		regs, err := g.p.Load(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		return regs, g.p.mapsText()
	}
	regs1, maps1 := start()
	regs2, maps2 := start()
	if regs1 != regs2 || maps1 != maps2 {
		t.Errorf("the same seed gives\n%+v\n%s\nand\n%+v\n%s", regs1, maps1, regs2, maps2)
	}
}

// noWorld is a world in which nothing exists.
type noWorld struct{}

func (noWorld) Do(world.Request) world.Response {
	return world.Response{Errno: syscall.ENOENT, FD: -1}
}

// TestCheckProgramAgreesWithLoad: whoever seals a program hears what Load would
// say.
func TestCheckProgramAgreesWithLoad(t *testing.T) {
	for _, c := range []struct {
		file string
		edit func([]byte) []byte
	}{
		{"static", nil},
		{"static-pie", nil},
		{"tiny", nil},
		{"tiny", func(b []byte) []byte { put64(b, 24, 0x400000); return b }},
		{"tiny", func(b []byte) []byte { return b[:70] }},
	} {
		b := readProgram(t, c.file)
		if c.edit != nil {
			b = c.edit(b)
		}
		_, want := newGuest(t, nil).p.Load(bytes.NewReader(b), int64(len(b)))
		memory, got := CheckProgram("/app/prog", bytes.NewReader(b), int64(len(b)))
		if fmt.Sprint(got) != fmt.Sprint(want) || (got == nil) != (memory > 0) {
			t.Errorf("%s of %d bytes: CheckProgram gives %d, %v; Load %v", c.file, len(b), memory, got, want)
		}
	}
}
