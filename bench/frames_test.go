package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestTile(t *testing.T) {
	// Two bands of 2 x 2 samples of one byte.
	frame := func(data string) *raster {
		return &raster{header: "samples = 2\nlines = 2\nbands = 2\n", samples: 2, lines: 2, bands: 2, size: 1, data: []byte(data)}
	}
	for _, c := range []struct {
		list []*raster
		want string
	}{
		{[]*raster{frame("abcdABCD")}, "aba cdc aba cdc aba ABA CDC ABA CDC ABA"},
		{[]*raster{frame("abcdABCD"), frame("efghEFGH")}, "abe cdg efa ghc abe ABE CDG EFA GHC ABE"},
	} {
		got := tile(c.list, 3, 5)
		if want := strings.ReplaceAll(c.want, " ", ""); string(got.data) != want {
			t.Errorf("%d frames tiled to 3 x 5 are %q, want %q", len(c.list), got.data, want)
		}
		if want := "samples = 3\nlines = 5\nbands = 2\n"; got.header != want {
			t.Errorf("header of the tiled raster is %q, want %q", got.header, want)
		}
	}
}

func TestRasterRoundTrip(t *testing.T) {
	name := filepath.Join(t.TempDir(), "frame")
	r := &raster{header: "ENVI\nsamples = 2\nlines = 1\nbands = 1\ndata type = 12\ninterleave = bsq\n", data: []byte{1, 2, 3, 4}}
	if err := r.write(name); err != nil {
		t.Fatal(err)
	}
	got, err := readRaster(name)
	if err != nil {
		t.Fatal(err)
	}
	if got.samples != 2 || got.lines != 1 || got.bands != 1 || got.size != 2 || !bytes.Equal(got.data, r.data) {
		t.Errorf("read back %+v, want 2 x 1 x 1 samples of 2 bytes and %v", got, r.data)
	}
	r.data = r.data[:3]
	if err := r.write(name); err != nil {
		t.Fatal(err)
	}
	if _, err := readRaster(name); err == nil || !strings.Contains(err.Error(), "its header says 4") {
		t.Errorf("a file cut short gave the error %v, want one that names both sizes", err)
	}
}
