package cloudmask

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// edit replaces in a header; the test is wrong if there is nothing to replace.
func edit(t *testing.T, hdr []byte, old, replacement string) []byte {
	t.Helper()
	if !strings.Contains(string(hdr), old) {
		t.Fatalf("header has no %q: %s", old, hdr)
	}
	return []byte(strings.Replace(string(hdr), old, replacement, 1))
}

func TestBadInputIsRefusedInOneLine(t *testing.T) {
	p := build(t)
	small := loadFrame(t, "frame1").crop(6, 5)
	hdr, img := small.bytes(variant{})
	cases := []struct {
		name     string
		hdr, img []byte // nil: no such file
		words    []string
	}{
		{"no frame at all", nil, nil, []string{"no frame"}},
		{"the header is missing", nil, img, []string{"f.hdr", "missing"}},
		{"the data file is missing", hdr, nil, []string{"f.img", "missing"}},
		{"the data file is empty", hdr, []byte{}, []string{"f.img", "cut short", "0 bytes"}},
		{"the data file lacks one byte", hdr, img[:len(img)-1], []string{"f.img", "cut short"}},
		{"the data file has one byte more", hdr, append(img[:len(img):len(img)], 0), []string{"f.img", "too long"}},
		{"the header is empty", []byte{}, img, []string{"f.hdr", "not an ENVI header"}},
		{"the header is the data", img, img, []string{"f.hdr", "not an ENVI header"}},
		{"the header holds a zero byte", edit(t, hdr, "bands", "ba\x00nds"), img, []string{"f.hdr", "not an ENVI header"}},
		{"the header has no end", append([]byte("ENVI\n"), make([]byte, 1<<20)...), img, []string{"f.hdr", "not an ENVI header"}},
		{"a brace is not closed", edit(t, hdr, "}", ""), img, []string{"f.hdr", "not closed"}},
		{"a band is missing", edit(t, hdr, "B8A", "B8B"), img, []string{"f.hdr", "band B8A is missing"}},
		{"a band is there twice", edit(t, hdr, "B03", "B04"), img, []string{"f.hdr", "B04 twice"}},
		{"a name too few", edit(t, hdr, "B03, ", ""), img, []string{"f.hdr", "names 12 bands"}},
		{"no band names", edit(t, hdr, "band names", "band nouns"), img, []string{"f.hdr", "band names"}},
		{"no samples", edit(t, hdr, "samples = 6\n", ""), img, []string{"f.hdr", "samples"}},
		{"no data type", edit(t, hdr, "data type = 12\n", ""), img, []string{"f.hdr", "data type"}},
		{"no interleave", edit(t, hdr, "interleave = bsq\n", ""), img, []string{"f.hdr", "interleave"}},
		{"an interleave that is none", edit(t, hdr, "bsq", "bsx"), img, []string{"f.hdr", "interleave"}},
		{"a byte order that is none", edit(t, hdr, "byte order = 0", "byte order = 2"), img, []string{"f.hdr", "byte order"}},
		{"float32 data", edit(t, hdr, "data type = 12", "data type = 4"), img, []string{"f.hdr", "data type", "12"}},
		{"int16 data", edit(t, hdr, "data type = 12", "data type = 2"), img, []string{"f.hdr", "data type", "12"}},
		{"another scale", append(hdr[:len(hdr):len(hdr)], "reflectance scale factor = 1\n"...), img, []string{"f.hdr", "10000"}},
		{"a time that is none", append(hdr[:len(hdr):len(hdr)], "acquisition time = noon\n"...), img, []string{"f.hdr", "acquisition time"}},
		{"a place that is none", append(hdr[:len(hdr):len(hdr)], "map info = {UTM, 1, 1, 0, 0, 10, 10, 99, North}\n"...), img, []string{"f.hdr", "map info"}},
		{"0 lines", edit(t, hdr, "lines = 5", "lines = 0"), img, []string{"f.hdr", "lines"}},
		{"-5 lines", edit(t, hdr, "lines = 5", "lines = -5"), img, []string{"f.hdr", "lines"}},
		{"a line too many", edit(t, hdr, "lines = 5", "lines = 6"), img, []string{"f.img", "cut short"}},
		{"samples beyond 64 bits", edit(t, hdr, "samples = 6", "samples = 99999999999999999999"), img, []string{"f.hdr", "samples"}},
		{"samples whose product is beyond 32 bits", edit(t, hdr, "samples = 6", "samples = 1048576"), img, []string{"f.img", "cut short"}},
		{"the largest sizes of all", edit(t, edit(t, hdr, "samples = 6", "samples = 1048576"), "lines = 5", "lines = 1048576"),
			img, []string{"f.img", "cut short"}},
		{"samples that are no number", edit(t, hdr, "samples = 6", "samples = six"), img, []string{"f.hdr", "samples"}},
		{"an offset past the end", edit(t, hdr, "offset = 0", "offset = 1000000"), img, []string{"f.img", "cut short"}},
		{"a negative offset", edit(t, hdr, "offset = 0", "offset = -2"), img, []string{"f.hdr", "header offset"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := t.TempDir()
			if c.hdr != nil {
				writeFile(t, filepath.Join(in, "f.hdr"), c.hdr)
			}
			if c.img != nil {
				writeFile(t, filepath.Join(in, "f.img"), c.img)
			}
			if c.hdr != nil || c.img != nil { // a good frame beside it is not worked on either
				small.write(t, in, "a", variant{})
			}
			p.run(t, in).refused(t, c.words...)
		})
	}
}

