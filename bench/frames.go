package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// raster is an ENVI image in memory: band-sequential samples of size bytes.
type raster struct {
	header                      string
	samples, lines, bands, size int
	data                        []byte
}

// envSizes are the bytes of a sample by ENVI's "data type".
var envSizes = map[int]int{1: 1, 4: 4, 12: 2}

// readRaster reads NAME.hdr and NAME.img. It knows what the published frames
// are: band sequential, no header offset.
func readRaster(name string) (*raster, error) {
	header, err := os.ReadFile(name + ".hdr")
	if err != nil {
		return nil, err
	}
	r := &raster{header: string(header)}
	kind := 0
	for _, field := range []struct {
		key string
		to  *int
	}{{"samples", &r.samples}, {"lines", &r.lines}, {"bands", &r.bands}, {"data type", &kind}} {
		m := headerLine(field.key).FindStringSubmatch(r.header)
		if m == nil {
			return nil, fmt.Errorf("%s.hdr has no line %q", name, field.key)
		}
		if *field.to, err = strconv.Atoi(m[1]); err != nil {
			return nil, fmt.Errorf("%s.hdr: %w", name, err)
		}
	}
	if !strings.Contains(r.header, "interleave = bsq") || envSizes[kind] == 0 {
		return nil, fmt.Errorf("%s.hdr: the bench tiles band-sequential uint8, uint16 and float32 alone", name)
	}
	r.size = envSizes[kind]
	if r.data, err = os.ReadFile(name + ".img"); err != nil {
		return nil, err
	}
	if want := r.samples * r.lines * r.bands * r.size; len(r.data) != want {
		return nil, fmt.Errorf("%s.img has %d bytes, its header says %d", name, len(r.data), want)
	}
	return r, nil
}

func headerLine(key string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^` + key + ` *= *([0-9]+) *$`)
}

// tile lays rasters of one shape side by side and below each other, in turn and
// each row of them one further, until they fill samples x lines.
func tile(list []*raster, samples, lines int) *raster {
	r := list[0]
	t := &raster{samples: samples, lines: lines, bands: r.bands, size: r.size}
	t.header = headerLine("samples").ReplaceAllString(r.header, fmt.Sprintf("samples = %d", samples))
	t.header = headerLine("lines").ReplaceAllString(t.header, fmt.Sprintf("lines = %d", lines))
	width := r.samples * r.size
	t.data = make([]byte, 0, samples*lines*r.bands*r.size)
	for band := range r.bands {
		for y := range lines {
			start := (band*r.lines + y%r.lines) * width
			for column := 0; column*width < samples*r.size; column++ {
				row := list[(column+y/r.lines)%len(list)].data[start : start+width]
				t.data = append(t.data, row[:min(samples*r.size-column*width, width)]...)
			}
		}
	}
	return t
}

func (r *raster) write(name string) error {
	return errors.Join(
		os.WriteFile(name+".hdr", []byte(r.header), 0o644),
		os.WriteFile(name+".img", r.data, 0o644))
}

// sameFile returns an error unless the file at path holds want.
func sameFile(path string, want []byte) error {
	got, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s (%d bytes) differs from the published result (%d bytes)", filepath.Base(path), len(got), len(want))
	}
	return nil
}

// emptyFolder makes dir exist and hold nothing.
func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
