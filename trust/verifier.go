package trust

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"spaceos"
)

// What may be open: sets, and bytes stored for them beside what is trusted.
const (
	MaxOpen   = 2
	MaxStored = 512 << 10
)

// A Verifier holds what is trusted, and what is on its way to be. It is not
// for several goroutines at once.
type Verifier struct {
	store      Store
	spacecraft string
	floor      int64 // Unix seconds
	state      state
	sets       []*set // as state.Open names them
}

// A set is what a timestamp opened. Stored has the sizes of what is there.
type set struct {
	stamp spaceos.Digest
	timestamp
	stored map[spaceos.Digest]int
}

func (s *set) names(d spaceos.Digest) bool {
	return slices.ContainsFunc(s.pieces, func(p Piece) bool { return p.Digest == d })
}

func (s *set) whole() bool {
	return !slices.ContainsFunc(s.pieces, func(p Piece) bool { return s.stored[p.Digest] == 0 })
}

// Provision makes an empty store trust a root document, as the factory does.
func Provision(store Store, doc []byte) error {
	if _, err := store.Get(stateName); err == nil {
		return fmt.Errorf("%w: the store trusts a root already, which only the next one replaces", ErrRefused)
	}
	e, err := ParseEnvelope(doc)
	if err != nil {
		return err
	}
	v := Verifier{store: store}
	r, err := readRoot(e)
	if err != nil {
		return err
	}
	return v.alone(e, r.head, roleRoot, r.roles[roleRoot])
}

// New goes on where a store was left. Floor is a time that is surely past.
func New(store Store, spacecraft string, floor time.Time) (*Verifier, error) {
	v := &Verifier{store: store, spacecraft: spacecraft, floor: floor.Unix()}
	if err := v.restore(); err != nil {
		return nil, err
	}
	if _, err := v.settle(); errors.Is(err, ErrStore) {
		return nil, err
	}
	return v, nil
}

// Raise raises the lower bound on time; it never falls.
func (v *Verifier) Raise(floor time.Time) { v.floor = max(v.floor, floor.Unix()) }

// alone verifies, stores and commits a document that is in no set.
func (v *Verifier) alone(e Envelope, h head, name string, r role) error {
	if err := r.verify(e); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d, err := v.put(e)
	if err != nil {
		return err
	}
	return v.commit(v.state.with(Held{name, 0, h.version, h.expires, d, r.keys()}))
}

// root is the trusted one.
func (v *Verifier) root() (r root, err error) {
	e, err := v.document(v.state.role(roleRoot).Digest)
	if err != nil {
		return r, err
	}
	return readRoot(e)
}

func (v *Verifier) fresh(name string, h head) error {
	if h.expires <= v.floor {
		return fmt.Errorf("%s version %d is %w: it ended at %v, and it is %v at least", name, h.version, ErrExpired,
			time.Unix(h.expires, 0).UTC(), time.Unix(v.floor, 0).UTC())
	}
	return nil
}

// Root takes the next root document: one version higher, signed after the
// trusted one and after itself. One that has expired is taken, since it leads
// to later ones (TUF 5.3.8); Open refuses then. Sets whose timestamp the new
// root does not accept are closed.
func (v *Verifier) Root(doc []byte) error {
	e, err := ParseEnvelope(doc)
	if err != nil {
		return err
	}
	next, err := readRoot(e)
	if err != nil {
		return err
	}
	old, err := v.root()
	if err != nil {
		return err
	}
	if next.version != old.version+1 {
		return fmt.Errorf("root version %d: %w: version %d comes next", next.version, ErrRollback, old.version+1)
	}
	if err := old.roles[roleRoot].verify(e); err != nil {
		return fmt.Errorf("root version %d, by the keys of version %d: %w", next.version, old.version, err)
	}
	before := v.state
	v.state.Open = slices.DeleteFunc(slices.Clone(before.Open), func(d spaceos.Digest) bool {
		e, err := v.document(d)
		return err != nil || next.roles[roleTimestamp].verify(e) != nil
	})
	if err := v.alone(e, next.head, roleRoot, next.roles[roleRoot]); err != nil {
		v.state = before
		return err
	}
	return nil
}

