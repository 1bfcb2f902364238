package delta

import (
	"crypto/sha256"
	"io"
	"runtime"
	"testing"

	"spaceos"
)

// Applying takes at most so much memory, and so large files are tried.
const (
	memoryBudget = 8 << 20
	largeFile    = 128 << 20
)

// pattern is an old file that is nowhere: each byte follows from its place.
type pattern int64

func (size pattern) ReadAt(p []byte, at int64) (int, error) {
	n := int(max(0, min(int64(len(p)), int64(size)-at)))
	for i := range p[:n] {
		x := uint32(at+int64(i)) * 2654435761
		p[i] = byte(x>>24 ^ x>>9)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// sink is a File that forgets, and looks at the heap at each checkpoint.
type sink struct {
	size, synced int64
	peak         uint64
}

func (s *sink) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }
func (s *sink) WriteAt(p []byte, at int64) (int, error) {
	s.size = max(s.size, at+int64(len(p)))
	return len(p), nil
}
func (s *sink) Size() (int64, error) { return s.size, nil }
func (s *sink) Truncate(int64) error { return nil }
func (s *sink) Close() error         { return nil }

// Sync counts what lives and what waits for the collector: the whole heap.
func (s *sink) Sync() error {
	s.synced++
	if s.synced%64 == 1 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s.peak = max(s.peak, m.HeapAlloc)
	}
	return nil
}

// measured makes a blob and gives how far the heap rose meanwhile, and all that
// was allocated.
func measured(t *testing.T, open func() (source, error), size int64) (peak, total uint64) {
	t.Helper()
	digest := sha256.New()
	src, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(digest, src, size); err != nil {
		t.Fatal(err)
	}
	src.close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := &sink{}
	if src, err = open(); err != nil {
		t.Fatal(err)
	}
	if err := makeBlob(s, src, Blob{spaceos.Digest(digest.Sum(nil)), size}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	src.close()
	if want := (size + Checkpoint - 1) / Checkpoint; s.synced < want {
		t.Errorf("%d checkpoints, want %d", s.synced, want)
	}
	return max(s.peak, after.HeapAlloc) - before.HeapAlloc, after.TotalAlloc - before.TotalAlloc
}

// TestApplyingTakesLittleMemory: of a file of 128 MiB, all of it corrected, and
// of the greatest windows and prefixes that there are, the whole heap, what the
// collector has not looked at yet included, rises by 8 MiB at most.
func TestApplyingTakesLittleMemory(t *testing.T) {
	q := newSqueezer()
	var c corrector
	for at := int64(0); at+900 < largeFile; at += 900 {
		c.gaps, c.words = append(c.gaps, 0xf8, 0x06), append(c.words, byte(at>>4)&0x7f) // each 892 bytes
	}
	inserted := random(11, 3<<20)
	entries := appendEntry(appendEntry(nil, int64(len(inserted)), 0, 0), 0, largeFile, 0)
	var parts [][]byte
	for i, list := range [][]byte{entries, c.gaps, c.words, inserted} {
		part, err := q.squeeze(list, windows[i])
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part)
	}
	text := random(12, 4<<20)
	prefix := random(13, maxPrefix)
	plain, _ := q.squeeze(text, textWindow)
	prefixed, _ := q.after(prefix, append(prefix, text...))
	for _, test := range []struct {
		method   Method
		parts    [][]byte
		base     int64
		baseFile io.ReaderAt
		size     int64
	}{
		{Held, nil, largeFile, pattern(largeFile), largeFile},
		{Plain, [][]byte{plain}, 0, nil, int64(len(text))},
		{Prefixed, [][]byte{prefixed}, maxPrefix, &memoryFile{prefix}, int64(len(prefix) + len(text))},
		{Matched, parts, largeFile, pattern(largeFile), largeFile + int64(len(inserted))},
	} {
		t.Run(test.method.String(), func(t *testing.T) {
			sections := sectionsOf(test.parts)
			peak, total := measured(t, func() (source, error) {
				for _, s := range sections {
					s.Seek(0, io.SeekStart)
				}
				return openSource(test.method, sections, test.baseFile, test.base, test.size)
			}, test.size)
			t.Logf("%d bytes made: the heap rose by %d bytes, %d were allocated", test.size, peak, total)
			if peak > memoryBudget {
				t.Errorf("%d bytes of heap to make a file of %d, want at most %d", peak, test.size, memoryBudget)
			}
		})
	}
}
