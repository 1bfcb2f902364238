package libos

import (
	"bytes"
	"encoding/binary"
	"os"
	"syscall"
	"testing"
	"time"

	"spaceos/world"
)

// fuzzValues are arguments that find edges: descriptors, sizes, flags and
// addresses of every sort.
var fuzzValues = []uint64{
	0, 1, 2, 3, 4, 7, 8, 16, 24, 32, 64, 128, 4095, 4096, 4097, 0x10000, 1 << 20, 1 << 31, 1 << 32, 1 << 46, 1 << 47, 1 << 63,
	^uint64(0), ^uint64(99), 0xffff_ff9c, ^uint64(4095), taskSize, taskSize - 1, regionsEnd, regionsEnd - PageSize,
	scratchPage, scratchPage + 8, scratchPage + 100, scratchPage + PageSize, scratchPage + 16*PageSize - 1, scratchPage + 16*PageSize,
	0x22, 0x32, 0x12, 0o644, 0o100, 0o2000,
}

// fuzzCalls makes the calls that input describes, three bytes to begin with:
// the call, which of its arguments are from the table, and bytes for them.
func fuzzCalls(g *guest, rows []call, input []byte) {
	next := func() byte {
		if len(input) == 0 {
			return 0
		}
		b := input[0]
		input = input[1:]
		return b
	}
	for steps := 0; len(input) > 0 && steps < 64 && g.p.End() == nil; steps++ {
		c := rows[int(binary.LittleEndian.Uint16([]byte{next(), next()}))%len(rows)]
		a := make([]uint64, 6)
		for i := range c.args {
			switch b := next(); {
			case int(b) < len(fuzzValues):
				a[i] = fuzzValues[b]
			case b < 128:
				a[i] = scratchPage + uint64(next())*64
			case b < 192:
				a[i] = uint64(b) - 128
			default:
				raw := []byte{next(), next(), next(), next(), next(), next(), next(), next()}
				a[i] = binary.LittleEndian.Uint64(raw)
			}
		}
		if c.name == "exit" || c.name == "exit_group" || c.name == "kill" || c.name == "tkill" || c.name == "tgkill" {
			continue // they end the run at once
		}
		g.callNumber(uint64(c.nr), a...)
	}
}

// FuzzCall drives every call of the table with any arguments over memory made
// of a map and a world in memory: no panic, no misuse of the machine, and an
// answer within Linux's range of errors.
func FuzzCall(f *testing.F) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { null.Close() })
	var rows []call
	var table callTable
	table.fill()
	for _, c := range table {
		if c != nil {
			rows = append(rows, *c)
		}
	}
	for i := range rows {
		seed := binary.LittleEndian.AppendUint16(nil, uint16(i))
		f.Add(append(seed, 30, 9, 36, 3, 30, 31))
		f.Add(append(seed, 128, 31, 14, 129, 31, 31))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		g := bare(t, func(c *Config) {
			c.Clock = world.NewClock(time.Unix(1_700_000_000, 0), true)
			c.Stdin, c.Stdout, c.Stderr = int(null.Fd()), int(null.Fd()), int(null.Fd())
		})
		defer g.close()
		g.poke(scratchPage+36*64, append([]byte("/tmp/f"), 0))
		g.poke(scratchPage+100*64, bytes.Repeat([]byte{0x10, 0, 0x20, 0, 0, 0, 0, 0}, 64))
		stop := time.AfterFunc(200*time.Millisecond, func() { g.p.Kill(End{Signal: int(syscall.SIGKILL)}) })
		defer stop.Stop()
		fuzzCalls(g, rows, input)
		if end := g.p.End(); end != nil && end.Err != nil {
			t.Errorf("the library OS failed: %v", end.Err)
		}
		g.healthy()
	})
}
