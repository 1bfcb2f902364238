package delta

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"spaceos"
	"spaceos/image"
)

// A delta is this, with numbers as varints (encoding/binary):
//
//	"SOD1"              magic
//	32 bytes            digest of the old image
//	32 bytes            digest of the new image
//	count               of the new image's blobs
//	count times:        method, 1 byte
//	    base            if it has one: number of a blob of the old image
//	    lengths         of its sections
//	sections            of all blobs, in their order
//
// Blobs stand in the order of blobsOf. How long a blob becomes is not said: the
// one who applies knows it from what was signed, and believes nothing else.
// Magic begins every delta.
const Magic = "SOD1"

// Method is how a blob of the new image comes to be.
type Method byte

const (
	// Held: the old image has a blob of this digest; nothing is sent.
	Held Method = iota
	// Plain: compressed alone.
	Plain
	// Prefixed: compressed with a blob of the old image as prefix.
	Prefixed
	// Matched: pieces of a blob of the old image, with corrections.
	Matched
	methods
)

func (m Method) String() string {
	if m >= methods {
		return fmt.Sprintf("method %d", byte(m))
	}
	return [methods]string{"held", "plain", "prefixed", "matched"}[m]
}

// sections is how many a blob has.
func (m Method) sections() int { return [methods]int{0, 1, 1, matchedSections}[m] }

// based says whether the method refers to a blob of the old image.
func (m Method) based() bool { return m == Prefixed || m == Matched }

// An entry is a line of the table of a delta.
type entry struct {
	method  Method
	base    int
	lengths []int64
}

func (e entry) size() (sum int64) {
	for _, n := range e.lengths {
		sum += n
	}
	return sum
}

// A table is the head of a delta.
type table struct {
	old, new spaceos.Digest
	entries  []entry
	size     int64 // of the table itself, in bytes
}

// maxBlobs is how many blobs an image has at most.
const maxBlobs = image.MaxFiles + 2

// maxDelta bounds a delta's size, so that sums of lengths stay numbers.
const maxDelta = 2 * image.MaxSize

func (t *table) append(dst []byte) []byte {
	dst = append(dst, Magic...)
	dst = append(append(dst, t.old[:]...), t.new[:]...)
	dst = binary.AppendUvarint(dst, uint64(len(t.entries)))
	for _, e := range t.entries {
		dst = append(dst, byte(e.method))
		if e.method.based() {
			dst = binary.AppendUvarint(dst, uint64(e.base))
		}
		for _, n := range e.lengths {
			dst = binary.AppendUvarint(dst, uint64(n))
		}
	}
	return dst
}

// readTable reads the head of a delta of size bytes.
func readTable(patch io.ReaderAt, size int64) (*table, error) {
	if size > maxDelta {
		return nil, fmt.Errorf("%w: it has %d bytes, and %d are allowed", ErrDamaged, size, int64(maxDelta))
	}
	at := newSection(patch, 0, size)
	r := bufio.NewReader(at)
	head := make([]byte, len(Magic))
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, damaged(err)
	}
	if string(head) != Magic {
		return nil, fmt.Errorf("%w, or is none: it does not begin with %q", ErrDamaged, Magic)
	}
	t := &table{}
	for _, d := range []*spaceos.Digest{&t.old, &t.new} {
		if _, err := io.ReadFull(r, d[:]); err != nil {
			return nil, damaged(err)
		}
	}
	count, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, damaged(err)
	}
	if count < 2 || count > maxBlobs {
		return nil, fmt.Errorf("%w: it says that the image has %d blobs; an image has 2 to %d", ErrDamaged, count, maxBlobs)
	}
	sum := int64(0)
	for range count {
		e, err := readEntry(r, size-sum)
		if err != nil {
			return nil, err
		}
		sum += e.size()
		t.entries = append(t.entries, e)
	}
	read, _ := at.Seek(0, io.SeekCurrent)
	t.size = read - int64(r.Buffered())
	if t.size+sum != size {
		return nil, fmt.Errorf("%w: it has %d bytes, and %d by its own table", ErrDamaged, size, t.size+sum)
	}
	return t, nil
}

// readEntry reads a line, whose sections may have so many bytes in all.
func readEntry(r *bufio.Reader, most int64) (e entry, err error) {
	m, err := r.ReadByte()
	if err != nil {
		return e, damaged(err)
	}
	if e.method = Method(m); e.method >= methods {
		return e, fmt.Errorf("%w: method %d is unknown", ErrDamaged, m)
	}
	if e.method.based() {
		base, err := binary.ReadUvarint(r)
		if err != nil {
			return e, damaged(err)
		}
		if base >= maxBlobs {
			return e, fmt.Errorf("%w: it names an old blob by the number %d", ErrDamaged, base)
		}
		e.base = int(base)
	}
	for range e.method.sections() {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return e, damaged(err)
		}
		if n > uint64(most-e.size()) {
			return e, fmt.Errorf("%w: a section of %d bytes, more than there are", ErrDamaged, n)
		}
		e.lengths = append(e.lengths, int64(n))
	}
	return e, nil
}

// blobsOf is an image's blobs in the order of deltas: the OCI manifest, from
// which all others follow, then the config and the files.
func blobsOf(img *image.Image) []image.Descriptor {
	blobs := img.Blobs()
	last := len(blobs) - 1
	return append([]image.Descriptor{blobs[last]}, blobs[:last]...)
}
