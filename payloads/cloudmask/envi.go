package cloudmask

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// Raster holds the bands of an ENVI file as float64, one plane per band.
type Raster struct {
	Samples, Lines int // pixels
	Bands          []string
	Plane          [][]float64 // Plane[b][y*Samples+x], in the file's own unit
}

// ErrENVI reports a header or a data file that ReadRaster does not take.
type ErrENVI struct {
	Path string
	Why  string
}

func (e *ErrENVI) Error() string { return e.Path + ": " + e.Why }

// Band returns the plane of the band of that name.
func (r *Raster) Band(name string) ([]float64, error) {
	for i, n := range r.Bands {
		if strings.EqualFold(n, name) {
			return r.Plane[i], nil
		}
	}
	return nil, fmt.Errorf("no band %s among %s", name, strings.Join(r.Bands, " "))
}

const (
	maxHeader = 1 << 20   // bytes of a header
	maxRaster = 256 << 20 // bytes of a data file
)

// header is what ReadRaster needs of an ENVI header.
type header struct {
	samples, lines, bands, offset, kind int
	interleave                          string
	order                               binary.ByteOrder
	names                               []string
}

// ReadRaster reads the ENVI file NAME.img with its header NAME.hdr. A file that
// is not as its header says gives an [*ErrENVI]; files above 256 MiB are refused.
func ReadRaster(path string) (*Raster, error) {
	base, ok := strings.CutSuffix(path, ".img")
	if !ok {
		return nil, &ErrENVI{path, "the name must end in .img"}
	}
	text, err := readBounded(base+".hdr", maxHeader)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(string(text))
	if err != nil {
		return nil, &ErrENVI{base + ".hdr", err.Error()}
	}
	data, err := readBounded(path, maxRaster)
	if err != nil {
		return nil, err
	}
	return decode(path, h, data)
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &ErrENVI{path, fmt.Sprintf("larger than %d bytes", limit)}
	}
	return data, nil
}

// fields cuts a header into its keys, in lower case, and values without braces.
func fields(text string) (map[string]string, error) {
	rest, ok := strings.CutPrefix(text, "ENVI")
	if !ok {
		return nil, fmt.Errorf("not an ENVI header")
	}
	found := make(map[string]string)
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, ";") {
			continue
		}
		value = strings.TrimSpace(value)
		if inner, open := strings.CutPrefix(value, "{"); open {
			value, _, ok = strings.Cut(inner, "}")
			if !ok { // goes on in the lines below
				var more string
				more, rest, ok = strings.Cut(rest, "}")
				if !ok {
					return nil, fmt.Errorf("a { is not closed")
				}
				value += more
			}
		}
		found[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
	}
	return found, nil
}

func parseHeader(text string) (*header, error) {
	field, err := fields(text)
	if err != nil {
		return nil, err
	}
	h := &header{interleave: strings.ToLower(field["interleave"]), order: binary.LittleEndian}
	numbers := []struct {
		key       string
		to        *int
		low, high int
	}{
		{"samples", &h.samples, 1, 1 << 20},
		{"lines", &h.lines, 1, 1 << 20},
		{"bands", &h.bands, 1, 1 << 12},
		{"header offset", &h.offset, 0, 1 << 30},
		{"data type", &h.kind, 1, 15},
	}
	for _, n := range numbers {
		v, err := strconv.Atoi(field[n.key])
		if err != nil || v < n.low || v > n.high {
			return nil, fmt.Errorf("%q is %q, not a number from %d to %d", n.key, field[n.key], n.low, n.high)
		}
		*n.to = v
	}
	if field["byte order"] == "1" {
		h.order = binary.BigEndian
	}
	for name := range strings.SplitSeq(field["band names"], ",") {
		h.names = append(h.names, strings.TrimSpace(name))
	}
	if len(h.names) != h.bands {
		return nil, fmt.Errorf("%d band names for %d bands", len(h.names), h.bands)
	}
	return h, nil
}

// value returns the width in bytes of a data type and how to read one value.
func (h *header) value() (int, func([]byte) float64, error) {
	switch h.kind {
	case 1:
		return 1, func(b []byte) float64 { return float64(b[0]) }, nil
	case 4:
		return 4, func(b []byte) float64 { return float64(math.Float32frombits(h.order.Uint32(b))) }, nil
	case 12:
		return 2, func(b []byte) float64 { return float64(h.order.Uint16(b)) }, nil
	}
	return 0, nil, fmt.Errorf("data type %d is none of 1, 4 and 12", h.kind)
}

// steps returns how far apart, in values, samples, lines and bands are.
func (h *header) steps() (sample, line, band int, err error) {
	switch h.interleave {
	case "bsq":
		return 1, h.samples, h.samples * h.lines, nil
	case "bil":
		return 1, h.samples * h.bands, h.samples, nil
	case "bip":
		return h.bands, h.samples * h.bands, 1, nil
	}
	return 0, 0, 0, fmt.Errorf("interleave %q is none of bsq, bil and bip", h.interleave)
}

func decode(path string, h *header, data []byte) (*Raster, error) {
	width, value, err := h.value()
	if err != nil {
		return nil, &ErrENVI{path, err.Error()}
	}
	sample, line, band, err := h.steps()
	if err != nil {
		return nil, &ErrENVI{path, err.Error()}
	}
	if want := h.offset + h.samples*h.lines*h.bands*width; len(data) != want {
		return nil, &ErrENVI{path, fmt.Sprintf("%d bytes, its header describes %d", len(data), want)}
	}
	r := &Raster{Samples: h.samples, Lines: h.lines, Bands: h.names}
	for b := range h.bands {
		plane := make([]float64, h.samples*h.lines)
		for y := range h.lines {
			for x := range h.samples {
				plane[y*h.samples+x] = value(data[h.offset+width*(x*sample+y*line+b*band):])
			}
		}
		r.Plane = append(r.Plane, plane)
	}
	return r, nil
}
