package libos

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzLoad starts any file: a LoadError, or a program whose start lies in
// executable memory and whose pages follow the rules, whatever of it is
// touched. The second part of the input are edits of the file's headers, which
// by chance alone would stay good or become no program at all.
func FuzzLoad(f *testing.F) {
	entries, err := os.ReadDir("testdata/elf")
	if err != nil {
		f.Fatal(err)
	}
	for i, e := range entries {
		b, err := os.ReadFile(filepath.Join("testdata/elf", e.Name()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, []byte{})
		f.Add(b, []byte{byte(9 + i), 3, 11, 5, 12, 8})
	}
	f.Fuzz(func(t *testing.T, file, edits []byte) {
		if len(file) > 1<<20 {
			return
		}
		file = editHeaders(bytes.Clone(file), edits)
		allocated := heapAllocated()
		g := newGuest(t, func(c *Config) { c.World, c.Trace = noWorld{}, nil })
		defer g.close()
		regs, err := g.p.Load(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			var load *LoadError
			if !errors.As(err, &load) || load.Text == "" || load.Reason == nil && !errors.Is(err, io.EOF) {
				t.Fatalf("error is %#v, want a LoadError with a reason", err)
			}
			return
		}
		if n := g.peek64(regs.RSP); n != 1 {
			t.Errorf("argc is %d", n)
		}
		if !g.touch(regs.RIP, ProtExec) && g.p.end.Fault != nil {
			t.Errorf("the program starts at %#x, where it cannot execute", regs.RIP)
		}
		g.touchAll()
		g.healthy()
		if used := g.m.used(); used > g.m.limit {
			t.Errorf("%d bytes of memory are in use, the limit is %d", used, g.m.limit)
		}
		if n := heapAllocated() - allocated; n > 3*fakeLimit {
			t.Errorf("loading a file of %d bytes allocated %d", len(file), n)
		}
	})
}

// editHeaders replaces words of the ELF header and the program headers behind
// it: pairs of a word's number and a value from fuzzValues, or of 255, a word
// of the file and eight bytes.
func editHeaders(file, edits []byte) []byte {
	for len(edits) >= 2 {
		at, v := int(edits[0])*8, fuzzValues[int(edits[1])%len(fuzzValues)]
		edits = edits[2:]
		if at == 255*8 && len(edits) >= 10 {
			at, v = int(binary.LittleEndian.Uint16(edits)), binary.LittleEndian.Uint64(edits[2:])
			edits = edits[10:]
		}
		if at+8 <= len(file) {
			binary.LittleEndian.PutUint64(file[at:], v)
		}
	}
	return file
}

// touchAll reads, writes and executes the first and last page of each region as
// far as it allows, until the program has ended.
func (g *guest) touchAll() {
	for _, r := range slices.Clone(g.p.mem.regions.list) {
		for _, addr := range []uint64{r.start, r.end - 1} {
			for _, access := range []Prot{ProtRead, ProtWrite, ProtExec} {
				if g.p.end == nil && (r.prot&access != 0 || access == ProtRead && r.prot != ProtNone) {
					g.touch(addr, access)
				}
			}
		}
	}
}