// Open opens the set of a timestamp that is newer than the trusted one. It
// says whether the set is whole at once, and so trusted. With MaxOpen open
// sets a newer one takes the place of the oldest.
func (v *Verifier) Open(doc []byte) (whole bool, err error) {
	e, err := ParseEnvelope(doc)
	if err != nil {
		return false, err
	}
	root, err := v.root()
	if err != nil {
		return false, err
	}
	if err := v.fresh(roleRoot, root.head); err != nil {
		return false, err
	}
	if err := root.roles[roleTimestamp].verify(e); err != nil {
		return false, fmt.Errorf("timestamp: %w", err)
	}
	t, err := readTimestamp(e)
	if err != nil {
		return false, err
	}
	d, _ := e.Digest()
	if v.state.role(roleTimestamp).Digest == d || slices.Contains(v.state.Open, d) {
		return false, nil
	}
	if held := v.counter(roleTimestamp, root.roles[roleTimestamp]); t.version <= held.Version {
		return false, fmt.Errorf("timestamp version %d: %w: version %d", t.version, ErrRollback, held.Version)
	}
	if err := v.fresh(roleTimestamp, t.head); err != nil {
		return false, err
	}
	next := v.state
	if len(v.sets) == MaxOpen {
		oldest := v.oldest()
		if oldest.version >= t.version {
			return false, fmt.Errorf("timestamp version %d: %w, which are newer", t.version, ErrFull)
		}
		next = v.without(oldest)
	}
	if _, err := v.put(e); err != nil {
		return false, err
	}
	next.Open = append(slices.Clone(next.Open), d)
	if err := v.commit(next); err != nil {
		return false, err
	}
	return v.settle()
}

func byVersion(a, b *set) int { return cmp.Compare(a.version, b.version) }

func (v *Verifier) oldest() *set { return slices.MinFunc(v.sets, byVersion) }

// without is the state with a set closed.
func (v *Verifier) without(s *set) state {
	next := v.state
	next.Open = slices.DeleteFunc(slices.Clone(next.Open), func(d spaceos.Digest) bool { return d == s.stamp })
	return next
}

// Piece takes a document that an open set names by digest and length, and says
// whether a set is whole now, and so trusted. When a whole set is not as it
// must be, the error says why, and the set is closed.
func (v *Verifier) Piece(doc []byte) (whole bool, err error) {
	e, err := ParseEnvelope(doc)
	if err != nil {
		return false, err
	}
	d, length := e.Digest()
	named := func(s *set) bool { return slices.Contains(s.pieces, Piece{d, length}) }
	if !slices.ContainsFunc(v.sets, named) {
		return false, fmt.Errorf("%v of %d bytes is %w", d, length, ErrUnnamed)
	}
	for !v.fits(d, e.size()) {
		oldest := v.oldest()
		if len(v.sets) == 1 || named(oldest) {
			return false, fmt.Errorf("%v of %d bytes: %w: %d bytes are stored at most", d, len(doc), ErrFull, MaxStored)
		}
		if err := v.commit(v.without(oldest)); err != nil {
			return false, err
		}
	}
	if _, err := v.put(e); err != nil {
		return false, err
	}
	for _, s := range v.sets {
		if named(s) {
			s.stored[d] = e.size()
		}
	}
	return v.settle()
}

// fits says whether so many bytes more may be stored.
func (v *Verifier) fits(d spaceos.Digest, size int) bool {
	all := map[spaceos.Digest]int{d: size}
	for _, s := range v.sets {
		maps.Copy(all, s.stored)
	}
	total := 0
	for d, size := range all {
		if !v.state.trusts(d) {
			total += size
		}
	}
	return total <= MaxStored
}

// settle checks the sets that are whole. A good one becomes what is trusted,
// in one commit, and closes those before it; a bad one is closed.
func (v *Verifier) settle() (trusted bool, err error) {
	for {
		at := slices.IndexFunc(v.sets, (*set).whole)
		if at < 0 {
			return trusted, err
		}
		s := v.sets[at]
		next, bad := v.check(s)
		if errors.Is(bad, ErrStore) {
			return trusted, bad
		}
		if bad != nil {
			next, err = v.without(s), fmt.Errorf("the set of timestamp version %d: %w", s.version, bad)
		}
		if err := v.commit(next); err != nil {
			return trusted, err
		}
		trusted = trusted || bad == nil
	}
}

// Missing lists what the open sets still need, the newest set's first.
func (v *Verifier) Missing() (list []Piece) {
	for _, s := range slices.Backward(slices.SortedFunc(slices.Values(v.sets), byVersion)) {
		for _, p := range s.pieces {
			if s.stored[p.Digest] == 0 && !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}
