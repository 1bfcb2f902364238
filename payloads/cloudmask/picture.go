package cloudmask

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/inconsolata"
	"golang.org/x/image/math/fixed"
)

// Layout, in pixels.
const (
	panelWidth = 420 // what a small frame is enlarged to, at most
	margin     = 24
	gap        = 20
	captionTop = 40 // above the panels
	legendTop  = 48 // below the panels
	barHeight  = 12
)

var (
	paper     = color.RGBA{0x10, 0x16, 0x1d, 0xff}
	ink       = color.RGBA{0xe8, 0xed, 0xf2, 0xff}
	faint     = color.RGBA{0x93, 0xa1, 0xb0, 0xff}
	maskClear = color.RGBA{0x1f, 0x4e, 0x6b, 0xff}
	maskCloud = color.RGBA{0xf3, 0xf5, 0xf7, 0xff}
)

// ramp is viridis (matplotlib, by N. Smith, S. van der Walt and E. Firing, CC0) at
// eleven places from 0 to 1: even steps look even, also without colour vision.
var ramp = []color.RGBA{
	{68, 1, 84, 255}, {72, 36, 117, 255}, {65, 68, 135, 255}, {53, 95, 141, 255}, {42, 120, 142, 255},
	{33, 145, 140, 255}, {34, 168, 132, 255}, {68, 191, 112, 255}, {122, 209, 81, 255}, {189, 223, 38, 255},
	{253, 231, 37, 255},
}

// Picture draws a frame beside its results: true colour, cloud probability and
// cloud mask, each enlarged by a whole number, with a legend. The arguments are
// the paths of the ENVI .img files; a file that does not fit the others in size
// gives an [*ErrENVI].
func Picture(frame, clp, mask string) (image.Image, error) {
	var rasters [3]*Raster
	for i, path := range []string{frame, clp, mask} {
		r, err := ReadRaster(path)
		if err != nil {
			return nil, err
		}
		if i > 0 && (r.Samples != rasters[0].Samples || r.Lines != rasters[0].Lines) {
			return nil, &ErrENVI{path, fmt.Sprintf("%d x %d pixels, the frame has %d x %d",
				r.Samples, r.Lines, rasters[0].Samples, rasters[0].Lines)}
		}
		rasters[i] = r
	}
	colours, err := trueColour(rasters[0])
	if err != nil {
		return nil, &ErrENVI{frame, err.Error()}
	}
	probability, cloud := rasters[1].Plane[0], rasters[2].Plane[0]
	w, h := rasters[0].Samples, rasters[0].Lines
	c := newCanvas(w, h)
	c.panel(0, "True colour", colours)
	c.panel(1, "Cloud probability", func(i int) color.RGBA { return rampAt(probability[i]) })
	c.panel(2, "Cloud mask", func(i int) color.RGBA {
		if cloud[i] != 0 {
			return maskCloud
		}
		return maskClear
	})
	name := strings.TrimSuffix(filepath.Base(frame), ".img")
	c.text(c.left(0), c.bottom()+22, fmt.Sprintf("%s: B04 B03 B02, %d x %d pixels", name, w, h), faint)
	c.rampLegend()
	c.maskLegend(cloud)
	return c.RGBA, nil
}

// canvas is the picture while it is drawn.
type canvas struct {
	*image.RGBA
	w, h, zoom int
}

