package cloudmask

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// frame is a frame in memory with its published probability.
type frame struct {
	samples, lines int
	names          []string
	dn             [][]uint16 // per band
	clp            []float32
}

func loadFrame(t *testing.T, name string) *frame {
	t.Helper()
	r, err := ReadRaster(filepath.Join("testdata", name+".img"))
	if err != nil {
		t.Fatal(err)
	}
	clp, err := ReadRaster(filepath.Join("testdata", name+".clp.img"))
	if err != nil {
		t.Fatal(err)
	}
	f := &frame{samples: r.Samples, lines: r.Lines, names: r.Bands}
	for _, plane := range r.Plane {
		dn := make([]uint16, len(plane))
		for i, v := range plane {
			dn[i] = uint16(v)
		}
		f.dn = append(f.dn, dn)
	}
	for _, v := range clp.Plane[0] {
		f.clp = append(f.clp, float32(v))
	}
	return f
}

// crop returns the frame cut, or repeated, to samples x lines.
func (f *frame) crop(samples, lines int) *frame {
	c := &frame{samples: samples, lines: lines, names: f.names, dn: make([][]uint16, len(f.dn))}
	for y := range lines {
		for x := range samples {
			p := y%f.lines*f.samples + x%f.samples
			c.clp = append(c.clp, f.clp[p])
			for b := range f.dn {
				c.dn[b] = append(c.dn[b], f.dn[b][p])
			}
		}
	}
	return c
}

// variant is a way to write the same frame.
type variant struct {
	interleave string // "" is bsq
	big        bool
	shuffle    uint64 // 0 keeps the order of the bands
	offset     int
	only       bool // the model's bands alone
	header     string
}

var modelBands = strings.Fields("B01 B02 B04 B05 B08 B8A B09 B10 B11 B12")

