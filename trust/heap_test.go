package trust_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"spaceos/internal/trusttest"
	"spaceos/trust"
	"spaceos/trust/folder"
)

// maxHeap is how much heap a whole update may need, in bytes.
const maxHeap = 256 << 10

// measured is a store that looks at the heap whenever it is asked.
type measured struct {
	trust.Store
	look func()
}

func (m measured) Get(name string) ([]byte, error) {
	data, err := m.Store.Get(name)
	m.look()
	return data, err
}

func (m measured) Put(name string, data []byte) error {
	m.look()
	return m.Store.Put(name, data)
}

// A gauge follows the heap: what lives when it looks, and what was allocated
// since it looked last. Their sum is what the heap could have held in between
// if nothing at all had been collected.
type gauge struct{ base, live, most, allocated uint64 }

func (g *gauge) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	step := m.TotalAlloc - g.allocated
	if g.allocated > 0 {
		g.most = max(g.most, g.live+step)
	}
	runtime.GC()
	runtime.ReadMemStats(&m)
	g.live, g.allocated = m.HeapAlloc-min(g.base, m.HeapAlloc), m.TotalAlloc
}

// TestHeapOfAWholeUpdate updates a board with fifty tenants, whose documents
// lie in files, by some documents as large as they may be. It looks at the
// heap at each call of the store.
func TestHeapOfAWholeUpdate(t *testing.T) {
	r := trusttest.New()
	for i := range 50 {
		r.AddTenant(fmt.Sprintf("tenant-%d", i))
	}
	disk, err := folder.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	if err := trust.Provision(disk, r.RootDocument()); err != nil {
		t.Fatal(err)
	}
	first := files(t, r.Publish())
	for i := range 3 {
		for j := range 420 {
			r.Tenants[fmt.Sprintf("tenant-%d", i)].Sign(fmt.Sprintf("payload-%d_1.0", j), trusttest.Image("x"))
		}
	}
	second := files(t, r.Publish())
	r = nil

	trusttest.Forget()
	v, err := trust.New(disk, craft, trusttest.Floor)
	if err != nil {
		t.Fatal(err)
	}
	largest := feedFiles(t, v, first, func() {})
	v = nil
	var g gauge
	g.look()
	g = gauge{base: g.live}
	g.look()
	highest := uint64(0)
	look := func() {
		g.look()
		highest = max(highest, g.live)
	}
	if v, err = trust.New(measured{disk, look}, craft, trusttest.Floor); err != nil {
		t.Fatal(err)
	}
	largest = max(largest, feedFiles(t, v, second, look))
	t.Logf("heap of an update with 50 tenants, largest document %d bytes: %d kB live, %d kB if nothing is collected between two calls of the store",
		largest, highest>>10, g.most>>10)
	if highest == 0 || g.most > maxHeap {
		t.Errorf("the heap holds up to %d bytes, want at most %d", g.most, maxHeap)
	}
	if largest < trust.MaxDocument*9/10 {
		t.Errorf("the largest document has %d bytes, want nearly %d", largest, trust.MaxDocument)
	}
}

// files writes a set into files, the timestamp first.
func files(t *testing.T, set trusttest.Set) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	set.Pieces["0 timestamp"] = set.Timestamp
	for _, name := range slices.Sorted(maps.Keys(set.Pieces)) {
		paths = append(paths, filepath.Join(dir, name))
		if err := os.WriteFile(paths[len(paths)-1], set.Pieces[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// feedFiles hands a set over out of its files.
func feedFiles(t *testing.T, v *trust.Verifier, paths []string, look func()) (largest int) {
	t.Helper()
	trusted := false
	for i, path := range paths {
		look()
		doc, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, len(doc))
		if i == 0 {
			trusted, err = v.Open(doc)
		} else if slices.Contains(v.Missing(), trusttest.PieceOf(doc)) {
			trusted, err = v.Piece(doc)
		}
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(path), err)
		}
	}
	if !trusted {
		t.Fatalf("the set is not whole; missing %v", v.Missing())
	}
	return largest
}
