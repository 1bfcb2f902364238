package repository

import (
	"errors"
	"path/filepath"
	"testing"

	"spaceos"
	"spaceos/trust"
)

// wantProgress wants the last of some documents to be where it should be.
func wantProgress(t *testing.T, all []Progress, err error, role string, version int64, signed, needed int) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.Role == role {
			if p.Version != version || p.Signed != signed || p.Needed != needed || p.Complete != (signed >= needed) {
				t.Fatalf("%+v; want version %d with %d of %d signatures", p, version, signed, needed)
			}
			return
		}
	}
	t.Fatalf("%+v; want %s among them", all, role)
}

// TestTwoOfThree has every role with three keys of which two must sign: one
// person after another, each with one key, and nothing counts before.
func TestTwoOfThree(t *testing.T) {
	three := func(name string) []*Key {
		return []*Key{testKey(t, name+" 1"), testKey(t, name+" 2"), testKey(t, name+" 3")}
	}
	who := func(keys []*Key) RoleKeys { return RoleKeys{publics(keys...), 2} }
	root, targets, snapshot, stamp, director, acme := three("root"), three("targets"), three("snapshot"), three("timestamp"), three("director"), three("acme")
	r, all, err := Init(filepath.Join(t.TempDir(), "fleet"), Roles{
		Root: who(root), Targets: who(targets), Snapshot: who(snapshot), Timestamp: who(stamp), Director: who(director),
	}, Options{Now: fixedTime}, root[2])
	wantProgress(t, all, err, Root, 1, 1, 2)
	_, err = r.Publish(snapshot[0])
	wantError(t, err, ErrDocument, "root is not signed yet")
	all, err = r.Sign(Root, root[2]) // again: still one
	wantProgress(t, all, err, Root, 1, 1, 2)
	all, err = r.Sign(Root, root[0])
	wantProgress(t, all, err, Root, 1, 2, 2)

	all, err = r.AddTenant("acme", Tenant{Ceiling: ceiling}, who(acme), targets[1])
	wantProgress(t, all, err, "group-0", 1, 1, 2)
	all, err = r.Sign(Targets, targets[0])
	wantProgress(t, all, err, "group-0", 1, 2, 2)
	wantProgress(t, all, err, Targets, 1, 2, 2)

	p, err := r.SignImage(Image{"acme", "hello", "1.0.0", blob("hello")}, acme[0])
	wantProgress(t, []Progress{p}, err, "tenant-acme", 1, 1, 2)
	// A second image before the first is whole makes one document of both,
	// which must be signed from the start.
	p, err = r.SignImage(Image{"acme", "hello", "1.0.1", blob("hello 2")}, acme[1])
	wantProgress(t, []Progress{p}, err, "tenant-acme", 1, 1, 2)
	all, err = r.Sign("tenant-acme", acme[2])
	wantProgress(t, all, err, "tenant-acme", 1, 2, 2)

	all, err = r.Publish(snapshot[0], stamp[0])
	wantProgress(t, all, err, Snapshot, 1, 1, 2)
	all, err = r.Publish(snapshot[1], stamp[0])
	wantProgress(t, all, err, Snapshot, 1, 2, 2)
	wantProgress(t, all, err, Timestamp, 1, 1, 2)
	all, err = r.Publish(stamp[2])
	wantProgress(t, all, err, Timestamp, 1, 2, 2)

	plan := Plan{Spacecraft: "sat-1", Runs: []Run{{Tenant: "acme", Payload: "hello", Version: "1.0.1"}}}
	p, err = r.SignPlan(plan, director[0])
	wantProgress(t, []Progress{p}, err, "plan-sat-1", 1, 1, 2)
	all, err = r.Sign("plan-sat-1", director[1])
	wantProgress(t, all, err, "plan-sat-1", 1, 2, 2)
	f := &fleet{Repository: r, t: t}
	v := f.rehearse("sat-1")
	if _, err := v.Admit(trust.Claim{Run: trust.Run{Tenant: "acme", Payload: "hello", Version: "1.0.1", Image: spaceos.DigestOf(blob("hello 2"))}}); err != nil {
		t.Fatal(err)
	}
	s, err := r.Status()
	if err != nil || len(s.Todo) > 0 {
		t.Fatalf("to do: %v (%v); want nothing", s.Todo, err)
	}
}

