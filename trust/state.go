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
// power cut Get gives, whole, what was there before or what was put. What is
// not there is fs.ErrNotExist. Sweep removes what need not be kept.
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
// all its keys were replaced, and the document (none of a tenant that is no
// more). Expires is in Unix seconds.
type Held struct {
	Role                    string
	Epoch, Version, Expires int64
	Digest                  spaceos.Digest
	Keys                    []spaceos.Digest
}

// A state is what is committed: roles, those that are gone first, and the
// timestamps of open sets.
type state struct {
	Held []Held
	Open []spaceos.Digest
}

func (s state) role(name string) Held {
	for _, h := range s.Held {
		if h.Role == name {
			return h
		}
	}
	return Held{Role: name}
}

// with is the state with another entry for a role.
func (s state) with(h Held) state {
	s.Held = append(slices.DeleteFunc(slices.Clone(s.Held), func(o Held) bool { return o.Role == h.Role }), h)
	return s
}

func (s state) trusts(d spaceos.Digest) bool {
	return slices.ContainsFunc(s.Held, func(h Held) bool { return h.Digest == d })
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
	if sum := spaceos.DigestOf(text); !bytes.HasPrefix(data, sum[:]) {
		return fmt.Errorf("%w: its state is damaged", ErrStore)
	}
	if err := json.Unmarshal(text, &v.state); err != nil {
		return fmt.Errorf("%w: its state: %w", ErrStore, err)
	}
	return v.load()
}

// load finds out what is there of the open sets, and sweeps the rest away.
func (v *Verifier) load() error {
	keep := map[string]bool{stateName: true}
	for _, h := range v.state.Held {
		keep[toHex(h.Digest)] = true
	}
	open := v.state.Open
	v.sets, v.state.Open = nil, nil
	for _, stamp := range open {
		e, err := v.document(stamp)
		if err != nil {
			continue // damaged: the ground finds that it is not open
		}
		t, err := readTimestamp(e)
		if err != nil {
			return err
		}
		s := &set{stamp: stamp, timestamp: t, stored: map[spaceos.Digest]int{stamp: e.size()}}
		for _, p := range t.pieces {
			e, err := v.document(p.Digest)
			if err == nil {
				s.stored[p.Digest] = e.size()
			}
			keep[toHex(p.Digest)] = true
		}
		keep[toHex(stamp)], v.sets, v.state.Open = true, append(v.sets, s), append(v.state.Open, stamp)
	}
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
	if err == nil {
		if got, _ := e.Digest(); got != d {
			err = errors.New("it is damaged")
		}
	}
	if err != nil {
		return Envelope{}, fmt.Errorf("document %v: %w: %w", d, ErrStore, err)
	}
	return e, nil
}

// put stores a document.
func (v *Verifier) put(e Envelope) (d spaceos.Digest, err error) {
	d, _ = e.Digest()
	if err := v.store.Put(toHex(d), e.Append(nil)); err != nil {
		return d, fmt.Errorf("%w: %w", ErrStore, err)
	}
	return d, nil
}
