package delta

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"spaceos"
	"spaceos/image"
)

// pieces is a delta taken apart: its table, and the sections of each entry.
type pieces struct {
	table
	sections [][][]byte
}

func apart(t testing.TB, patch []byte) *pieces {
	t.Helper()
	head, err := readTable(bytes.NewReader(patch), int64(len(patch)))
	if err != nil {
		t.Fatal(err)
	}
	p := &pieces{table: *head}
	at := head.size
	for _, e := range head.entries {
		var parts [][]byte
		for _, n := range e.lengths {
			parts = append(parts, patch[at:at+n])
			at += n
		}
		p.sections = append(p.sections, parts)
	}
	return p
}

// set makes an entry of a method, with sections.
func (p *pieces) set(i int, m Method, base int, sections ...[]byte) {
	p.entries[i], p.sections[i] = candidate{m, base, sections}.entry(), sections
}

func (p *pieces) bytes() []byte {
	out := p.append(nil)
	for _, parts := range p.sections {
		out = append(out, slices.Concat(parts...)...)
	}
	return out
}

// small is a pair of images whose deltas are taken apart: the program is 1000
// bytes, and so is the new one.
var (
	smallOld = files{"program": random(1, 1000), "big": random(2, maxPrefix+1), "third": random(3, 10)}
	smallNew = smallOld.with(files{"program": random(4, 1000)})
)

// Where things are in the deltas of small: entries, and blobs of the old image.
const (
	entryConfig  = 1
	entryProgram = 3
	baseBig      = 2
	baseProgram  = 3
)

// numbers is varints behind each other: int for unsigned ones, int64 for signed
// ones.
func numbers(list ...any) (out []byte) {
	for _, n := range list {
		switch n := n.(type) {
		case int:
			out = binary.AppendUvarint(out, uint64(n))
		case uint64:
			out = binary.AppendUvarint(out, n)
		case int64:
			out = binary.AppendVarint(out, n)
		}
	}
	return out
}

// squeezed compresses sections of a matched difference.
func squeezed(t testing.TB, lists ...[]byte) (out [][]byte) {
	q := newSqueezer()
	for i, list := range lists {
		part, err := q.squeeze(list, windows[i])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, part)
	}
	return out
}

