package cloudmask

import (
	"errors"
	"image/color"
	"os"
	"path/filepath"
	"testing"
)

func TestPictureShowsColourProbabilityAndMask(t *testing.T) {
	img, err := Picture("testdata/frame1.img", "testdata/frame1.clp.img", "testdata/frame1.mask.img")
	if err != nil {
		t.Fatal(err)
	}
	mask, err := ReadRaster("testdata/frame1.mask.img")
	if err != nil {
		t.Fatal(err)
	}
	clp, err := ReadRaster("testdata/frame1.clp.img")
	if err != nil {
		t.Fatal(err)
	}
	c := newCanvas(100, 101)
	if got, want := img.Bounds(), c.Bounds(); got != want {
		t.Fatalf("picture is %v, want %v", got, want)
	}
	at := func(panel, p int) color.Color {
		return img.At(c.left(panel)+p%100*c.zoom+1, captionTop+p/100*c.zoom+1)
	}
	for p := range mask.Plane[0] {
		want := maskClear
		if mask.Plane[0][p] != 0 {
			want = maskCloud
		}
		if got := at(2, p); got != want {
			t.Fatalf("mask panel, pixel %d: got %v, want %v", p, got, want)
		}
		if got, want := at(1, p), rampAt(clp.Plane[0][p]); got != want {
			t.Fatalf("probability panel, pixel %d: got %v, want %v", p, got, want)
		}
	}
}

func TestPictureRefusesWhatDoesNotBelongTogether(t *testing.T) {
	folder := t.TempDir()
	small := filepath.Join(folder, "small.mask.img")
	writeFile(t, filepath.Join(folder, "small.mask.hdr"), []byte("ENVI\nsamples = 2\nlines = 1\nbands = 1\n"+
		"header offset = 0\ndata type = 1\ninterleave = bsq\nbyte order = 0\nband names = {MASK}\n"))
	writeFile(t, small, []byte{0, 1})
	frame, clp := "testdata/frame0.img", "testdata/frame0.clp.img"
	cases := []struct{ name, frame, clp, mask string }{
		{"a mask of another size", frame, clp, small},
		{"a frame without visible bands", clp, clp, "testdata/frame0.mask.img"},
		{"a name that is no data file", "testdata/frame0.hdr", clp, "testdata/frame0.mask.img"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Picture(c.frame, c.clp, c.mask)
			var envi *ErrENVI
			if !errors.As(err, &envi) {
				t.Errorf("got error %v, want an *ErrENVI", err)
			}
		})
	}
	if _, err := Picture(frame, clp, filepath.Join(folder, "none.img")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing mask: got error %v, want one that is os.ErrNotExist", err)
	}
}

func TestRampRunsFromDarkToLight(t *testing.T) {
	luma := func(c color.RGBA) float64 { return 0.2126*float64(c.R) + 0.7152*float64(c.G) + 0.0722*float64(c.B) }
	before := -1.0
	for k := range 101 {
		l := luma(rampAt(float64(k) / 100))
		if l <= before {
			t.Fatalf("at %d %%: luma %.1f, no lighter than %.1f before it", k, l, before)
		}
		before = l
	}
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func FuzzHeader(f *testing.F) {
	for _, name := range []string{"frame0.hdr", "frame0.clp.hdr", "frame0.mask.hdr"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), []byte{1, 2, 3, 4})
	}
	f.Add("ENVI\nband names = {B01,\nB02", []byte{})
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		h, err := parseHeader(text)
		if err != nil {
			return
		}
		r, err := decode("fuzz.img", h, data)
		if err == nil && len(r.Plane) != h.bands {
			t.Errorf("header %q: %d planes, want %d", text, len(r.Plane), h.bands)
		}
	})
}