func (f *frame) order(v variant) []int {
	var order []int
	for b, name := range f.names {
		if !v.only || strings.Contains(strings.Join(modelBands, " "), name) {
			order = append(order, b)
		}
	}
	if v.shuffle != 0 {
		rng := rand.New(rand.NewPCG(v.shuffle, 0))
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	return order
}

// bytes returns the .hdr and the .img of the frame.
func (f *frame) bytes(v variant) (hdr, img []byte) {
	interleave, order := v.interleave, f.order(v)
	if interleave == "" {
		interleave = "bsq"
	}
	var names []string
	for _, b := range order {
		names = append(names, f.names[b])
	}
	var endian binary.ByteOrder = binary.LittleEndian
	byteOrder := 0
	if v.big {
		endian, byteOrder = binary.BigEndian, 1
	}
	text := fmt.Sprintf("ENVI\nsamples = %d\nlines = %d\nbands = %d\nheader offset = %d\nfile type = ENVI Standard\n"+
		"data type = 12\ninterleave = %s\nbyte order = %d\nband names = {%s}\n%s",
		f.samples, f.lines, len(order), v.offset, interleave, byteOrder, strings.Join(names, ", "), v.header)
	img = make([]byte, v.offset+2*f.samples*f.lines*len(order))
	for k, b := range order {
		for y := range f.lines {
			for x := range f.samples {
				at := k*f.lines*f.samples + y*f.samples + x
				switch interleave {
				case "bil":
					at = (y*len(order)+k)*f.samples + x
				case "bip":
					at = (y*f.samples+x)*len(order) + k
				}
				endian.PutUint16(img[v.offset+2*at:], f.dn[b][y*f.samples+x])
			}
		}
	}
	return []byte(text), img
}

func (f *frame) write(t *testing.T, folder, name string, v variant) {
	t.Helper()
	hdr, img := f.bytes(v)
	writeFile(t, filepath.Join(folder, name+".hdr"), hdr)
	writeFile(t, filepath.Join(folder, name+".img"), img)
}

// clpBytes is the probability map as the program must write it.
func (f *frame) clpBytes() []byte {
	data := make([]byte, 4*len(f.clp))
	for i, v := range f.clp {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return data
}

func TestEveryWayToStoreAFrameGivesTheSameResult(t *testing.T) {
	p := build(t)
	cases := []struct {
		name string
		v    variant
	}{
		{"bil", variant{interleave: "bil"}},
		{"bip", variant{interleave: "bip"}},
		{"bsq big endian", variant{big: true}},
		{"bil big endian", variant{interleave: "bil", big: true}},
		{"bip big endian", variant{interleave: "bip", big: true}},
		{"bands in another order", variant{shuffle: 1}},
		{"bil, bands in another order, header offset", variant{interleave: "bil", shuffle: 2, offset: 37}},
		{"bip, big endian, model bands alone in another order", variant{interleave: "bip", big: true, only: true, shuffle: 3}},
		{"keys and names in other cases, comments, values over several lines", variant{
			header: "; a comment = {\nDescription = {\n one,\n two}\nReflectance Scale Factor = 10000.0\n" +
				"acquisition time = 2015-07-31T10:00:09.024Z\r\nmap info = {UTM, 1, 1, 465181.05, 5080254.63,\n 10, 10, 33, North}\n"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := t.TempDir()
			for _, name := range published {
				loadFrame(t, name).write(t, in, name, c.v)
			}
			r := p.run(t, in)
			if r.status != 0 {
				t.Fatalf("status %d: %s", r.status, r.stderr)
			}
			for _, name := range published {
				for _, suffix := range []string{".clp.img", ".mask.img"} {
					file := name + suffix
					sameBytes(t, file, read(t, filepath.Join(r.out, file)), read(t, filepath.Join("testdata", file)))
				}
			}
		})
	}
}

func TestEverySizeGivesEachPixelItsProbabilityAndTheMaskOfTheMap(t *testing.T) {
	p := build(t)
	sizes := []struct{ samples, lines int }{
		{1, 1}, {1, 40}, {40, 1}, {2, 3}, {5, 4}, {7, 9}, {8, 8}, {63, 2}, {65, 1}, {100, 13}, {130, 77}, {350, 303}, {1098, 1098},
	}
	for i, s := range sizes {
		t.Run(fmt.Sprintf("%d x %d", s.samples, s.lines), func(t *testing.T) {
			in := t.TempDir()
			f := loadFrame(t, "frame1").crop(s.samples, s.lines)
			f.write(t, in, "f", variant{interleave: []string{"bip", "bsq", "bil"}[i%3]})
			r := p.run(t, in)
			if r.status != 0 {
				t.Fatalf("status %d: %s", r.status, r.stderr)
			}
			sameBytes(t, "probability", read(t, filepath.Join(r.out, "f.clp.img")), f.clpBytes())
			f.checkMask(t, read(t, filepath.Join(r.out, "f.mask.img")))
		})
	}
}

// inDisk says whether (dx, dy) is in a disk of that radius.
func inDisk(dx, dy, radius int) bool { return dx*dx+dy*dy <= radius*radius }

// mirrored is i reflected into [0, n), the edge pixel repeated.
func mirrored(i, n int) int {
	i = ((i % (2 * n)) + 2*n) % (2 * n)
	return min(i, 2*n-1-i)
}

// meanAt is the mean of the map over the disk of radius 4, in double.
func (f *frame) meanAt(x, y int) float64 {
	sum, n := 0.0, 0
	for dy := -4; dy <= 4; dy++ {
		for dx := -4; dx <= 4; dx++ {
			if inDisk(dx, dy, 4) {
				sum += float64(f.clp[mirrored(y+dy, f.lines)*f.samples+mirrored(x+dx, f.samples)])
				n++
			}
		}
	}
	return sum / float64(n)
}

// checkMask compares a mask with the map's, worked out here in double. Pixels
// near a mean that is too close to the threshold to be sure of are left out;
// compare.py holds those to OpenCV's own arithmetic.
func (f *frame) checkMask(t *testing.T, got []byte) {
	t.Helper()
	if len(got) != f.samples*f.lines {
		t.Fatalf("mask has %d bytes, want %d", len(got), f.samples*f.lines)
	}
	cloudy, unsure := make([]bool, len(got)), make([]bool, len(got))
	for i := range got {
		mean := f.meanAt(i%f.samples, i/f.samples)
		cloudy[i], unsure[i] = mean > 0.4, math.Abs(mean-0.4) < 1e-5
	}
	for i := range got {
		want, sure := byte(0), true
		for dy := -2; dy <= 2; dy++ {
			for dx := -2; dx <= 2; dx++ {
				x, y := i%f.samples+dx, i/f.samples+dy
				if inDisk(dx, dy, 2) && x >= 0 && x < f.samples && y >= 0 && y < f.lines {
					sure = sure && !unsure[y*f.samples+x]
					if cloudy[y*f.samples+x] {
						want = 1
					}
				}
			}
		}
		if sure && got[i] != want {
			t.Fatalf("mask at (%d, %d) is %d, want %d", i%f.samples, i/f.samples, got[i], want)
		}
	}
}
