package repository

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spaceos"
	"spaceos/canonical"
)

// contents is every file below a folder, so that a test sees what changed.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(path) == ".lock" {
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantSame(t *testing.T, dir string, before map[string]string) {
	t.Helper()
	after := contents(t, dir)
	for path := range after {
		if after[path] != before[path] {
			t.Errorf("%s was written", path)
		}
	}
	for path := range before {
		if _, ok := after[path]; !ok {
			t.Errorf("%s is gone", path)
		}
	}
}

// oneTenant is a repository with one tenant, one image, one plan; published.
func oneTenant(t *testing.T) (f *fleet, acme *Key) {
	t.Helper()
	f = newFleet(t)
	acme = f.tenant("acme")
	if _, err := f.SignImage(Image{"acme", "hello", "1.0.0", blob("hello")}, acme); err != nil {
		t.Fatal(err)
	}
	f.publish()
	if _, err := f.SignPlan(Plan{Spacecraft: "sat-1", Runs: []Run{{Tenant: "acme", Payload: "hello", Version: "1.0.0"}}}, f.direct); err != nil {
		t.Fatal(err)
	}
	return f, acme
}

// copy is the same repository in another folder.
func (f *fleet) copy(t *testing.T) *fleet {
	t.Helper()
	other := *f
	other.t, other.Repository = t, &Repository{filepath.Join(t.TempDir(), "fleet"), f.now}
	if err := os.CopyFS(other.dir, os.DirFS(f.dir)); err != nil {
		t.Fatal(err)
	}
	return &other
}

