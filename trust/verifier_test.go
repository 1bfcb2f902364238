package trust_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"spaceos"
	"spaceos/internal/seed"
	"spaceos/internal/trusttest"
	"spaceos/trust"
)

func TestMain(m *testing.M) { seed.Fix(); os.Exit(m.Run()) }

// counters is what is held, as one text.
func counters(v *trust.Verifier) string {
	var lines []string
	for _, h := range v.Status().Held {
		lines = append(lines, fmt.Sprintf("%s %d.%d %.8x", h.Role, h.Epoch, h.Version, h.Digest[:]))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// events are what a board gets over days: a root, sets, a plan.
type events struct {
	root, plan []byte
	sets       []trusttest.Set
}

// docs are all documents of the sets.
func (e events) docs() (docs [][]byte) {
	for _, set := range e.sets {
		docs = append(docs, set.Timestamp)
		for _, name := range slices.Sorted(maps.Keys(set.Pieces)) {
			docs = append(docs, set.Pieces[name])
		}
	}
	return docs
}

// story makes a board that trusts a first set, and the events that follow.
func story(t *testing.T) (*board, events) {
	b := newBoard(t, "a", "b")
	b.honest(trusttest.RunOf("a"))
	before := b.r.Root
	b.r.Targets = trusttest.NewRole("targets, new", 1, 1)
	ev := events{root: b.r.NextRoot(before)}
	for i := range 2 {
		b.r.Tenants["a"].Sign(fmt.Sprintf("app_%d", i+2), trusttest.Image("more"))
		ev.sets = append(ev.sets, b.r.Publish())
	}
	ev.plan = b.r.Plan(craft, trusttest.RunOf("b"))
	return b, ev
}

// give hands one document to whatever takes it; what comes late or too early
// is no fault.
func give(t interface{ Fatalf(string, ...any) }, v *trust.Verifier, doc []byte, timestamp bool) {
	var err error
	if timestamp {
		_, err = v.Open(doc)
	} else {
		_, err = v.Piece(doc)
	}
	if err != nil && !errors.Is(err, trust.ErrUnnamed) && !errors.Is(err, trust.ErrRollback) {
		t.Fatalf("a good document: got error %v", err)
	}
}

func TestAnyOrderComesToTheSame(t *testing.T) {
	b, ev := story(t)
	b.good(b.v.Root(ev.root))
	docs, start := ev.docs(), b.s.Copy()
	isTimestamp := func(doc []byte) bool {
		return slices.ContainsFunc(ev.sets, func(s trusttest.Set) bool { return bytes.Equal(s.Timestamp, doc) })
	}
	for _, set := range ev.sets {
		_, err := b.feed(set)
		b.good(err)
	}
	want := counters(b.v)
	rapid.Check(t, func(rt *rapid.T) {
		store := start.Copy()
		v, err := trust.New(store, craft, trusttest.Floor)
		if err != nil {
			rt.Fatalf("New: %v", err)
		}
		for _, set := range ev.sets { // so that both are open
			give(rt, v, set.Timestamp, true)
		}
		for _, i := range rapid.Permutation(slices.Collect(indices(docs))).Draw(rt, "order") {
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
				if v, err = trust.New(store, craft, trusttest.Floor); err != nil {
					rt.Fatalf("New after a restart: %v", err)
				}
			}
			give(rt, v, docs[i], isTimestamp(docs[i]))
		}
		if got := counters(v); got != want {
			rt.Fatalf("counters: got\n%s\nwant\n%s", got, want)
		}
		if got, want := len(store.Files), len(b.s.Files); got != want {
			rt.Fatalf("files in the store: got %d, want %d", got, want)
		}
	})
}

func indices[T any](list []T) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range list {
			if !yield(i) {
				return
			}
		}
	}
}

// tell hands all events over, and stops when the power is cut.
func (e events) tell(v *trust.Verifier) error {
	if err := v.Root(e.root); err != nil && !errors.Is(err, trust.ErrRollback) && !errors.Is(err, trust.ErrSignatures) {
		return err
	}
	for _, set := range e.sets {
		if _, err := v.Open(set.Timestamp); err != nil && !errors.Is(err, trust.ErrRollback) {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(set.Pieces)) {
			if _, err := v.Piece(set.Pieces[name]); err != nil && !errors.Is(err, trust.ErrUnnamed) {
				return err
			}
		}
	}
	return v.Plan(e.plan)
}