func TestInputsThatAreNoFiles(t *testing.T) {
	p := build(t)
	in := t.TempDir()
	p.run(t, filepath.Join(in, "none")).refused(t, "none", "input folder")
	loadFrame(t, "frame1").crop(6, 5).write(t, in, "f", variant{})
	if err := os.Remove(filepath.Join(in, "f.img")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(in, "f.img"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.run(t, in).refused(t, "f.img")
	name := strings.Repeat("n", 230)
	writeFile(t, filepath.Join(in, name+".hdr"), nil)
	p.run(t, in).refused(t, name, "too long")
}

// mutate changes a few places of a header: the kinds of damage a bad link or a
// careless writer does.
func mutate(rng *rand.Rand, hdr []byte) []byte {
	out := append([]byte(nil), hdr...)
	for range 1 + rng.IntN(3) {
		at := rng.IntN(len(out))
		switch rng.IntN(5) {
		case 0:
			out[at] ^= 1 << rng.IntN(8)
		case 1:
			out[at] = byte(rng.IntN(256))
		case 2:
			out = append(out[:at], out[at+1:]...)
		case 3:
			out = append(out[:at:at], append([]byte("={},\n9"[rng.IntN(6):]), out[at:]...)...)
		case 4:
			out = out[:at+1]
		}
	}
	return out
}

func TestDamagedHeadersNeverCrashAndLeaveNothing(t *testing.T) {
	p := build(t)
	in := t.TempDir()
	small := loadFrame(t, "frame1").crop(6, 5)
	hdr, img := small.bytes(variant{header: "acquisition time = 2015-07-31T10:00:09Z\n" +
		"map info = {UTM, 1, 1, 465181.05, 5080254.63, 9.9948, 9.9974, 33, North, WGS-84}\n"})
	writeFile(t, filepath.Join(in, "f.img"), img)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		damaged := mutate(rng, hdr)
		writeFile(t, filepath.Join(in, "f.hdr"), damaged)
		r := p.run(t, in)
		if r.status == 0 { // the damage was where it does not matter
			r.left(t, "f.clp.hdr", "f.clp.img", "f.json", "f.mask.hdr", "f.mask.img")
		} else {
			r.refused(t, "f.")
		}
		if t.Failed() {
			t.Fatalf("header %q", damaged)
		}
	}
}

// damagedAt lists places of the model file: all of its head, then one in 4999.
func damagedAt(size int) []int {
	var at []int
	for i := 0; i < size; i++ {
		if i < 32 || i%4999 == 0 || i == size-1 {
			at = append(at, i)
		}
	}
	return at
}

func TestADamagedModelIsRefused(t *testing.T) {
	p := build(t)
	in, path := t.TempDir(), filepath.Join(p.app, "cloudmask.model")
	loadFrame(t, "frame1").crop(6, 5).write(t, in, "f", variant{})
	model := read(t, path)
	for _, i := range damagedAt(len(model)) {
		model[i] ^= 0x10
		writeFile(t, path, model)
		model[i] ^= 0x10
		if p.run(t, in).refused(t, "cloudmask.model", "damaged"); t.Failed() {
			t.Fatalf("byte %d changed", i)
		}
	}
	for _, size := range []int{0, 1, 15, 16, 100, len(model) / 2, len(model) - 1} {
		writeFile(t, path, model[:size])
		if p.run(t, in).refused(t, "cloudmask.model", "damaged"); t.Failed() {
			t.Fatalf("cut to %d bytes", size)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p.run(t, in).refused(t, "cloudmask.model", "cannot open")
}

// A wrong model whose checksum is right is a mistake of whoever made it: the
// program may find it out or work with it, but it must not crash or hang.
func TestAWrongModelWithAGoodChecksumDoesNoHarm(t *testing.T) {
	p := build(t)
	in, path := t.TempDir(), filepath.Join(p.app, "cloudmask.model")
	loadFrame(t, "frame1").crop(6, 5).write(t, in, "f", variant{})
	model := read(t, path)
	refused := 0
	for k, i := range damagedAt(len(model)) {
		if i < 8 {
			continue
		}
		wrong := append([]byte(nil), model...)
		wrong[i] ^= byte(1 << (k % 8))
		binary.LittleEndian.PutUint32(wrong[4:], crc32.ChecksumIEEE(wrong[8:]))
		writeFile(t, path, wrong)
		r := p.run(t, in)
		switch r.status {
		case 0:
			r.left(t, "f.clp.hdr", "f.clp.img", "f.json", "f.mask.hdr", "f.mask.img")
		case 2:
			r.refused(t)
			refused++
		default:
			t.Errorf("status %d: %s", r.status, r.stderr)
		}
		if t.Failed() {
			t.Fatalf("byte %d changed", i)
		}
	}
	if refused == 0 {
		t.Error("no wrong model was found out: the decoder checks nothing")
	}
}