// TestBadRepositories damages one file of a repository for each rule: nobody
// can publish it, a spacecraft refuses it, and nothing is written.
func TestBadRepositories(t *testing.T) {
	whole, _ := oneTenant(t)
	group := metadataFile("group-0", 1)
	tenant, root, targets := metadataFile("tenant-acme", 1), metadataFile(Root, 1), metadataFile(Targets, 2)
	image := targetFile("tenant/acme/hello_1.0.0", spaceos.DigestOf(blob("hello")))
	for _, c := range []struct {
		name, file string
		change     func(string) string
		says       string
	}{
		{"empty", tenant, func(string) string { return "" }, "not canonical JSON"},
		{"cut off", tenant, func(s string) string { return s[:len(s)/2] }, "not canonical JSON"},
		{"a line end after it", tenant, func(s string) string { return s + "\n" }, "not canonical JSON"},
		{"white space", tenant, replace(`"signed":`, `"signed": `), "not canonical JSON"},
		{"a doubled member", tenant, replace(`"_type":"targets",`, `"_type":"targets","_type":"targets",`), "not canonical JSON"},
		{"deep nesting", tenant, func(s string) string { return strings.Repeat("[", 1000) + s }, "not canonical JSON"},
		{"a number too large", tenant, replace(`"version":1`, `"version":99999999999999999999`), "not canonical JSON"},
		{"a fraction", tenant, replace(`"version":1`, `"version":1.0`), "not canonical JSON"},
		{"too long", tenant, func(s string) string { return s + strings.Repeat(" ", maxDocument) }, "more than the 262144 bytes"},
		{"no signatures", tenant, replace(`"signatures"`, `"signature"`), "is missing"},
		{"a field beside", tenant, replace(`{"signatures"`, `{"a":1,"signatures"`), "unknown"},
		{"another role's document, by the same keys", group, signed(replace(`"group-0"`, `"group-1"`)), "x-spaceos-role"},
		{"another tenant's folder", tenant, signed(replace("tenant/acme/", "tenant/acme-2/")), "not the tenant's"},
		{"a path through its folder", tenant, signed(replace("tenant/acme/", "tenant/acme/../")), "not the tenant's"},
		{"a digest that is none", tenant, signed(replace(`"sha256":"`, `"sha256":"0`)), "SHA-256"},
		{"10 GB claimed", tenant, signed(replace(`"length":`, `"length":10000000000`)), "has changed"},
		{"a field within", tenant, signed(replace(`"targets":{`, `"target":1,"targets":{`)), "unknown"},
		{"a signature that is no number", tenant, replace(`"sig":"`, `"sig":"zz`), "hexadecimal"},
		{"a key that signs twice", tenant, func(s string) string { return signTwice(s) }, "signs twice"},
		{"half a pair", tenant, func(s string) string { return dropSignature(s, 0) }, "damaged or tampered with"},
		{"the other half", tenant, func(s string) string { return dropSignature(s, 1) }, "damaged or tampered with"},
		{"a bit of a signature changed", tenant, flipSignature, "damaged or tampered with"},
		{"content changed", tenant, replace("hello_1.0.0", "hello_1.0.1"), "damaged or tampered with"},
		{"another role's document", tenant, nil, "damaged or tampered with"},
		{"another type", tenant, signed(replace(`"_type":"targets"`, `"_type":"snapshot"`)), "_type"},
		{"another version than its name", tenant, replace(`"version":1`, `"version":7`), "says that it is version 7"},
		{"version zero", tenant, signed(replace(`"version":1`, `"version":0`)), "from 1 to"},
		{"a time that is none", tenant, signed(replace("T00:00:00Z", "T00:00:00")), "expires"},
		{"a later specification", tenant, signed(replace(`"1.0.31"`, `"2.0.0"`)), "spec_version"},
		{"an unknown algorithm", group, signed(replace("ml-dsa-65/1", "ml-dsa-65/2")), "does not fit"},
		{"an id that is not the key's digest", group, signed(replace(`"keys":{"`, `"keys":{"0`)), "does not fit"},
		{"a key that no role has", group, signed(func(s string) string { return strayKey(t, s) }), "a key that no role has"},
		{"an odd threshold", group, signed(replace(`"threshold":2`, `"threshold":3`)), "threshold"},
		{"a threshold above the keys", group, signed(replace(`"threshold":2`, `"threshold":4`)), "threshold"},
		{"keys without a role", root, signed(replace(`"keyids":["`, `"keyids":["`+strings.Repeat("0", 64)+`","`)), "does not fit"},
		{"no director", root, signed(replace(directorField, "x-spaceos-other")), "is missing"},
		{"no consistent snapshots", root, signed(replace(`"consistent_snapshot":true`, `"consistent_snapshot":false`)), "consistent_snapshot"},
		{"the root of someone else", root, flipSignature, "damaged or tampered with"},
		{"no charter", targets, signed(replace(`"charter"`, `"chapter"`)), "charter"},
		{"an image that was swapped", image, replace("hello", "hallo"), "has changed"},
		{"an image that is longer", image, func(s string) string { return s + " " }, "more than the"},
		{"an image that is missing", image, func(string) string { return "-" }, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := whole.copy(t)
			file := filepath.Join(f.Dir(), c.file)
			damage(t, f, file, c.change)
			before := contents(t, f.Dir())
			_, err := f.Publish(f.snapshot, f.timestamp)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("publishing says %v; want an error that says %q", err, c.says)
			}
			wantSame(t, f.Dir(), before)
			if _, err := f.Rehearse(f.firstRoot(), "sat-1"); err == nil && c.file != image {
				t.Errorf("a spacecraft takes it")
			}
		})
	}
}

func replace(old, fresh string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, fresh, 1) }
}

// signed changes the signed part of a document. Its role signs that: what is
// wrong then is the content alone.
func signed(change func(string) string) func(string) string {
	return func(s string) string {
		e, err := parseEnvelope([]byte(s))
		if err != nil {
			return s
		}
		return "sign:" + change(string(e.signed.Bytes()))
	}
}

// signAll gives a signed part, which may be no good, the signatures of all keys.
func (f *fleet) signAll(text string) string {
	e := &envelope{}
	for _, k := range []*Key{f.root, f.targets, f.snapshot, f.timestamp, f.direct, testKey(f.t, "acme")} {
		sigs, err := k.sign([]byte(text))
		if err != nil {
			f.t.Fatal(err)
		}
		e.signatures = append(e.signatures, sigs...)
	}
	e.signed = canonical.NewInt(0)
	data, err := e.file()
	if err != nil {
		f.t.Fatal(err)
	}
	return strings.Replace(string(data), `"signed":0`, `"signed":`+text, 1)
}

