package repository

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"spaceos/trust"
	"spaceos/trust/wire"
)

// TestFiftyTenants fills several groups, each within what flies, and a
// spacecraft takes the whole set.
func TestFiftyTenants(t *testing.T) {
	f := newFleet(t)
	var last *Key
	for i := range 50 {
		name := fmt.Sprintf("t%d", i)
		last = f.tenant(name)
		if _, err := f.SignImage(Image{name, "hello", "1.0.0", blob(name)}, last); err != nil {
			t.Fatal(err)
		}
	}
	f.publish()
	v := f.rehearse("")
	groups := 0
	for _, h := range v.Status().Held {
		if strings.HasPrefix(h.Role, groupPrefix) {
			groups++
		}
	}
	if groups != 5 {
		t.Errorf("50 tenants are in %d groups; want 5", groups)
	}
	for file, data := range contents(t, filepath.Join(f.Dir(), "metadata")) {
		doc, err := document([]byte(data))
		if err != nil || len(doc) > trust.MaxDocument {
			t.Errorf("%s has %d bytes as it travels (%v); at most %d fly", file, len(doc), err, trust.MaxDocument)
		}
	}
	cost := f.costOfUpdate(last)
	t.Logf("an update of one payload of 50 tenants, 1-of-1, plan and signatures included: %d bytes on the link", cost)
	if cost > 16<<10 {
		t.Errorf("the update costs %d bytes of metadata; want at most 16 kB", cost)
	}
}

// costOfUpdate signs a new version of the last tenant's payload, publishes and
// plans it, and counts what the documents take that are new, each squeezed by
// the one before it.
func (f *fleet) costOfUpdate(key *Key) (cost int) {
	f.t.Helper()
	plan := func(version string) {
		runs := []Run{{Tenant: "t49", Payload: "hello", Version: version}}
		if _, err := f.SignPlan(Plan{Spacecraft: "sat-1", Profile: map[string]any{"cores": int64(2)}, Runs: runs}, f.direct); err != nil {
			f.t.Fatal(err)
		}
	}
	plan("1.0.0")
	names := []string{Timestamp, Snapshot, "tenant-t49", planPrefix + "sat-1"}
	old := map[string][]byte{}
	for _, name := range names {
		old[name] = f.board(name)
	}
	if _, err := f.SignImage(Image{"t49", "hello", "1.0.1", blob("new")}, key); err != nil {
		f.t.Fatal(err)
	}
	f.publish()
	plan("1.0.1")
	for _, name := range names {
		message, err := wire.Pack(f.board(name), old[name])
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Logf("%s: %d bytes", name, len(message))
		cost += len(message)
	}
	return cost
}

// board is the current document of a role as it travels and lies on board.
func (f *fleet) board(name string) []byte {
	f.t.Helper()
	e, _, err := f.current(name)
	if err != nil {
		f.t.Fatal(err)
	}
	data, err := e.file()
	if err != nil {
		f.t.Fatal(err)
	}
	doc, err := document(data)
	if err != nil {
		f.t.Fatal(err)
	}
	return doc
}
