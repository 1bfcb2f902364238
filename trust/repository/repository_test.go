package repository

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spaceos"
	"spaceos/trust"
)

// testKey is a key that depends on its name alone.
func testKey(t *testing.T, name string) *Key {
	t.Helper()
	ed, ml := sha256.Sum256([]byte("ed25519 "+name)), sha256.Sum256([]byte("ml-dsa "+name))
	k, err := keyOf(ed[:], ml[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func one(keys ...*Key) RoleKeys { return RoleKeys{publics(keys...), 1} }

func publics(keys ...*Key) (list []PublicKey) {
	for _, k := range keys {
		list = append(list, k.Public())
	}
	return list
}

// fixedTime is the clock of tests, where expiry should not move. Other TUF
// clients compare with the real clock, so documents for them take that.
func fixedTime() time.Time { return time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC) }

var ceiling = spaceos.Limits{
	Memory: 64 * spaceos.MiB, CPUTime: time.Minute, WallTime: 2 * time.Minute, Scratch: 16 * spaceos.MiB,
	Data: spaceos.MiB, Products: spaceos.MB, ProductsDay: 10 * spaceos.MB, LogRate: 20 * spaceos.KB,
}

// A fleet is a repository with single keys, as most tests want it.
type fleet struct {
	*Repository
	t                                          *testing.T
	root, targets, snapshot, timestamp, direct *Key
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, root: testKey(t, "root"), targets: testKey(t, "targets"), snapshot: testKey(t, "snapshot"), timestamp: testKey(t, "timestamp"), direct: testKey(t, "director")}
	var err error
	f.Repository, _, err = Init(filepath.Join(t.TempDir(), "fleet"), Roles{
		Root: one(f.root), Targets: one(f.targets), Snapshot: one(f.snapshot), Timestamp: one(f.timestamp), Director: one(f.direct),
	}, Options{Now: fixedTime}, f.root, f.targets)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fleet) tenant(name string) *Key {
	f.t.Helper()
	k := testKey(f.t, name)
	if _, err := f.AddTenant(name, Tenant{Ceiling: ceiling, Engines: []string{"kvm"}, Services: []string{"camera/nadir", "time"}}, one(k), f.targets); err != nil {
		f.t.Fatal(err)
	}
	return k
}

func (f *fleet) publish() {
	f.t.Helper()
	progress, err := f.Publish(f.snapshot, f.timestamp)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, p := range progress {
		if !p.Complete {
			f.t.Fatalf("publishing left %+v", p)
		}
	}
}

// rehearse is what a spacecraft makes of the repository that trusts its first
// root.
func (f *fleet) rehearse(spacecraft string) *trust.Verifier {
	f.t.Helper()
	v, err := f.Rehearse(f.firstRoot(), spacecraft)
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

func (f *fleet) firstRoot() []byte {
	f.t.Helper()
	root, err := os.ReadFile(filepath.Join(f.Dir(), "metadata", "1.root.json"))
	if err != nil {
		f.t.Fatal(err)
	}
	return root
}

func blob(text string) []byte { return []byte(`{"schemaVersion":2,"test":"` + text + `"}`) }

func wantError(t *testing.T, err, is error, text string) {
	t.Helper()
	if err == nil || !errors.Is(err, is) || !strings.Contains(err.Error(), text) {
		t.Fatalf("got error %v; want one that is %v and says %q", err, is, text)
	}
}

func TestStory(t *testing.T) {
	f := newFleet(t)
	acme := f.tenant("acme")
	if _, err := f.SignImage(Image{"acme", "hello", "1.0.0", blob("hello")}, acme); err != nil {
		t.Fatal(err)
	}
	f.publish()
	if _, err := f.SignPlan(Plan{Spacecraft: "sat-1", Profile: map[string]any{"cores": int64(2)}, Runs: []Run{{Tenant: "acme", Payload: "hello", Version: "1.0.0"}}}, f.direct); err != nil {
		t.Fatal(err)
	}
	s, err := f.Status()
	if err != nil {
		t.Fatal(err)
	}
	if !s.Published || len(s.Todo) != 0 || len(s.Tenants) != 1 || len(s.Plans) != 1 || s.Tenants[0].Images["hello 1.0.0"] != spaceos.DigestOf(blob("hello")).String() {
		t.Fatalf("status is %+v; want all published, nothing to do, one tenant with its image, one plan", s)
	}
	v := f.rehearse("sat-1")
	claim := trust.Claim{Run: trust.Run{Tenant: "acme", Payload: "hello", Version: "1.0.0", Image: spaceos.DigestOf(blob("hello")), Limits: ceiling}}
	if lease, err := v.Admit(claim); err != nil || lease.Limits != ceiling {
		t.Fatalf("the flight verifier says %v, lease %+v; want the image admitted with its ceiling", err, lease)
	}
	entries, err := os.ReadDir(filepath.Join(f.Dir(), "staged"))
	if err != nil || len(entries) != 0 {
		t.Fatalf("staged holds %v (%v); want nothing", entries, err)
	}
}