// TestRotateTargets replaces the keys of targets: all groups are signed anew
// with it, a spacecraft of the first root follows, and so does python-tuf.
func TestRotateTargets(t *testing.T) {
	f, _ := oneTenant(t)
	fresh := testKey(t, "targets 2")
	if _, err := f.Rotate(Targets, Change{Add: publics(fresh), Remove: publics(f.targets)}, f.root); err != nil {
		t.Fatal(err)
	}
	_, err := f.Publish(f.snapshot, f.timestamp)
	wantError(t, err, ErrDocument, "targets version 2 has 0 of the 1 signatures")
	s, err := f.Status()
	if err != nil || s.Published || len(s.Todo) != 3 {
		t.Fatalf("to do: %q (%v); want targets, group-0 and publishing", s.Todo, err)
	}
	_, err = f.Sign(Targets, f.targets)
	wantError(t, err, ErrKey, "may not sign")
	all, err := f.Sign(Targets, fresh)
	wantProgress(t, all, err, "group-0", 2, 1, 1)
	wantProgress(t, all, err, Targets, 3, 1, 1)
	f.publish()
	f.rehearse("sat-1")
}

// TestRecoveryFromFastForward: a thief of the snapshot's key made its version
// so high that no higher one is left. With a new key, counting starts anew on
// board.
func TestRecoveryFromFastForward(t *testing.T) {
	f, _ := oneTenant(t)
	board := memoryStore{}
	doc, err := document(f.firstRoot())
	if err != nil {
		t.Fatal(err)
	}
	if err := trust.Provision(board, doc); err != nil {
		t.Fatal(err)
	}
	v, err := trust.New(board, "sat-1", fixedTime())
	if err != nil {
		t.Fatal(err)
	}
	stolen := f.copy(t)
	e, h, err := stolen.current(Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	d, err := readSnapshot(e)
	if err != nil {
		t.Fatal(err)
	}
	h.version = maxVersion
	d.head = h
	if _, err := stolen.put(Snapshot, h, d.value(), []*Key{stolen.snapshot}); err != nil {
		t.Fatal(err)
	}
	set, err := stolen.collect()
	if err != nil {
		t.Fatal(err)
	}
	_, p, err := stolen.whole(set.root.roles[Snapshot])
	if err != nil {
		t.Fatal(err)
	}
	set.pieces[p.digest] = p.length
	if _, err := stolen.publishTimestamp(set, p, []*Key{stolen.timestamp}); err != nil {
		t.Fatal(err)
	}
	if err := stolen.sendSet(v); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Publish(f.snapshot, f.timestamp); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Publish(f.snapshot, f.timestamp); err != nil {
		t.Fatal(err)
	}
	wantError(t, f.sendSet(v), trust.ErrRollback, "snapshot")
	fresh := testKey(t, "snapshot 2")
	if _, err := f.Rotate(Snapshot, Change{Add: publics(fresh), Remove: publics(f.snapshot)}, f.root); err != nil {
		t.Fatal(err)
	}
	f.snapshot = fresh
	f.publish()
	if err := f.sendRoots(v, f.firstRoot()); err != nil {
		t.Fatal(err)
	}
	if err := f.sendSet(v); err != nil {
		t.Fatalf("after the key was replaced: %v", err)
	}
}

// TestRevokedImageStaysRevoked: neither the charter's list nor the tenant's
// lets one back, and a plan cannot name it.
func TestRevokedImageStaysRevoked(t *testing.T) {
	f, acme := oneTenant(t)
	digest := spaceos.DigestOf(blob("hello"))
	run := []Run{{Tenant: "acme", Payload: "hello", Version: "1.0.0"}}
	byAll, byTenant := f, f.copy(t)
	if _, err := byAll.RevokeImage(digest, "", f.targets); err != nil {
		t.Fatal(err)
	}
	_, err := byAll.SignPlan(Plan{Spacecraft: "sat-1", Runs: run}, f.direct)
	wantError(t, err, ErrRepository, "is revoked")
	_, err = byAll.RevokeImage(digest, "", f.targets)
	wantError(t, err, ErrRepository, "already")
	byAll.publish()
	if v := byAll.rehearse(""); v.Revoked("acme", digest) == nil {
		t.Error("a spacecraft does not know that the image is revoked")
	}
	if _, err := byTenant.RevokeImage(digest, "acme", acme); err != nil {
		t.Fatal(err)
	}
	_, err = byTenant.SignImage(Image{"acme", "hello", "1.0.0", blob("hello")}, acme)
	wantError(t, err, ErrRepository, "what was revoked stays so")
	_, err = byTenant.SignPlan(Plan{Spacecraft: "sat-1", Runs: run}, f.direct)
	wantError(t, err, ErrRepository, "has not signed")
	byTenant.publish()
	if v := byTenant.rehearse(""); v.Revoked("acme", digest) == nil {
		t.Error("a spacecraft does not know that the tenant revoked its image")
	}
}

// TestPublishedVersionsStay: what was published cannot go back, vanish or
// change under its number, which clients would refuse.
func TestPublishedVersionsStay(t *testing.T) {
	whole, acme := oneTenant(t)
	if _, err := whole.SignImage(Image{"acme", "hello", "1.1.0", blob("hello 2")}, acme); err != nil {
		t.Fatal(err)
	}
	whole.publish()
	for name, change := range map[string]func(f *fleet) error{
		"an older copy": func(f *fleet) error { return f.files().remove(metadataFile("tenant-acme", 2)) },
		"gone": func(f *fleet) error {
			return errors.Join(f.files().remove(metadataFile("tenant-acme", 2)), f.files().remove(metadataFile("tenant-acme", 1)))
		},
		"another with its number": func(f *fleet) error {
			if err := f.files().remove(metadataFile("tenant-acme", 2)); err != nil {
				return err
			}
			_, err := f.SignImage(Image{"acme", "hello", "1.2.0", blob("hello 3")}, acme)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := whole.copy(t)
			if err := change(f); err != nil {
				t.Fatal(err)
			}
			before := contents(t, f.Dir())
			_, err := f.Publish(f.snapshot, f.timestamp)
			wantError(t, err, ErrDocument, "tenant-acme version 2 was published")
			wantSame(t, f.Dir(), before)
		})
	}
}

// TestANewRootNeedsTheOldKeys: neither the old keys nor the new ones alone
// make a root whole (TUF 5.3.4), and a spacecraft follows the chain.
func TestANewRootNeedsTheOldKeys(t *testing.T) {
	f, _ := oneTenant(t)
	fresh := testKey(t, "root 2")
	change := Change{Add: publics(fresh), Remove: publics(f.root)}
	p, err := f.Rotate(Root, change, fresh)
	wantProgress(t, []Progress{p}, err, Root, 2, 0, 1)
	all, err := f.Sign(Root, f.root)
	wantProgress(t, all, err, Root, 2, 1, 1)
	f.rehearse("sat-1")

	p, err = f.Rotate(Root, Change{Add: publics(f.root), Remove: publics(fresh)}, f.root)
	wantProgress(t, []Progress{p}, err, Root, 3, 0, 1)
	all, err = f.Sign(Root, fresh)
	wantProgress(t, all, err, Root, 3, 1, 1)
	f.rehearse("sat-1")
}
