package libos

import (
	"testing"
	"time"

	"spaceos/world"
)

// TestFaultingRDTSCShowsTheWorldsClock: what a machine without a cycle counter
// stops at is answered and stepped over, and nothing else is.
func TestFaultingRDTSCShowsTheWorldsClock(t *testing.T) {
	const up = 5*time.Second + 123 // more than 32 bits of nanoseconds
	for name, row := range map[string]struct {
		code []byte
		size uint64 // 0: a fault
		id   bool
	}{
		"rdtsc":               {[]byte{0x0f, 0x31}, 2, false},
		"rdtscp":              {[]byte{0x0f, 0x01, 0xf9}, 3, true},
		"with prefixes":       {[]byte{0x66, 0xf3, 0x48, 0x0f, 0x31}, 5, false},
		"longest possible":    {[]byte{0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0x31}, 15, false},
		"too long":            {[]byte{0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0x31}, 0, false},
		"hlt":                 {[]byte{0xf4}, 0, false},
		"rdmsr":               {[]byte{0x0f, 0x32}, 0, false},
		"swapgs":              {[]byte{0x0f, 0x01, 0xf8}, 0, false},
		"two REX":             {[]byte{0x48, 0x48, 0x0f, 0x31}, 0, false},
		"lock rdtsc":          {[]byte{0xf0, 0x0f, 0x31}, 0, false},
		"prefix behind REX":   {[]byte{0x48, 0x66, 0x0f, 0x31}, 0, false},
		"a prefix and no end": {[]byte{0x66}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			clock := world.NewClock(time.Unix(1_700_000_000, 0), true)
			clock.Sleep(up)
			g := bare(t, func(c *Config) { c.Clock, c.HideCycles = clock, true })
			at := uint64(scratchPage) + 16*PageSize - uint64(len(row.code)) // nothing is mapped behind it
			g.poke(at, row.code)
			g.m.regs = Regs{RIP: at, RAX: ^uint64(0), RDX: ^uint64(0), RCX: 7}
			g.p.Main().Fault(Trap{Vector: generalProtection})
			want := Regs{RIP: at + row.size, RAX: uint64(up) & 0xffff_ffff, RDX: uint64(up) >> 32, RCX: 7}
			if row.id {
				want.RCX = 0
			}
			switch end := g.p.End(); {
			case row.size == 0 && (end == nil || end.Signal != 11):
				t.Errorf("code % x: ended %+v, want SIGSEGV", row.code, end)
			case row.size != 0 && (end != nil || g.m.regs != want):
				t.Errorf("code % x: ended %+v, registers %+v, want %+v", row.code, end, g.m.regs, want)
			}
		})
	}
	t.Run("a machine that hides nothing", func(t *testing.T) {
		g := bare(t, nil)
		g.poke(scratchPage, []byte{0x0f, 0x31})
		g.m.regs.RIP = scratchPage
		g.p.Main().Fault(Trap{Vector: generalProtection})
		if end := g.p.End(); end == nil || end.Signal != 11 {
			t.Errorf("ended %+v, want SIGSEGV", end)
		}
	})
}
