package trust

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"spaceos"
)

// A survey goes through a whole set, a document at a time, and makes the state
// that it leads to. Of a document it keeps what the next ones need.
type survey struct {
	v     *Verifier
	set   *set
	files map[string]file // of the snapshot
	next  []Held
}

// check verifies a whole set.
func (v *Verifier) check(s *set) (state, error) {
	root, err := v.trusted(roleRoot)
	if err = cmp.Or(err, v.fresh(roleRoot, root)); err != nil {
		return state{}, err
	}
	c := survey{v: v, set: s}
	if _, err := c.accept(roleTimestamp, root.roles[roleTimestamp], file{Piece{Digest: s.stamp}, s.version}); err != nil {
		return state{}, err
	}
	snapshot, err := c.accept(roleSnapshot, root.roles[roleSnapshot], s.snapshot)
	if err != nil {
		return state{}, err
	}
	c.files = snapshot.files
	top, err := c.listed(roleTargets, root.roles[roleTargets])
	if err = cmp.Or(err, c.charter(top)); err != nil {
		return state{}, err
	}
	for _, g := range top.delegations {
		group, err := c.listed(g.name, g.role)
		if err != nil {
			return state{}, err
		}
		for _, t := range group.delegations {
			// One tenant that does not sign again must not keep the others', or
			// a revocation, from coming: what it signed stays in force.
			if _, err := c.listed(t.name, t.role); err != nil && !errors.Is(err, ErrExpired) {
				return state{}, err
			}
		}
	}
	return c.state(), nil
}

// get reads a document that the set's timestamp names.
func (c *survey) get(name string, d spaceos.Digest) (Envelope, error) {
	if d != c.set.stamp && !slices.ContainsFunc(c.set.pieces, func(p Piece) bool { return p.Digest == d }) {
		return Envelope{}, fmt.Errorf("%s: %w: its timestamp does not name it", name, ErrMixed)
	}
	return c.v.document(d)
}

// accept verifies one document: by whom it is signed, whether it is the
// version that was named, newer than what is held, and not expired.
func (c *survey) accept(name string, r role, named file) (d document, err error) {
	e, err := c.get(name, named.Digest)
	if err != nil {
		return d, err
	}
	if err := r.verify(e); err != nil {
		return d, fmt.Errorf("%s: %w", name, err)
	}
	if d, err = e.read(name); err != nil {
		return d, err
	}
	if d.version != named.version {
		return d, fmt.Errorf("%s: %w: version %d stands where %d is named", name, ErrMixed, d.version, named.version)
	}
	held := c.v.counter(name, r)
	other := held.Digest != named.Digest && held.Digest != spaceos.Digest{}
	if d.version < held.Version || d.version == held.Version && other {
		return d, fmt.Errorf("%s version %d: %w: version %d", name, d.version, ErrRollback, held.Version)
	}
	c.next = append(c.next, Held{name, held.Epoch, d.version, d.expires, named.Digest, r.keys()})
	return d, c.v.fresh(name, d)
}

// listed verifies a document that the snapshot lists by its role. One may be
// missing as long as nothing is held of it: a tenant that has not signed yet.
func (c *survey) listed(name string, r role) (document, error) {
	named, ok := c.files[name]
	if !ok && c.v.counter(name, r).Version == 0 {
		return document{}, nil
	}
	if !ok || slices.ContainsFunc(c.next, func(h Held) bool { return h.Role == name }) {
		return document{}, fmt.Errorf("%s: %w: it should be listed once, and delegated once", name, ErrMixed)
	}
	return c.accept(name, r, named)
}

// charter verifies the charter, which has no signatures but its digest.
func (c *survey) charter(top document) error {
	named, _ := top.target(charterName)
	e, err := c.get(charterName, named.Digest)
	if err != nil {
		return err
	}
	c.next = append(c.next, Held{Role: charterName, Digest: named.Digest})
	_, err = e.read(charterName)
	return err
}

// state is what is trusted after the set. Counters of tenants that are gone
// stay, in case they come back; of too many, the first to go is forgotten.
func (c *survey) state() (next state) {
	for _, h := range c.v.state.Held {
		switch {
		case slices.ContainsFunc(c.next, func(n Held) bool { return n.Role == h.Role }):
		case h.Role == roleRoot || h.Role == roleDirector:
			c.next = append(c.next, h)
		default:
			h.Digest = spaceos.Digest{}
			next.Held = append(next.Held, h)
		}
	}
	next.Held = append(next.Held, c.next...)
	next.Held = next.Held[max(0, len(next.Held)-maxHeld):]
	for _, s := range c.v.sets {
		if s.version > c.set.version {
			next.Open = append(next.Open, s.stamp)
		}
	}
	return next
}

// counter is what is held of a role. When none of the keys under which that
// was accepted is left, a new epoch begins, whose counter starts anew: so one
// recovers from a thief who used the counter up. Keys are what a higher root,
// targets or group says, so nobody else can do it.
func (v *Verifier) counter(name string, r role) Held {
	held, keys := v.state.role(name), r.keys()
	if len(held.Keys) > 0 && !slices.ContainsFunc(held.Keys, func(k spaceos.Digest) bool { return slices.Contains(keys, k) }) {
		return Held{Role: name, Epoch: held.Epoch + 1}
	}
	return held
}