// widely compresses with a window of 8 MiB.
func widely(t testing.TB, data []byte) []byte {
	enc, err := zstd.NewWriter(nil, zstd.WithWindowSize(8<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	var out bytes.Buffer
	enc.Reset(&out)
	if _, err := enc.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// damage is a way in which a delta may be wrong.
type damage struct {
	name string
	make func(t testing.TB, p *pieces) []byte
	text string // in the error
}

// matchedAs replaces the program by a matched difference of these lists.
func matchedAs(name, text string, lists ...[]byte) damage {
	return damage{name, func(t testing.TB, p *pieces) []byte {
		all := [matchedSections][]byte{}
		copy(all[:], lists)
		p.set(entryProgram, Matched, baseProgram, squeezed(t, all[:]...)...)
		return p.bytes()
	}, text}
}

// plainAs replaces the program by a compressed section.
func plainAs(name, text string, section func(t testing.TB) []byte) damage {
	return damage{name, func(t testing.TB, p *pieces) []byte {
		p.set(entryProgram, Plain, 0, section(t))
		return p.bytes()
	}, text}
}

// head is the table up to a number that is written by hand.
func (p *pieces) head(rest ...byte) []byte {
	p.entries = nil
	return append(p.append(nil)[:4+64], rest...)
}

func damages() []damage {
	all := numbers(0, 1000, int64(0))
	huge := bytes.Repeat([]byte{0}, 64<<20)
	return slices.Concat([]damage{
		{"nothing", func(testing.TB, *pieces) []byte { return nil }, "ends too early"},
		{"something else", func(testing.TB, *pieces) []byte { return []byte("\x7fELF and so on") }, "does not begin with"},
		{"another version", func(_ testing.TB, p *pieces) []byte { b := p.bytes(); b[3] = '2'; return b }, "does not begin with"},
		{"the head alone", func(_ testing.TB, p *pieces) []byte { return p.head() }, "ends too early"},
		{"leads elsewhere", func(_ testing.TB, p *pieces) []byte { p.new[0] ^= 1; return p.bytes() }, "it leads to"},
		{"one blob", func(_ testing.TB, p *pieces) []byte { return p.head(1, 0) }, "has 1 blobs"},
		{"2^62 blobs", func(_ testing.TB, p *pieces) []byte { return p.head(numbers(1 << 62)...) }, "an image has 2 to"},
		{"an endless number", func(_ testing.TB, p *pieces) []byte { return p.head(bytes.Repeat([]byte{0xff}, 20)...) }, "overflows"},
		{"a blob too many", func(_ testing.TB, p *pieces) []byte {
			p.entries, p.sections = append(p.entries, entry{}), append(p.sections, nil)
			return p.bytes()
		}, "and the image 5"},
		{"an unknown method", func(_ testing.TB, p *pieces) []byte { return p.head(2, 9, 0) }, "method 9 is unknown"},
		{"an old blob that is not there", func(_ testing.TB, p *pieces) []byte { p.entries[entryConfig].base = 5; return p.bytes() }, "blob 5 of the old image, which has 5"},
		{"an old blob beyond all", func(_ testing.TB, p *pieces) []byte { p.entries[entryConfig].base = maxBlobs; return p.bytes() }, "it names an old blob by the number"},
		{"a section behind the end", func(_ testing.TB, p *pieces) []byte { return p.head(slices.Concat([]byte{2, 1}, numbers(1<<40))...) }, "more than there are"},
		{"sections that overflow", func(_ testing.TB, p *pieces) []byte {
			n := numbers(uint64(math.MaxInt64))
			return p.head(slices.Concat([]byte{2, 1}, n, []byte{1}, n)...)
		}, "more than there are"},
		{"bytes behind the end", func(_ testing.TB, p *pieces) []byte { return append(p.bytes(), 0) }, "by its own table"},
		{"held, and is not", func(_ testing.TB, p *pieces) []byte { p.set(entryProgram, Held, 0); return p.bytes() }, "has no such blob"},
		{"a prefix too large", func(t testing.TB, p *pieces) []byte {
			p.set(entryProgram, Prefixed, baseBig, []byte{0})
			return p.bytes()
		}, "it has a prefix of"},
	}, []damage{
		plainAs("no frame", "the delta is damaged: ", func(testing.TB) []byte { return []byte("no frame of zstd") }),
		plainAs("too short", "ends too early", func(t testing.TB) []byte { return squeezed(t, make([]byte, 999))[0] }),
		plainAs("too long", "goes on where the file ends", func(t testing.TB) []byte { return squeezed(t, make([]byte, 1001))[0] }),
		plainAs("a bomb", "goes on where the file ends", func(t testing.TB) []byte { return squeezed(t, huge)[0] }),
		plainAs("a window of 8 MiB", "window", func(t testing.TB) []byte { return widely(t, random(5, 9<<20)) }),
		plainAs("other bytes", "of a blob that should be", func(t testing.TB) []byte { return squeezed(t, make([]byte, 1000))[0] }),
		plainAs("a frame cut off", "ends too early", func(t testing.TB) []byte { b := squeezed(t, random(4, 1000))[0]; return b[:len(b)-1] }),
	}, []damage{
		matchedAs("other bytes, matched", "of a blob that should be", all),
		matchedAs("no entry", "ends too early"),
		matchedAs("an entry too few", "ends too early", numbers(0, 999, int64(0))),
		matchedAs("an entry too many", "goes on where the file ends", append(slices.Clone(all), 0, 0)),
		matchedAs("an empty entry", "an entry makes nothing", append([]byte{0, 0}, all...)),
		matchedAs("an insert too long", "where the file has 1000 left", numbers(1001, 0), nil, nil, make([]byte, 1001)),
		matchedAs("a copy too long", "where the file has 1000 left", numbers(0, 1001, int64(0))),
		matchedAs("both together too long", "where the file has 1000 left", numbers(600, 600, int64(0)), nil, nil, make([]byte, 600)),
		matchedAs("both together overflow", "where the file has 1000 left", numbers(1, uint64(math.MaxUint64), int64(0)), nil, nil, make([]byte, 1)),
		matchedAs("a copy from before the old file", "a copy of 1000 bytes, -1 from byte 0", numbers(0, 1000, int64(-1))),
		matchedAs("a copy from far before it", "a copy of 1000 bytes, -9223372036854775808 from", numbers(0, 1000, int64(math.MinInt64))),
		matchedAs("a copy across its end", "a copy of 1000 bytes, 1 from byte 0", numbers(0, 1000, int64(1))),
		matchedAs("a copy from behind it", "a copy of 1000 bytes, 9223372036854775807 from", numbers(0, 1000, int64(math.MaxInt64))),
		matchedAs("an insert that is not there", "ends too early", numbers(1000, 0)),
		matchedAs("an insert that goes on", "goes on where the file ends", numbers(1000, 0), nil, nil, make([]byte, 1001)),
		matchedAs("a correction without a number", "ends too early", all, numbers(3)),
		matchedAs("a number without a correction", "goes on where the file ends", all, nil, numbers(int64(5))),
		matchedAs("a correction behind the end", "a correction lies behind the end", all, numbers(5000), numbers(int64(5))),
		matchedAs("a correction at the end", "a correction lies behind the end", all, numbers(1000), numbers(int64(5))),
		matchedAs("corrections that go on", "goes on where the file ends", all, numbers(996, 1), numbers(int64(5))),
		matchedAs("more than a word", "more than a word holds", all, numbers(0), numbers(int64(1)<<31)),
		matchedAs("less than a word", "more than a word holds", all, numbers(0), numbers(int64(-1)<<31-1)),
		matchedAs("an endless entry", "overflows", bytes.Repeat([]byte{0xff}, 11)),
		matchedAs("a gap beyond all", "a correction lies behind the end", all, numbers(uint64(math.MaxUint64)), numbers(int64(5))),
		{"a list with the window of a text", func(t testing.TB, p *pieces) []byte {
			parts := squeezed(t, numbers(1000, 0), nil, nil, random(4, 1000))
			parts[0] = widely(t, random(6, 9<<20))
			p.set(entryProgram, Matched, baseProgram, parts...)
			return p.bytes()
		}, "window"},
	})
}

// TestDamagedDeltas: each is an error that says why, takes little memory, and
// leaves nothing.
func TestDamagedDeltas(t *testing.T) {
	old, _ := sealed(t, "1", smallOld)
	new, img := sealed(t, "2", smallNew)
	patch, _ := made(t, old, new)
	for _, d := range damages() {
		t.Run(d.name, func(t *testing.T) {
			refused(t, old, d.make(t, apart(t, patch)), wanted(img), ErrDamaged, d.text)
		})
	}
	t.Run("another base", func(t *testing.T) { refused(t, new, patch, wanted(img), ErrBase, "it was made against") })
	t.Run("a larger manifest", func(t *testing.T) {
		refused(t, old, patch, Blob{img.Digest, img.Size + 1}, ErrDamaged, "ends too early")
	})
	t.Run("a smaller manifest", func(t *testing.T) {
		refused(t, old, patch, Blob{img.Digest, img.Size - 1}, ErrDamaged, "goes on where the file ends")
	})
	t.Run("a manifest of 1 GiB", func(t *testing.T) {
		refused(t, old, patch, Blob{img.Digest, 1 << 30}, ErrDamaged, "and 1048576 are allowed")
	})
	t.Run("longer than all", func(t *testing.T) {
		if _, err := readTable(bytes.NewReader(patch), maxDelta+1); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "are allowed") {
			t.Errorf("a delta of %d bytes: %v", int64(maxDelta+1), err)
		}
	})
	t.Run("a manifest without a length", func(t *testing.T) {
		p := apart(t, patch)
		p.set(0, Matched, 0, squeezed(t, numbers(0, 10, int64(0)), nil, nil, nil)...)
		bad := p.bytes()
		if _, err := Unsigned(old, bytes.NewReader(bad), int64(len(bad))); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "cannot be matched") {
			t.Errorf("asked what it leads to: %v", err)
		}
	})
	for name, test := range map[string]struct {
		size int
		text string
	}{"a bomb of a manifest": {64 << 20, "goes on where the file ends"}, "another manifest": {700, "of a blob that should be"}} {
		t.Run(name, func(t *testing.T) {
			p := apart(t, patch)
			p.set(0, Plain, 0, squeezed(t, make([]byte, test.size))[0])
			bad := p.bytes()
			if _, err := Unsigned(old, bytes.NewReader(bad), int64(len(bad))); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("asked what it leads to: %v, want %q", err, test.text)
			}
		})
	}
}

