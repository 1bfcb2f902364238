package trusttest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"spaceos"
	"spaceos/trust"
	"spaceos/trust/wire"
)

// Craft is the spacecraft sat-7, which gets everything over the link.
type Craft struct {
	*testing.T
	Verifier *trust.Verifier

	r    *Repository
	s    *Store
	sent map[string][]byte // what was sent last, by role
}

// NewCraft makes one that trusts the root of a repository.
func NewCraft(t *testing.T, r *Repository) *Craft {
	c := &Craft{T: t, r: r, s: NewStore(r.RootDocument()), sent: map[string][]byte{"root": r.RootDocument()}}
	v, err := trust.New(c.s, "sat-7", Floor)
	if err != nil {
		t.Fatal(err)
	}
	c.Verifier = v
	return c
}

func (c *Craft) held(d spaceos.Digest) ([]byte, error) { return c.s.Get(fmt.Sprintf("%x", d[:])) }

// Send sends a document over the link and gives the bytes that it took.
func (c *Craft) Send(role string, doc []byte, take func([]byte) error) int {
	c.Helper()
	message, err := wire.Pack(doc, c.sent[role])
	if err != nil {
		c.Fatal(err)
	}
	got, err := wire.Unpack(message, c.held)
	if err != nil || !bytes.Equal(got, doc) {
		c.Fatalf("%s: what was packed comes out as %d bytes, %v; want the %d bytes that went in", role, len(got), err, len(doc))
	}
	if err := take(got); err != nil {
		c.Fatalf("%s: %v", role, err)
	}
	c.sent[role] = doc
	return len(message)
}

// Update sends a set and a plan, and gives the cost of each document.
func (c *Craft) Update(runs ...trust.Run) map[string]int {
	c.Helper()
	cost, set := map[string]int{}, c.r.Publish()
	trusted := false
	cost["timestamp"] = c.Send("timestamp", set.Timestamp, func(doc []byte) (err error) { trusted, err = c.Verifier.Open(doc); return err })
	missing := c.Verifier.Missing()
	for _, name := range slices.Sorted(maps.Keys(set.Pieces)) {
		if slices.Contains(missing, PieceOf(set.Pieces[name])) {
			cost[name] = c.Send(name, set.Pieces[name], func(doc []byte) (err error) { trusted, err = c.Verifier.Piece(doc); return err })
		}
	}
	if !trusted {
		c.Fatalf("the set is not whole; missing %v", c.Verifier.Missing())
	}
	cost["plan"] = c.Send("plan", c.r.Plan("sat-7", runs...), c.Verifier.Plan)
	return cost
}

// Print logs and sums costs.
func (c *Craft) Print(what string, cost map[string]int) (total int) {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(cost)) {
		parts, total = append(parts, fmt.Sprintf("%s %d", name, cost[name])), total+cost[name]
	}
	c.Logf("total: %s: %d bytes of metadata (%s)", what, total, strings.Join(parts, ", "))
	return total
}

// Fifty is a repository with fifty tenants and a node image.
func Fifty(threshold, keys int) *Repository {
	r := New()
	for _, role := range []struct {
		name string
		role *Role
	}{{"root", &r.Root}, {"targets", &r.Targets}, {"snapshot", &r.Snapshot}, {"timestamp", &r.Timestamp}, {"director", &r.Director}} {
		*role.role = NewRole(role.name, threshold, keys)
	}
	for i := range 50 {
		r.AddTenant(fmt.Sprintf("tenant-%d", i))
	}
	return r
}

// All are runs of all tenants, as a plan would have.
func All(r *Repository) (runs []trust.Run) {
	for _, name := range slices.Sorted(maps.Keys(r.Tenants)) {
		runs = append(runs, RunOf(name))
	}
	return runs
}
