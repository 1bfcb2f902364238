package vmm

import (
	"testing"

	"pgregory.net/rapid"
)

// TestFramesAreHandedOutOnce compares the allocator with a set of pages.
func TestFramesAreHandedOutOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := rapid.IntRange(1, 4).Draw(t, "blocks")
		f := newFrames(blocks)
		owner := map[uint64]int{} // page -> which run
		runs := map[int]run{}
		next := 0
		take := func(r run) {
			for p := r.first; p < r.first+r.n; p++ {
				if o, taken := owner[p]; taken {
					t.Fatalf("page %d of %+v belongs to run %d", p, r, o)
				}
				if p >= uint64(blocks)*pagesPerBlock {
					t.Fatalf("page %d is outside of the slot", p)
				}
				owner[p] = next
			}
			runs[next] = r
			next++
		}
		t.Repeat(map[string]func(*rapid.T){
			"alloc": func(t *rapid.T) {
				n := rapid.Uint64Range(1, 600).Draw(t, "pages")
				r := f.alloc(n)
				if r.n == 0 && len(owner) < blocks*pagesPerBlock {
					t.Fatalf("no page of %d in use, yet none for %d", len(owner), n)
				}
				if r.n > n {
					t.Fatalf("asked for %d pages, got %d", n, r.n)
				}
				if r.n > 0 {
					take(r)
				}
			},
			"huge": func(*rapid.T) {
				if first, ok := f.allocHuge(); ok {
					take(run{first, pagesPerBlock})
				}
			},
			"free": func(t *rapid.T) {
				if len(runs) == 0 {
					t.Skip("nothing to free")
				}
				keys := make([]int, 0, len(runs))
				for k := range next {
					if _, ok := runs[k]; ok {
						keys = append(keys, k)
					}
				}
				k := rapid.SampledFrom(keys).Draw(t, "run")
				r := runs[k]
				part := rapid.Uint64Range(1, r.n).Draw(t, "part")
				freed := run{r.first, part}
				f.free(freed)
				for p := freed.first; p < freed.first+freed.n; p++ {
					delete(owner, p)
				}
				delete(runs, k)
				if part < r.n {
					runs[next] = run{r.first + part, r.n - part}
					next++
				}
			},
			"": func(t *rapid.T) {
				if f.used != uint64(len(owner)) {
					t.Fatalf("%d pages in use, counted %d", len(owner), f.used)
				}
			},
		})
	})
}