// refused applies a delta, which must fail with an error and a text in it.
func refused(t *testing.T, old *image.Layout, patch []byte, want Blob, reason error, text string) {
	t.Helper()
	dir := t.TempDir()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := ApplyTo(filepath.Join(dir, "new"), old, bytes.NewReader(patch), int64(len(patch)), want)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, reason) || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %v, with %q", err, reason, text)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > memoryBudget {
		t.Errorf("it allocated %d bytes, want at most %d", n, memoryBudget)
	}
}

// TestADeltaChangedAnywhereIsRefused: bytes changed, taken out or put in, and
// the end cut off. What is accepted all the same is the new image.
func TestADeltaChangedAnywhereIsRefused(t *testing.T) {
	old, _ := sealed(t, "1", smallOld)
	new, img := sealed(t, "2", smallNew.with(files{"program": edited(smallOld["program"], 100)}))
	patch, _ := made(t, old, new)
	rapid.Check(t, func(t *rapid.T) {
		bad := slices.Clone(patch)
		at := rapid.IntRange(0, len(bad)-1).Draw(t, "at")
		switch rapid.SampledFrom([]string{"change", "cut", "insert", "remove"}).Draw(t, "how") {
		case "change":
			bad[at] ^= rapid.ByteRange(1, 255).Draw(t, "by")
		case "cut":
			bad = bad[:at]
		case "insert":
			bad = slices.Insert(bad, at, rapid.Byte().Draw(t, "byte"))
		case "remove":
			bad = slices.Delete(bad, at, at+1)
		}
		d := newDrive(0)
		_, err := Apply(d, "new", old, bytes.NewReader(bad), int64(len(bad)), wanted(img))
		if err == nil {
			return // Apply checked every digest
		}
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrBase) {
			t.Fatalf("got %v, want %v or %v", err, ErrDamaged, ErrBase)
		}
		if len(d.top.names) > 0 {
			t.Fatalf("it left %v", d.top.names)
		}
	})
}

// FuzzApply applies any bytes as a delta: it ends, within its memory, and either
// the new image is there or nothing is.
func FuzzApply(f *testing.F) {
	old, _ := sealed(f, "1", smallOld)
	new, img := sealed(f, "2", smallNew.with(files{"program": edited(smallOld["program"], 100)}))
	patch, _ := made(f, old, new)
	f.Add(patch)
	for _, d := range damages() {
		if bad := d.make(f, apart(f, patch)); len(bad) < 64<<10 {
			f.Add(bad)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newDrive(0)
		_, err := Apply(d, "new", old, bytes.NewReader(data), int64(len(data)), wanted(img))
		switch {
		case err == nil:
			if got := spaceos.DigestOf(d.folder("new/"+image.BlobName(img.Digest), false).data); got != img.Digest {
				t.Fatalf("accepted, and the manifest is %v, want %v", got, img.Digest)
			}
		case !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrBase):
			t.Fatalf("got %v, want %v or %v", err, ErrDamaged, ErrBase)
		case len(d.top.names) > 0:
			t.Fatalf("%v left %v", err, d.top.names)
		}
		if _, _, err := Show(old, bytes.NewReader(data), int64(len(data))); err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrBase) {
			t.Fatalf("shown: %v", err)
		}
	})
}
