package trust

import (
	"fmt"
	"slices"

	"spaceos"
)

// A survey goes through a whole set, a document at a time, and makes the state
// that it leads to. Nothing is kept of a document but what is needed to verify
// the next ones.
type survey struct {
	v    *Verifier
	set  *set
	meta map[string]file
	next []Held
}

// check verifies a whole set.
func (v *Verifier) check(s *set) (state, error) {
	c := survey{v: v, set: s}
	root, err := v.root()
	if err != nil {
		return state{}, err
	}
	stamp, snap := file{digest: s.stamp, version: s.version}, s.snapshot
	if err := c.accept(roleTimestamp, root.roles[roleTimestamp], stamp, func(e Envelope) (head, error) {
		t, err := readTimestamp(e)
		return t.head, err
	}); err != nil {
		return state{}, err
	}
	if err := c.accept(roleSnapshot, root.roles[roleSnapshot], snap, func(e Envelope) (head, error) {
		snap, err := readSnapshot(e)
		c.meta = snap.files
		return snap.head, err
	}); err != nil {
		return state{}, err
	}
	if err := c.targets(root.roles[roleTargets]); err != nil {
		return state{}, err
	}
	return c.state(), nil
}

// accept verifies one document: by whom it is signed, whether it is the
// version that was named, newer than what is held, and not expired.
func (c *survey) accept(name string, r role, named file, read func(Envelope) (head, error)) error {
	if named.digest != c.set.stamp && !c.set.names(named.digest) {
		return fmt.Errorf("%s: %w: its timestamp does not name it", name, ErrMixed)
	}
	e, err := c.v.document(named.digest)
	if err != nil {
		return err
	}
	if err := r.verify(e); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	h, err := read(e)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if h.version != named.version {
		return fmt.Errorf("%s: %w: version %d stands where %d is named", name, ErrMixed, h.version, named.version)
	}
	held := c.v.counter(name, r)
	if h.version < held.Version || h.version == held.Version && held.Digest != named.digest && held.Digest != (spaceos.Digest{}) {
		return fmt.Errorf("%s version %d: %w: another version %d", name, h.version, ErrRollback, held.Version)
	}
	if err := c.v.fresh(name, h); err != nil {
		return err
	}
	c.next = append(c.next, Held{name, held.Epoch, h.version, h.expires, named.digest, r.keys()})
	return nil
}

// listed verifies a document that the snapshot lists by its role. One may be
// missing as long as nothing is held of it: a tenant that has not signed yet.
func (c *survey) listed(name string, r role, read func(Envelope) (head, error)) error {
	named, ok := c.meta[name]
	if !ok && c.v.counter(name, r).Version == 0 {
		return nil
	}
	if !ok || slices.ContainsFunc(c.next, func(h Held) bool { return h.Role == name }) {
		return fmt.Errorf("%s: %w: it should be listed once, and delegated to once", name, ErrMixed)
	}
	return c.accept(name, r, named, read)
}

// targets verifies targets, the charter that it names, and all below it.
func (c *survey) targets(r role) error {
	var charter file
	var groups, tenants []delegation
	if err := c.listed(roleTargets, r, func(e Envelope) (h head, err error) {
		h, charter, groups, err = readTop(e)
		return h, err
	}); err != nil {
		return err
	}
	if !c.set.names(charter.digest) {
		return fmt.Errorf("%s: %w: its timestamp does not name it", charterName, ErrMixed)
	}
	e, err := c.v.document(charter.digest)
	if err != nil {
		return err
	}
	if _, _, err := readCharter(e); err != nil {
		return fmt.Errorf("%s: %w", charterName, err)
	}
	c.next = append(c.next, Held{Role: charterName, Digest: charter.digest})
	for _, group := range groups {
		tenants = nil
		if err := c.listed(group.name, group.role, func(e Envelope) (h head, err error) {
			h, tenants, err = readGroup(e, group.name)
			return h, err
		}); err != nil {
			return err
		}
		for _, t := range tenants {
			if err := c.listed(t.name, t.role, func(e Envelope) (head, error) { return readTenant(e, t.name) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// state is what is trusted after the set. Counters of tenants that are gone
// stay, in case they come back; of too many, the first to go is forgotten.
func (c *survey) state() (next state) {
	for _, h := range c.v.state.Held {
		if !slices.ContainsFunc(c.next, func(n Held) bool { return n.Role == h.Role }) {
			if h.Role == roleRoot || h.Role == roleDirector {
				c.next = append(c.next, h)
				continue
			}
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

// counter is what is held of a role; a new epoch begins when none of the keys
// is left under which it was accepted. (The director's and root's never end.)
func (v *Verifier) counter(name string, r role) Held {
	held, keys := v.state.role(name), r.keys()
	if len(held.Keys) > 0 && !slices.ContainsFunc(held.Keys, func(k spaceos.Digest) bool { return slices.Contains(keys, k) }) {
		return Held{Role: name, Epoch: held.Epoch + 1}
	}
	return held
}
