package trust

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
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
	document
	stored map[spaceos.Digest]int
}

func (s *set) whole() bool {
	return !slices.ContainsFunc(s.pieces, func(p Piece) bool { return s.stored[p.Digest] == 0 })
}

func byVersion(a, b *set) int { return cmp.Compare(a.version, b.version) }

// Provision makes an empty store trust a root document, as the factory does.
func Provision(store Store, doc []byte) error {
	if _, err := store.Get(stateName); !errors.Is(err, fs.ErrNotExist) { // also one that cannot be read now
		return fmt.Errorf("%w: a store that trusts a root takes the next one alone: %w", ErrRefused, cmp.Or(err, errors.New("this one does")))
	}
	e, err := ParseEnvelope(doc)
	if err != nil {
		return err
	}
	r, err := e.read(roleRoot)
	if err != nil {
		return err
	}
	return (&Verifier{store: store}).adopt(state{}, roleRoot, e, r, r.roles[roleRoot])
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

func (v *Verifier) fresh(name string, d document) error {
	if d.expires <= v.floor {
		return fmt.Errorf("%s version %d is %w: at %v, and it is %v at least", name, d.version, ErrExpired,
			time.Unix(d.expires, 0).UTC(), time.Unix(v.floor, 0).UTC())
	}
	return nil
}

// adopt verifies a document that is in no set, and commits it with a state.
func (v *Verifier) adopt(next state, name string, e Envelope, d document, r role) error {
	if err := r.verify(e); err != nil {
		return fmt.Errorf("%s version %d: %w", name, d.version, err)
	}
	digest, err := v.put(e)
	if err != nil {
		return err
	}
	return v.commit(next.with(Held{name, 0, d.version, d.expires, digest, r.keys()}))
}

// Root takes the next root document: one version higher, signed by the keys of
// the trusted one and by its own. One that has expired is taken, since it
// leads to later ones (TUF 5.3); Open refuses then. Sets with a timestamp that
// the new root does not accept are closed. The trusted one is stored again, in
// case the store damaged it: without it no other could be checked.
func (v *Verifier) Root(doc []byte) error {
	e, err := ParseEnvelope(doc)
	if err != nil {
		return err
	}
	if d, _ := e.Digest(); d == v.state.role(roleRoot).Digest {
		_, err := v.put(e)
		return err
	}
	old, err := v.trusted(roleRoot)
	if err != nil {
		return err
	}
	if err := old.roles[roleRoot].verify(e); err != nil {
		return fmt.Errorf("root, by the keys of version %d: %w", old.version, err)
	}
	r, err := e.read(roleRoot)
	if err != nil {
		return err
	}
	if r.version != old.version+1 {
		return fmt.Errorf("root version %d: %w: version %d comes next", r.version, ErrRollback, old.version+1)
	}
	next := v.state.opened(func(stamp spaceos.Digest) bool {
		e, err := v.document(stamp)
		return err == nil && r.roles[roleTimestamp].verify(e) == nil
	})
	return v.adopt(next, roleRoot, e, r, r.roles[roleRoot])
}

// Open opens the set of a timestamp that is newer than the trusted one. It
// says whether the set is whole at once, and so trusted. With MaxOpen open
// sets a newer one takes the place of the oldest.
func (v *Verifier) Open(doc []byte) (trusted bool, err error) {
	e, err := ParseEnvelope(doc)
	if err != nil {
		return false, err
	}
	root, err := v.trusted(roleRoot)
	if err != nil {
		return false, err
	}
	if err := root.roles[roleTimestamp].verify(e); err != nil {
		return false, fmt.Errorf("timestamp: %w", err)
	}
	t, err := e.read(roleTimestamp)
	if err != nil {
		return false, err
	}
	digest, _ := e.Digest()
	held := v.counter(roleTimestamp, root.roles[roleTimestamp])
	twin := slices.IndexFunc(v.sets, func(s *set) bool { return s.version == t.version })
	if held.Digest == digest || twin >= 0 && v.sets[twin].snapshot == t.snapshot && slices.Equal(v.sets[twin].pieces, t.pieces) {
		return false, nil // also if somebody added a signature on the way
	}
	if t.version <= held.Version || twin >= 0 { // two of one version: the ground must hear of it
		return false, fmt.Errorf("timestamp version %d: %w: version %d", t.version, ErrRollback, held.Version)
	}
	if err := cmp.Or(v.fresh(roleRoot, root), v.fresh(roleTimestamp, t)); err != nil {
		return false, err
	}
	next := v.state
	if len(v.sets) == MaxOpen {
		oldest := slices.MinFunc(v.sets, byVersion)
		if oldest.version >= t.version {
			return false, fmt.Errorf("timestamp version %d: %w, which are as new", t.version, ErrFull)
		}
		next = next.opened(func(stamp spaceos.Digest) bool { return stamp != oldest.stamp })
	}
	if _, err := v.put(e); err != nil {
		return false, err
	}
	next.Open = append(slices.Clone(next.Open), digest)
	if err := v.commit(next); err != nil {
		return false, err
	}
	return v.settle()
}

// Piece takes a document that an open set names by digest and length, and says
// whether a set is whole now, and so trusted. When a whole set is not as it
// must be, the error says why, and the set is closed.
func (v *Verifier) Piece(doc []byte) (trusted bool, err error) {
	e, err := ParseEnvelope(doc)
	if err != nil {
		return false, err
	}
	d, length := e.Digest()
	named := func(s *set) bool { return slices.Contains(s.pieces, Piece{d, length}) }
	if !slices.ContainsFunc(v.sets, named) {
		return false, fmt.Errorf("%v of %d bytes is %w", d, length, ErrUnnamed)
	}
	if !v.fits(d, e.size()) {
		return false, fmt.Errorf("%v of %d bytes: %w, which have %d at most", d, e.size(), ErrFull, MaxStored)
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

// fits says whether a document may be stored for the open sets.
func (v *Verifier) fits(d spaceos.Digest, size int) bool {
	all, total := map[spaceos.Digest]int{}, 0
	for _, s := range v.sets {
		maps.Copy(all, s.stored)
	}
	all[d] = size
	for _, h := range v.state.Held {
		delete(all, h.Digest)
	}
	for _, size := range all {
		total += size
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
		if errors.Is(bad, ErrStore) { // what is damaged is missing again
			return trusted, errors.Join(bad, v.load())
		}
		if bad != nil {
			err = fmt.Errorf("the set of timestamp version %d: %w", s.version, bad)
			next = v.state.opened(func(stamp spaceos.Digest) bool { return stamp != s.stamp })
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

// A Status is what the ground needs to see that a spacecraft is cut off from
// updates, or behind. Expired documents stay in force, because contact is
// rare; whoever holds updates back shows here.
type Status struct {
	Floor   time.Time
	Held    []Held
	Open    []int64 // versions of timestamps
	Missing []Piece
}

// Status reports what is held.
func (v *Verifier) Status() Status {
	s := Status{time.Unix(v.floor, 0).UTC(), slices.Clone(v.state.Held), nil, v.Missing()}
	for _, set := range v.sets {
		s.Open = append(s.Open, set.version)
	}
	return s
}