// damage changes a file; nil puts another role's document there, "-" removes
// it.
func damage(t *testing.T, f *fleet, file string, change func(string) string) {
	t.Helper()
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var bad string
	if change == nil {
		group, err := os.ReadFile(filepath.Join(f.Dir(), metadataFile("group-0", 1)))
		if err != nil {
			t.Fatal(err)
		}
		bad = string(group)
	} else {
		bad = change(string(whole))
	}
	if text, ok := strings.CutPrefix(bad, "sign:"); ok {
		bad = f.signAll(text)
	}
	if bad == string(whole) {
		t.Fatalf("nothing was changed in %s", file)
	}
	if bad == "-" {
		err = os.Remove(file)
	} else {
		err = os.WriteFile(file, []byte(bad), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// edited takes a document apart, changes its signatures, and writes it again.
func edited(file string, change func([]signature) []signature) string {
	e, err := parseEnvelope([]byte(file))
	if err != nil {
		return file
	}
	e.signatures = change(e.signatures)
	data, err := e.file()
	if err != nil {
		return file
	}
	return string(data)
}

// strayKey adds a stranger's key to the first table of keys.
func strayKey(t *testing.T, s string) string {
	k := testKey(t, "stranger").Public()
	e, err := canonical.Parse([]byte(s), maxDepth)
	if err != nil {
		t.Fatal(err)
	}
	keys := e.Member("delegations").Member("keys")
	members := []canonical.Member{{Name: k.IDs()[0], Value: k.objects()[0]}}
	for name, v := range keys.Members() {
		members = append(members, canonical.Member{Name: name, Value: v})
	}
	return strings.Replace(s, string(keys.Bytes()), string(canonical.NewObject(members...).Bytes()), 1)
}

func signTwice(s string) string {
	return edited(s, func(sigs []signature) []signature { return append(sigs, sigs[0]) })
}

func dropSignature(s string, i int) string {
	return edited(s, func(sigs []signature) []signature { return slices.Delete(sigs, i, i+1) })
}

func flipSignature(s string) string {
	return edited(s, func(sigs []signature) []signature { sigs[1].sig[100] ^= 1; return sigs })
}

// TestLinksLeadNowhere: a repository from a stranger may hold links; nothing
// outside of it is read or written through them.
func TestLinksLeadNowhere(t *testing.T) {
	f, acme := oneTenant(t)
	outside := t.TempDir()
	if err := errors.Join(os.RemoveAll(filepath.Join(f.Dir(), "targets", "tenant")), os.Symlink(outside, filepath.Join(f.Dir(), "targets", "tenant"))); err != nil {
		t.Fatal(err)
	}
	if _, err := f.SignImage(Image{"acme", "hello", "1.1.0", blob("new")}, acme); err == nil {
		t.Error("an image was signed through a link that leads out")
	}
	if names, err := os.ReadDir(outside); err != nil || len(names) > 0 {
		t.Errorf("outside of the repository lies %v (%v); want nothing", names, err)
	}
	secret := filepath.Join(outside, "secret")
	staged := filepath.Join(f.Dir(), "staged", "root.json")
	if err := errors.Join(os.WriteFile(secret, []byte("secret words"), 0o600), os.Symlink(secret, staged)); err != nil {
		t.Fatal(err)
	}
	_, err := f.Status()
	if err == nil || strings.Contains(err.Error(), "words") {
		t.Errorf("status says %v; want an error that shows nothing of the file", err)
	}
}

// TestWhatIsRefused has one request for each rule of the operator's and the
// tenant's commands. Nothing is written.
func TestWhatIsRefused(t *testing.T) {
	f, acme := oneTenant(t)
	stranger := testKey(t, "stranger")
	grant := Tenant{Ceiling: ceiling}
	hello := func() []Run { return []Run{{Tenant: "acme", Payload: "hello", Version: "1.0.0"}} }
	greedy, wide, other, doubled := hello(), hello(), hello(), append(hello(), hello()...)
	greedy[0].Limits.Memory = ceiling.Memory + 1
	wide[0].Services = []string{"camera/zenith"}
	other[0].Image = spaceos.DigestOf([]byte("other"))
	small := grant
	small.Ceiling.Data = 0
	before := contents(t, f.Dir())
	for _, c := range []struct {
		name string
		do   func() error
		is   error
		says string
	}{
		{"a name that leads out", func() error { _, err := f.AddTenant("../x", grant, one(acme), f.targets); return err }, spaceos.ErrName, "../x"},
		{"a tenant twice", func() error { _, err := f.AddTenant("acme", grant, one(acme), f.targets); return err }, ErrRepository, "already"},
		{"a tenant without keys", func() error { _, err := f.AddTenant("b", grant, RoleKeys{nil, 1}, f.targets); return err }, ErrKey, "has 0 keys"},
		{"a key twice in a role", func() error {
			_, err := f.AddTenant("b", grant, RoleKeys{publics(acme, acme), 2}, f.targets)
			return err
		}, ErrKey, "twice"},
		{"a threshold above the keys", func() error { _, err := f.AddTenant("b", grant, RoleKeys{publics(acme), 2}, f.targets); return err }, ErrKey, "2 signatures"},
		{"a ceiling of nothing", func() error { _, err := f.AddTenant("b", small, one(acme), f.targets); return err }, ErrRepository, "--data"},
		{"a tenant let in by another key", func() error { _, err := f.AddTenant("b", grant, one(acme), acme); return err }, ErrKey, "may not sign"},
		{"a service that is a path", func() error {
			_, err := f.AddTenant("b", Tenant{Ceiling: ceiling, Services: []string{"../time"}}, one(acme), f.targets)
			return err
		}, spaceos.ErrName, "../time"},
		{"an image of an unknown tenant", func() error { _, err := f.SignImage(Image{"b", "hello", "1", blob("b")}, acme); return err }, ErrRepository, "no tenant"},
		{"an image by a stranger", func() error { _, err := f.SignImage(Image{"acme", "hello", "2", blob("b")}, stranger); return err }, ErrKey, "may not sign"},
		{"a version that leads out", func() error { _, err := f.SignImage(Image{"acme", "hello", "../2", blob("b")}, acme); return err }, ErrRepository, "no version"},
		{"a version with another digest", func() error { _, err := f.SignImage(Image{"acme", "hello", "1.0.0", blob("b")}, acme); return err }, ErrRepository, "new version"},
		{"the same image again", func() error { _, err := f.SignImage(Image{"acme", "hello", "1.0.0", blob("hello")}, acme); return err }, ErrRepository, "signed already"},
		{"a role that leads out", func() error { _, err := f.Sign("../root", f.root); return err }, ErrRepository, "no role"},
		{"a document that needs nothing", func() error { _, err := f.Sign(Targets, f.targets); return err }, ErrRepository, "has all the signatures"},
		{"a timestamp by hand", func() error { _, err := f.Sign(Timestamp, f.timestamp); return err }, ErrRepository, "all the signatures"},
		{"publishing with a key of targets", func() error { _, err := f.Publish(f.targets); return err }, ErrKey, "neither snapshot's nor timestamp's"},
		{"a plan above the ceiling", func() error { _, err := f.SignPlan(Plan{Spacecraft: "sat-2", Runs: greedy}, f.direct); return err }, spaceos.ErrLimit, "memory"},
		{"a plan with a service not granted", func() error { _, err := f.SignPlan(Plan{Spacecraft: "sat-2", Runs: wide}, f.direct); return err }, ErrRepository, "camera/zenith"},
		{"a plan of an image nobody signed", func() error { _, err := f.SignPlan(Plan{Spacecraft: "sat-2", Runs: other}, f.direct); return err }, ErrRepository, "signed"},
		{"a plan that runs one twice", func() error { _, err := f.SignPlan(Plan{Spacecraft: "sat-2", Runs: doubled}, f.direct); return err }, ErrRepository, "twice"},
		{"a plan by a tenant", func() error { _, err := f.SignPlan(Plan{Spacecraft: "sat-2", Runs: hello()}, acme); return err }, ErrKey, "may not sign"},
		{"a plan for a path", func() error { _, err := f.SignPlan(Plan{Spacecraft: "a/b", Runs: hello()}, f.direct); return err }, spaceos.ErrName, "a/b"},
		{"a profile of fractions", func() error {
			_, err := f.SignPlan(Plan{Spacecraft: "sat-2", Runs: hello(), Profile: map[string]any{"mass": 1.5}}, f.direct)
			return err
		}, nil, "integer"},
		{"rotating an unknown role", func() error { _, err := f.Rotate("mirror", Change{Threshold: 1}, f.root); return err }, ErrRepository, "no role"},
		{"rotating a group", func() error { _, err := f.Rotate("group-0", Change{Threshold: 1}, f.root); return err }, ErrRepository, "keys of targets"},
		{"removing a key that is not there", func() error {
			_, err := f.Rotate(Snapshot, Change{Remove: publics(acme)}, f.root)
			return err
		}, ErrKey, "is not one of"},
		{"removing the last key", func() error {
			_, err := f.Rotate(Snapshot, Change{Remove: publics(f.snapshot)}, f.root)
			return err
		}, ErrKey, "has 0 keys"},
		{"revoking a key that is the last", func() error { _, err := f.RevokeKey(acme.Public(), f.targets); return err }, ErrKey, "has 0 keys"},
		{"revoking a key of nobody", func() error { _, err := f.RevokeKey(stranger.Public(), f.targets); return err }, ErrKey, "no role has"},
		{"a repository in a folder with files", func() error {
			_, _, err := Init(f.Dir(), Roles{Root: one(acme), Targets: one(acme), Snapshot: one(acme), Timestamp: one(acme), Director: one(acme)}, Options{})
			return err
		}, ErrRepository, "not empty"},
		{"a repository without a director", func() error {
			_, _, err := Init(t.TempDir()+"/x", Roles{Root: one(acme), Targets: one(acme), Snapshot: one(acme), Timestamp: one(acme)}, Options{})
			return err
		}, ErrKey, "director"},
		{"a folder that is no repository", func() error { _, err := Open(t.TempDir(), Options{}); return err }, ErrRepository, "trust init"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.do()
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v; want an error that is %v and says %q", err, c.is, c.says)
			}
			after := contents(t, f.Dir())
			for path := range after {
				if _, ok := before[path]; !ok && strings.Contains(path, string(filepath.Separator)+"metadata") {
					t.Errorf("%s was written", path)
				}
			}
		})
	}
}

// TestOneWriterAtATime: while a command works on the folder, another is told.
func TestOneWriterAtATime(t *testing.T) {
	f, _ := oneTenant(t)
	unlock, err := f.lock()
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Publish(f.snapshot, f.timestamp)
	wantError(t, err, ErrRepository, "wait until the other command has ended")
	unlock()
	f.publish()
}

// TestAddTenantCompletes: of a command that was cut off between its two files,
// the next try makes the rest.
func TestAddTenantCompletes(t *testing.T) {
	f := newFleet(t)
	k := testKey(t, "acme")
	before, err := os.ReadFile(filepath.Join(f.Dir(), metadataFile(Targets, 1)))
	if err != nil {
		t.Fatal(err)
	}
	f.tenant("acme")
	if err := os.Remove(filepath.Join(f.Dir(), metadataFile(Targets, 2))); err != nil {
		t.Fatal(err)
	}
	if now, _ := os.ReadFile(filepath.Join(f.Dir(), metadataFile(Targets, 1))); !bytes.Equal(now, before) {
		t.Fatal("a document that was whole has changed")
	}
	f.tenant("acme")
	if _, err := f.SignImage(Image{"acme", "hello", "1.0.0", blob("hello")}, k); err != nil {
		t.Fatal(err)
	}
	f.publish()
	f.rehearse("")
}

// TestTenantsOfManyKeysFly: a group holds fewer tenants where each has several
// keys, and a document that no spacecraft takes is not signed.
func TestTenantsOfManyKeysFly(t *testing.T) {
	f := newFleet(t)
	for i := range 8 {
		name := fmt.Sprintf("t%d", i)
		who := RoleKeys{publics(testKey(t, name+" 1"), testKey(t, name+" 2"), testKey(t, name+" 3")), 2}
		if _, err := f.AddTenant(name, Tenant{Ceiling: ceiling}, who, f.targets); err != nil {
			t.Fatal(err)
		}
	}
	f.publish()
	f.rehearse("")
	if groups, err := f.groups(); err != nil || len(groups) != 2 || len(groups[0].delegate) < 4 {
		t.Errorf("8 tenants of three keys are in %d groups (%v); want two", len(groups), err)
	}
	var many []PublicKey
	for i := range 17 {
		many = append(many, testKey(t, fmt.Sprint("many ", i)).Public())
	}
	_, err := f.AddTenant("many", Tenant{Ceiling: ceiling}, RoleKeys{many, 1}, f.targets)
	wantError(t, err, ErrKey, "at most 16")
	if _, err := f.Rotate(Targets, Change{Add: many[:10]}, f.root); err != nil {
		t.Fatal(err)
	}
	before := contents(t, f.Dir())
	_, err = f.Rotate(Snapshot, Change{Add: many[10:]}, f.root)
	wantError(t, err, ErrDocument, "and a spacecraft takes 65536")
	wantSame(t, f.Dir(), before)
}
