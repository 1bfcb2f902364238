package delta

import (
	"errors"
	"fmt"
	"io"

	"spaceos"
	"spaceos/image"
)

// maxMade is the size of the largest file that a delta is made of, in bytes:
// making takes some ten times as much memory.
const maxMade = 1 << 30

// Cost says how a blob of the new image comes to be, and what it costs.
type Cost struct {
	Name   string // path of the file, or which manifest
	Size   int64  // of the blob, in bytes
	Method Method
	Base   string // the old blob that it refers to, by name; empty if none
	Bytes  int64  // of it in the delta
}

// Report says what is in a delta.
type Report struct {
	Old, New spaceos.Digest
	Costs    []Cost // in the order of the delta
	Table    int64  // bytes of the delta's table
}

// Bytes is the delta's size.
func (r *Report) Bytes() int64 {
	sum := r.Table
	for _, c := range r.Costs {
		sum += c.Bytes
	}
	return sum
}

// Size is the new image's size: all its blobs, as they are.
func (r *Report) Size() (sum int64) {
	for _, c := range r.Costs {
		sum += c.Size
	}
	return sum
}

// Make writes the delta that turns the image of one layout into that of
// another. The same two images give the same bytes.
func Make(w io.Writer, old, new *image.Layout) (*Report, error) {
	oldImage, err := old.Image()
	if err != nil {
		return nil, err
	}
	newImage, err := new.Image()
	if err != nil {
		return nil, err
	}
	m := newMaker(old, new, oldImage, newImage)
	names := namesOf(newImage)
	t := &table{old: oldImage.Digest, new: newImage.Digest}
	var sections [][]byte
	for i, d := range blobsOf(newImage) {
		c, err := m.blob(d, names[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", names[i], err)
		}
		t.entries = append(t.entries, c.entry())
		sections = append(sections, c.sections...)
	}
	for _, s := range append([][]byte{t.append(nil)}, sections...) {
		if _, err := w.Write(s); err != nil {
			return nil, fmt.Errorf("write the delta: %w", err)
		}
	}
	t.size = int64(len(t.append(nil)))
	return t.report(oldImage, newImage), nil
}

// report says what the table says, in names of the two images.
func (t *table) report(old, new *image.Image) *Report {
	r := &Report{Old: t.old, New: t.new, Table: t.size}
	oldNames, newNames := namesOf(old), namesOf(new)
	for i, d := range blobsOf(new) {
		e := t.entries[i]
		c := Cost{Name: newNames[i], Size: d.Size, Method: e.method, Bytes: e.size()}
		if e.method.based() {
			c.Base = oldNames[e.base]
		}
		r.Costs = append(r.Costs, c)
	}
	return r
}

// namesOf names the blobs of blobsOf: a file by its first path.
func namesOf(img *image.Image) []string {
	names := []string{"(image)", "(manifest)"}
	seen := map[Blob]bool{}
	for _, f := range img.Files {
		if b := (Blob{f.Digest, f.Size}); !seen[b] {
			seen[b] = true
			names = append(names, f.Path)
		}
	}
	return names
}

// A maker finds the cheapest way for each blob.
type maker struct {
	*squeezer
	old, new *image.Layout
	oldBlobs []image.Descriptor
	oldNames []string       // of oldBlobs
	oldPaths map[string]int // of every file: its blob; and of the manifests
	newPaths map[string]bool
}

func newMaker(old, new *image.Layout, oldImage, newImage *image.Image) *maker {
	m := &maker{newSqueezer(), old, new, blobsOf(oldImage), namesOf(oldImage), map[string]int{}, map[string]bool{}}
	numbers := map[Blob]int{}
	for i, d := range m.oldBlobs {
		m.oldPaths[m.oldNames[i]] = i
		numbers[Blob{d.Digest, d.Size}] = i
	}
	for _, f := range oldImage.Files {
		m.oldPaths[f.Path] = numbers[Blob{f.Digest, f.Size}]
	}
	for _, n := range namesOf(newImage)[:2] {
		m.newPaths[n] = true
	}
	for _, f := range newImage.Files {
		m.newPaths[f.Path] = true
	}
	return m
}

// A candidate is one way to send a blob.
type candidate struct {
	method   Method
	base     int
	sections [][]byte
}

func (c candidate) entry() entry {
	e := entry{method: c.method, base: c.base}
	for _, s := range c.sections {
		e.lengths = append(e.lengths, int64(len(s)))
	}
	return e
}

// size is what the candidate costs, its line of the table included.
func (c candidate) size() int64 {
	t := table{entries: []entry{c.entry()}}
	return c.entry().size() + int64(len(t.append(nil)))
}

// blob is the cheapest way for a blob; of equally cheap ones the first.
func (m *maker) blob(d image.Descriptor, name string) (best candidate, err error) {
	for _, o := range m.oldBlobs {
		if o.Digest == d.Digest && o.Size == d.Size {
			return candidate{method: Held}, nil
		}
	}
	data, err := load(m.new, d)
	if err != nil {
		return best, err
	}
	section, err := m.squeeze(data, textWindow)
	if err != nil {
		return best, err
	}
	best = candidate{method: Plain, sections: [][]byte{section}}
	for _, base := range m.bases(name) {
		ways, err := m.against(base, data)
		if err != nil {
			return best, err
		}
		for _, c := range ways {
			if c.size() < best.size() {
				best = c
			}
		}
	}
	return best, nil
}

// maxBases is how many old files are tried for a file that has a new name.
const maxBases = 4

// bases are the old blobs that a blob may be like: the one of its name, or for
// a new name those whose names are gone.
func (m *maker) bases(name string) (bases []int) {
	if i, have := m.oldPaths[name]; have {
		return []int{i}
	}
	for i, n := range m.oldNames {
		if !m.newPaths[n] && len(bases) < maxBases {
			bases = append(bases, i)
		}
	}
	return bases
}

// against is the ways to send data to who has the old blob.
func (m *maker) against(base int, data []byte) (ways []candidate, err error) {
	old, err := load(m.old, m.oldBlobs[base])
	if err != nil {
		return nil, err
	}
	if base > 0 { // an OCI manifest's length may be unknown: see Unsigned
		sections, err := m.matched(old, data, match(old, data))
		if err != nil {
			return nil, err
		}
		ways = append(ways, candidate{Matched, base, sections})
	}
	if len(old) <= maxPrefix {
		section, err := m.after(old, data)
		if err != nil {
			return nil, err
		}
		ways = append(ways, candidate{Prefixed, base, [][]byte{section}})
	}
	return ways, nil
}

// load reads a blob whole.
func load(l *image.Layout, d image.Descriptor) (_ []byte, err error) {
	if d.Size > maxMade {
		return nil, fmt.Errorf("%w: it has %d bytes, and %d are allowed", ErrTooLarge, d.Size, maxMade)
	}
	b, err := l.Blob(d.Digest, d.Size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	data := make([]byte, d.Size)
	_, err = io.ReadFull(b, data)
	return data, err
}