func newCanvas(w, h int) *canvas {
	zoom := max(1, panelWidth/max(w, h))
	width := 2*margin + 2*gap + 3*max(w*zoom, panelWidth/2)
	c := &canvas{image.NewRGBA(image.Rect(0, 0, width, captionTop+h*zoom+legendTop)), w, h, zoom}
	draw.Draw(c, c.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	return c
}

// left returns where panel i starts.
func (c *canvas) left(i int) int {
	return margin + i*(max(c.w*c.zoom, panelWidth/2)+gap)
}

func (c *canvas) bottom() int { return captionTop + c.h*c.zoom }

// text writes s with its base line at y.
func (c *canvas) text(x, y int, s string, ink color.Color) int {
	d := font.Drawer{Dst: c, Src: image.NewUniform(ink), Face: inconsolata.Regular8x16, Dot: fixed.P(x, y)}
	d.DrawString(s)
	return d.Dot.X.Ceil()
}

func (c *canvas) fill(r image.Rectangle, col color.Color) {
	draw.Draw(c, r, image.NewUniform(col), image.Point{}, draw.Src)
}

// panel draws panel i: a caption and each pixel as a square.
func (c *canvas) panel(i int, caption string, at func(int) color.RGBA) {
	d := font.Drawer{Dst: c, Src: image.NewUniform(ink), Face: inconsolata.Bold8x16, Dot: fixed.P(c.left(i), captionTop-13)}
	d.DrawString(caption)
	for y := range c.h {
		for x := range c.w {
			p := image.Pt(c.left(i)+x*c.zoom, captionTop+y*c.zoom)
			c.fill(image.Rectangle{p, p.Add(image.Pt(c.zoom, c.zoom))}, at(y*c.w+x))
		}
	}
}

// rampLegend draws the colours of the probability from 0 to 1.
func (c *canvas) rampLegend() {
	x, y := c.left(1), c.bottom()+10
	x = c.text(x, y+12, "0 ", faint)
	const width = 150
	for k := range width {
		c.fill(image.Rect(x+k, y, x+k+1, y+barHeight), rampAt(float64(k)/(width-1)))
	}
	c.text(x+width, y+12, " 1", faint)
}

// maskLegend names the mask's two colours, with their share of the frame.
func (c *canvas) maskLegend(cloud []float64) {
	cloudy := 0
	for _, v := range cloud {
		if v != 0 {
			cloudy++
		}
	}
	share := 100 * float64(cloudy) / float64(len(cloud))
	x, y := c.left(2), c.bottom()+10
	for _, e := range []struct {
		colour color.RGBA
		label  string
	}{{maskCloud, fmt.Sprintf(" cloud %.1f %%  ", share)}, {maskClear, fmt.Sprintf(" clear %.1f %%", 100-share)}} {
		c.fill(image.Rect(x, y, x+barHeight, y+barHeight), e.colour)
		x = c.text(x+barHeight, y+12, e.label, faint)
	}
}

// rampAt returns the ramp's colour for v, taken as 0 to 1.
func rampAt(v float64) color.RGBA {
	if !(v > 0) { // also a NaN
		return ramp[0]
	}
	at := min(v, 1) * float64(len(ramp)-1)
	i := min(int(at), len(ramp)-2)
	a, b, t := ramp[i], ramp[i+1], at-float64(i)
	mix := func(p, q uint8) uint8 { return uint8(math.Round(float64(p) + t*(float64(q)-float64(p)))) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

// haze is about what the air alone reflects in B04, B03 and B02, in DN (Rayleigh
// scattering in summer at 46 degrees north): with it the land looks blue.
var haze = [3]float64{200, 420, 680}

// trueColour returns the colour of each pixel. All bands share one white, so that
// clouds stay white; a frame with nothing brighter than reflectance 0.25 is not
// stretched further, so that a clear frame looks clear; the gamma is 1/2.
func trueColour(frame *Raster) (func(int) color.RGBA, error) {
	var bands [3][]float64
	white := 2500.0
	for i, name := range []string{"B04", "B03", "B02"} {
		plane, err := frame.Band(name)
		if err != nil {
			return nil, err
		}
		sorted := slices.Sorted(slices.Values(plane))
		bands[i] = plane
		white = max(white, sorted[len(sorted)*99/100]-haze[i])
	}
	return func(p int) color.RGBA {
		var v [3]uint8
		for i := range v {
			v[i] = uint8(math.Round(255 * math.Sqrt(min(max((bands[i][p]-haze[i])/white, 0), 1))))
		}
		return color.RGBA{v[0], v[1], v[2], 255}
	}, nil
}
