package trust

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"spaceos"
)

// A Store keeps bytes by name. Put returns when they are durable: after a
// power cut Get gives, whole, what was there before or what was put. Get of
// what is not there is fs.ErrNotExist, and of nothing else. Sweep removes what need not be kept.
type Store interface {
	Get(name string) ([]byte, error)
	Put(name string, data []byte) error
	Sweep(keep func(name string) bool) error
}

// stateName is the one name in a store that is no digest. Putting it is the
// commit: what it holds changes at once.
const stateName = "state"

// maxHeld bounds the roles that are remembered.
const maxHeld = 3 * maxPieces / 2

// A Held is what is held of a role: its counter, in the epoch that began when
// all its keys were replaced, and the document (none of a tenant that is
// gone). Expires is in Unix seconds.
type Held struct {
	Role                    string
	Epoch, Version, Expires int64
	Digest                  spaceos.Digest
	Keys                    []spaceos.Digest
}

// A state is what is committed: roles, and the timestamps of open sets.
type state struct {
	Held []Held
	Open []spaceos.Digest
}

func (s state) role(name string) Held {
	if at := slices.IndexFunc(s.Held, func(h Held) bool { return h.Role == name }); at >= 0 {
		return s.Held[at]
	}
	return Held{Role: name}
}

// with is the state with another entry for a role.
func (s state) with(h Held) state {
	s.Held = append(slices.DeleteFunc(slices.Clone(s.Held), func(o Held) bool { return o.Role == h.Role }), h)
	return s
}

// opened is the state with only those open sets that keep says.
func (s state) opened(keep func(stamp spaceos.Digest) bool) state {
	s.Open = slices.DeleteFunc(slices.Clone(s.Open), func(d spaceos.Digest) bool { return !keep(d) })
	return s
}

// commit makes a state the one that counts, and then forgets what it does not
// name.
func (v *Verifier) commit(next state) error {
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	sum := spaceos.DigestOf(text)
	if err := v.store.Put(stateName, append(sum[:], text...)); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	v.state = next
	return v.load()
}

// restore reads what commit wrote.
func (v *Verifier) restore() error {
	data, err := v.store.Get(stateName)
	if err != nil {
		return fmt.Errorf("%w: it has no state, which Provision makes: %w", ErrStore, err)
	}
	text := data[min(len(data), len(spaceos.Digest{})):]
	sum := spaceos.DigestOf(text)
	if err := json.Unmarshal(text, &v.state); err != nil || !bytes.HasPrefix(data, sum[:]) {
		return fmt.Errorf("%w: its state is damaged", ErrStore)
	}
	return v.load()
}

// load finds out what is there of the open sets, and sweeps the rest away.
func (v *Verifier) load() error {
	keep := map[string]bool{stateName: true}
	for _, h := range v.state.Held {
		keep[toHex(h.Digest)] = true
	}
	v.sets = nil
	v.state = v.state.opened(func(stamp spaceos.Digest) bool {
		e, err := v.document(stamp)
		d, bad := e.read(roleTimestamp)
		if err != nil || bad != nil {
			return false // damaged: the ground sees that the set is not open
		}
		s := &set{stamp: stamp, document: d, stored: map[spaceos.Digest]int{stamp: e.size()}}
		for _, p := range d.pieces {
			if e, err := v.document(p.Digest); err == nil {
				s.stored[p.Digest] = e.size()
			}
			keep[toHex(p.Digest)] = true
		}
		keep[toHex(stamp)], v.sets = true, append(v.sets, s)
		return true
	})
	if err := v.store.Sweep(func(name string) bool { return keep[name] }); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

// document is a stored one. A damaged one is as one that is not there.
func (v *Verifier) document(d spaceos.Digest) (e Envelope, err error) {
	doc, err := v.store.Get(toHex(d))
	if err == nil {
		e, err = ParseEnvelope(doc)
	}
	if got, _ := e.Digest(); err == nil && got != d {
		err = errors.New("it is damaged")
	}
	if err != nil {
		return Envelope{}, fmt.Errorf("document %v: %w: %w", d, ErrStore, err)
	}
	return e, nil
}

// trusted is the trusted document of a role.
func (v *Verifier) trusted(name string) (d document, err error) {
	held := v.state.role(name)
	if held.Digest == (spaceos.Digest{}) {
		return d, fmt.Errorf("%w: there is no document of %.50s", ErrRefused, name)
	}
	e, err := v.document(held.Digest)
	if err != nil {
		return d, err
	}
	return e.read(name)
}

// put stores a document.
func (v *Verifier) put(e Envelope) (d spaceos.Digest, err error) {
	d, _ = e.Digest()
	if err := v.store.Put(toHex(d), e.Append(nil)); err != nil {
		return d, fmt.Errorf("%w: %w", ErrStore, err)
	}
	return d, nil
}