func TestPowerCutAtEveryStep(t *testing.T) {
	b, ev := story(t)
	start := b.s.Copy()
	b.good(ev.tell(b.v))
	want := counters(b.v)
	whole := map[string]bool{} // what may be held after a cut: between two commits
	for cut := 1; ; cut++ {
		for _, torn := range []bool{false, true} {
			c := &board{T: t, s: start.Copy()}
			c.start()
			c.s.Cut, c.s.Torn = cut, torn
			err := ev.tell(c.v)
			if err == nil {
				if cut < 20 {
					t.Fatalf("the story is told in %d steps of the store; it has more documents", cut)
				}
				t.Logf("total: power cut at %d steps of the store, each before and within it", cut-1)
				return
			}
			if !errors.Is(err, trusttest.ErrPower) || !errors.Is(err, trust.ErrStore) {
				t.Fatalf("cut at step %d: got error %v, want one of the store", cut, err)
			}
			c.s = c.s.Copy()
			c.start()
			if whole[counters(c.v)] = true; len(whole) > 5 {
				t.Fatalf("cut at step %d: a sixth state is held; root, two sets and the plan make five:\n%s", cut, counters(c.v))
			}
			c.good(ev.tell(c.v))
			if got := counters(c.v); got != want {
				t.Fatalf("cut at step %d, torn %v: told again, got\n%s\nwant\n%s", cut, torn, got, want)
			}
			if got, want := len(c.s.Files), len(b.s.Files); got != want {
				t.Fatalf("cut at step %d: %d files are left in the store, want %d", cut, got, want)
			}
		}
	}
}

func TestAtMostTwoSetsAreOpen(t *testing.T) {
	b := newBoard(t, "a")
	var sets []trusttest.Set
	for i := range 4 {
		b.r.Tenants["a"].Sign(fmt.Sprintf("next_%d", i), trusttest.Image("a"))
		sets = append(sets, b.r.Publish())
	}
	open := func(i int) error { _, err := b.v.Open(sets[i].Timestamp); return err }
	b.good(open(1))
	b.good(open(2))
	b.refused(open(0), trust.ErrFull)
	b.good(open(3))
	if got := b.v.Status().Open; !slices.Equal(got, []int64{3, 4}) {
		t.Errorf("open timestamps: got %v, want 3 and 4, as the oldest gives way", got)
	}
	_, err := b.feed(sets[2])
	b.good(err)
	if got := b.v.Status().Open; !slices.Equal(got, []int64{4}) {
		t.Errorf("open timestamps after number 3 was whole: got %v, want 4", got)
	}
	_, err = b.feed(sets[3])
	b.good(err)
}

func TestStoredPiecesAreBounded(t *testing.T) {
	b := newBoard(t)
	for i := range 12 { // twelve documents of about 60 kB
		name := fmt.Sprintf("t%d", i)
		tenant := b.r.AddTenant(name)
		for j := range 400 {
			tenant.Sign(fmt.Sprintf("app_%d", j), trusttest.Image("x"))
		}
	}
	set := b.r.Publish()
	_, err := b.v.Open(set.Timestamp)
	b.good(err)
	stored, full := len(set.Timestamp), false
	for _, name := range slices.Sorted(maps.Keys(set.Pieces)) {
		if _, err := b.v.Piece(set.Pieces[name]); errors.Is(err, trust.ErrFull) {
			full = true
		} else {
			b.good(err)
			stored += len(set.Pieces[name])
		}
	}
	if !full || stored > trust.MaxStored || stored < trust.MaxStored*3/4 {
		t.Errorf("%d bytes are stored for open sets, full: %v; want at most %d, and then an error", stored, full, trust.MaxStored)
	}
	total := 0
	for name, data := range b.s.Files {
		if name != "state" {
			total += len(data)
		}
	}
	if total > trust.MaxStored+len(b.r.RootDocument()) {
		t.Errorf("the store has %d bytes, want at most %d and the root", total, trust.MaxStored)
	}
}

// A set that is whole and wrong is closed, and nothing of it is left.
func TestWrongSetIsClosed(t *testing.T) {
	b := newBoard(t, "a")
	b.good(b.update())
	before, files := counters(b.v), len(b.s.Files)
	b.r.Tenants["a"].Targets["tenant/b/app_1"] = trusttest.Image("a")
	b.refused(b.update(), trust.ErrFolder)
	if got := counters(b.v); got != before || len(b.s.Files) != files || len(b.v.Status().Open) != 0 {
		t.Errorf("after a wrong set: %d files, open %v, counters\n%s\nwant %d files, none open, and\n%s", len(b.s.Files), b.v.Status().Open, got, files, before)
	}
}

