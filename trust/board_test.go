package trust_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"spaceos/internal/trusttest"
	"spaceos/trust"
)

const craft = "sat-7"

// A board is a spacecraft with a repository that it trusts.
type board struct {
	*testing.T
	r *trusttest.Repository
	s *trusttest.Store
	v *trust.Verifier
}

// newBoard makes a board whose verifier trusts the first root alone.
func newBoard(t *testing.T, tenants ...string) *board {
	t.Helper()
	return boardOf(t, trusttest.New(tenants...))
}

func boardOf(t *testing.T, r *trusttest.Repository) *board {
	t.Helper()
	b := &board{T: t, r: r, s: trusttest.NewStore(r.RootDocument())}
	b.start()
	return b
}

// start starts the verifier out of its store.
func (b *board) start() {
	b.Helper()
	v, err := trust.New(b.s, craft, trusttest.Floor)
	b.good(err)
	b.v = v
}

func (b *board) good(err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("the honest version: got %v, want it to be taken", err)
	}
}

func (b *board) refused(err error, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("got error %v, want one that is %q", err, want)
	}
}

// feed hands over a set, its pieces by name, and gives the last error.
func (b *board) feed(set trusttest.Set) (trusted bool, err error) {
	trusted, err = b.v.Open(set.Timestamp)
	if err != nil {
		return trusted, err
	}
	missing := b.v.Missing()
	for _, name := range slices.Sorted(maps.Keys(set.Pieces)) {
		if slices.Contains(missing, trusttest.PieceOf(set.Pieces[name])) {
			if trusted, err = b.v.Piece(set.Pieces[name]); err != nil {
				return trusted, err
			}
		}
	}
	return trusted, nil
}

// update publishes and hands over.
func (b *board) update() error {
	b.Helper()
	trusted, err := b.feed(b.r.Publish())
	if err == nil && !trusted {
		b.Fatalf("the set is not whole after all of its pieces; missing %v", b.v.Missing())
	}
	return err
}

// held is what the status says of a role.
func (b *board) held(role string) trust.Held {
	for _, h := range b.v.Status().Held {
		if h.Role == role {
			return h
		}
	}
	return trust.Held{}
}

// edit makes a thief with the keys of a role change what it signs.
func (b *board) edit(role, old, new string) {
	b.r.Edit = func(name string, signed []byte) []byte {
		if name != role {
			return signed
		}
		if bytes.Count(signed, []byte(old)) == 0 {
			b.Fatalf("%q does not stand in %s: %s", old, role, signed)
		}
		return bytes.Replace(signed, []byte(old), []byte(new), 1)
	}
}

// forge changes documents of a role after they are signed.
func (b *board) forge(role string, change func(e *trust.Envelope)) {
	b.r.Forge = func(name string, e *trust.Envelope) {
		if name == role {
			change(e)
		}
	}
}

// honest publishes and plans honestly, and shows that both are taken.
func (b *board) honest(runs ...trust.Run) {
	b.Helper()
	b.r.Edit, b.r.Forge = nil, nil
	b.good(b.update())
	b.good(b.v.Plan(b.r.Plan(craft, runs...)))
	for _, run := range runs {
		_, err := b.v.Admit(trust.Claim{Run: run})
		b.good(err)
	}
}