// A document that the store gives back damaged is missing again.
func TestDamagedDocumentIsMissing(t *testing.T) {
	b := newBoard(t, "a", "b")
	b.good(b.update())
	b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2"))
	set := b.r.Publish()
	damaged := trusttest.PieceOf(set.Pieces["tenant-b"])
	b.s.Files[fmt.Sprintf("%x", damaged.Digest[:])][500] ^= 1
	_, err := b.v.Open(set.Timestamp)
	b.good(err)
	if missing := b.v.Missing(); !slices.Contains(missing, damaged) {
		t.Errorf("missing: got %v, want also the damaged %v", missing, damaged)
	}
	_, err = b.feed(set)
	b.good(err)
}

// So is one that is damaged after it came, before its set is whole.
func TestPieceDamagedInTheStoreIsMissing(t *testing.T) {
	b := newBoard(t, "a", "b")
	set := b.r.Publish()
	_, err := b.v.Open(set.Timestamp)
	b.good(err)
	last, damaged := set.Pieces["charter"], set.Pieces["tenant-b"]
	for _, name := range []string{"snapshot", "targets", "group-0", "tenant-a", "tenant-b"} {
		_, err := b.v.Piece(set.Pieces[name])
		b.good(err)
	}
	p := trusttest.PieceOf(damaged)
	b.s.Files[fmt.Sprintf("%x", p.Digest[:])][500] ^= 1
	_, err = b.v.Piece(last)
	b.refused(err, trust.ErrStore)
	if missing := b.v.Missing(); !slices.Equal(missing, []trust.Piece{p}) {
		t.Errorf("missing: got %v, want the damaged %v alone", missing, p)
	}
	trusted, err := b.v.Piece(damaged)
	if b.good(err); !trusted {
		t.Error("the set is not whole after the damaged piece came again")
	}
}

// Without its root a spacecraft can check nothing: it takes that one again.
func TestDamagedRootIsTakenAgain(t *testing.T) {
	b := newBoard(t, "a")
	b.good(b.update())
	root, before := b.r.RootDocument(), counters(b.v)
	p := trusttest.PieceOf(root)
	b.s.Files[fmt.Sprintf("%x", p.Digest[:])][500] ^= 1
	b.start()
	b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2"))
	b.refused(b.update(), trust.ErrStore)
	b.good(b.v.Root(root))
	if got := counters(b.v); got != before {
		t.Errorf("counters after the root came again: got\n%s\nwant\n%s", got, before)
	}
	b.good(b.update())
}

func TestDamagedStateIsNoticed(t *testing.T) {
	b := newBoard(t, "a")
	b.s.Files["state"] = bytes.Replace(b.s.Files["state"], []byte(`"Version":1`), []byte(`"Version":9`), 1)
	_, err := trust.New(b.s, craft, trusttest.Floor)
	b.refused(err, trust.ErrStore)
	_, err = trust.New(&trusttest.Store{}, craft, trusttest.Floor)
	b.refused(err, trust.ErrStore)
}

// A tenant that left and comes back with its old keys goes on counting.
func TestCountersOutliveTheirTenant(t *testing.T) {
	b := newBoard(t, "a", "b")
	b.r.Version["tenant-a"] = 10
	b.good(b.update())
	a := b.r.Tenants["a"]
	delete(b.r.Tenants, "a")
	b.good(b.update())
	if _, err := b.v.Target("tenant/a/app_1"); !errors.Is(err, trust.ErrRefused) {
		t.Errorf("the target of a tenant that left: got error %v, want %v", err, trust.ErrRefused)
	}
	b.r.Tenants["a"], b.r.Version["tenant-a"] = a, 5
	a.Sign("app_2", trusttest.Image("a2"))
	b.refused(b.update(), trust.ErrRollback)
	b.r.Version["tenant-a"] = 11
	a.Sign("app_3", trusttest.Image("a2"))
	b.good(b.update())
}

func TestTarget(t *testing.T) {
	b := newBoard(t, "a")
	b.r.Node["spacenode-1"] = trusttest.Image("node")
	b.good(b.update())
	for path, want := range map[string]spaceos.Digest{"node/spacenode-1": trusttest.Image("node"), "tenant/a/app_1": trusttest.Image("a")} {
		if got, err := b.v.Target(path); err != nil || got.Digest != want || got.Length != 1000 {
			t.Errorf("Target(%q): got %v, %v, want %v of 1000 bytes", path, got, err, want)
		}
	}
	for _, path := range []string{"", "node/spacenode-2", "tenant/a/app_2", "tenant/b/app_1", "tenant/a", "tenant/../a/app_1"} {
		if got, err := b.v.Target(path); !errors.Is(err, trust.ErrRefused) {
			t.Errorf("Target(%q): got %v, %v, want an error that is %v", path, got, err, trust.ErrRefused)
		}
	}
}
