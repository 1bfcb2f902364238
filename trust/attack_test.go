package trust_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"spaceos"
	"spaceos/canonical"
	"spaceos/internal/trusttest"
	"spaceos/trust"
)

// attacks are what somebody may try who has the link, and in some cases keys.
// Each first shows that the honest version is taken.
var attacks = []struct {
	name string
	try  func(b *board)
}{
	{"rollback", func(b *board) {
		first := b.r.Publish()
		_, err := b.feed(first)
		b.good(err)
		b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2"))
		b.good(b.update())
		_, err = b.v.Open(first.Timestamp)
		b.refused(err, trust.ErrRollback)
	}},
	{"rollback_of_one_document", func(b *board) { // by a thief of snapshot and timestamp
		old := b.r.Publish()
		_, err := b.feed(old)
		b.good(err)
		b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2"))
		b.good(b.update())
		b.r.Version["tenant-a"] = 0
		b.r.Tenants["a"].Sign("app_3", trusttest.Image("a3"))
		b.refused(b.update(), trust.ErrRollback)
	}},
	{"two_documents_of_one_version", func(b *board) {
		b.good(b.update())
		b.r.Version["tenant-a"]--
		b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2"))
		b.refused(b.update(), trust.ErrRollback)
	}},
	{"two_timestamps_of_one_version", func(b *board) { // by a thief of timestamp: it names what nobody has
		b.good(b.update())
		b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2"))
		honest := b.r.Publish()
		b.edit("timestamp", `"x-spaceos-pieces":{`, `"x-spaceos-pieces":{"`+strings.Repeat("0", 64)+`":1,`)
		b.r.Version["timestamp"]--
		_, err := b.v.Open(b.r.Publish().Timestamp)
		b.good(err)
		_, err = b.v.Open(honest.Timestamp)
		b.refused(err, trust.ErrRollback) // not taken for the one that is open: the ground hears of it
		b.r.Edit = nil
		b.r.Tenants["a"].Sign("app_3", trusttest.Image("a3"))
		b.good(b.update())
	}},
	{"freeze", func(b *board) {
		b.good(b.update())
		b.r.Expiry["timestamp"] = trusttest.Floor.Add(time.Hour)
		set := b.r.Publish()
		b.v.Raise(trusttest.Floor.Add(time.Hour))
		_, err := b.feed(set)
		b.refused(err, trust.ErrExpired)
		if h := b.held("timestamp"); h.Version != 1 || h.Expires != trusttest.Expires.Unix() {
			b.Errorf("held of timestamp: got %+v, want version 1, so that the ground sees what is held back", h)
		}
	}},
	{"freeze_of_one_document", func(b *board) {
		b.good(b.update())
		b.r.Expiry["group-0"] = trusttest.Floor
		b.refused(b.update(), trust.ErrExpired)
	}},
	{"a_tenant_that_does_not_sign_again_stops_nobody", func(b *board) {
		b.r.Expiry["tenant-a"] = trusttest.Floor
		b.good(b.update())
		b.r.Revoked = append(b.r.Revoked, trusttest.Image("b1"))
		b.good(b.update())
	}},
	{"freeze_by_an_old_root", func(b *board) {
		b.r.Expiry["root"] = trusttest.Floor.Add(time.Hour)
		b.good(b.v.Root(b.r.NextRoot(b.r.Root)))
		b.good(b.update())
		b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2"))
		set := b.r.Publish()
		_, err := b.v.Open(set.Timestamp)
		b.good(err)
		b.v.Raise(trusttest.Floor.Add(2 * time.Hour))
		_, err = b.feed(set) // the root expired while the set was open
		b.refused(err, trust.ErrExpired)
		_, err = b.v.Open(set.Timestamp)
		b.refused(err, trust.ErrExpired)
		b.refused(b.v.Plan(b.r.Plan(craft)), trust.ErrExpired)
		delete(b.r.Expiry, "root")
		b.good(b.v.Root(b.r.NextRoot(b.r.Root))) // the expired one still leads on
		b.good(b.update())
	}},
	{"mix_and_match", func(b *board) { // by a thief of snapshot and timestamp
		b.good(b.update())
		b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2"))
		b.edit("snapshot", `"version":2},"tenant-b.json"`, `"version":3},"tenant-b.json"`)
		b.refused(b.update(), trust.ErrMixed)
	}},
	{"mix_and_match_of_sets", func(b *board) {
		old := b.r.Publish()
		_, err := b.feed(old)
		b.good(err)
		b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2"))
		b.r.Listed["tenant-a"] = trusttest.PieceOf(old.Pieces["tenant-a"])
		b.refused(b.update(), trust.ErrMixed)
	}},
	{"charter_not_named", func(b *board) {
		old := b.r.Publish()
		_, err := b.feed(old)
		b.good(err)
		d := trusttest.PieceOf(old.Pieces["charter"]).Digest.String()[len("sha256:"):]
		b.edit("targets", d, strings.Repeat("0", 64))
		b.refused(b.update(), trust.ErrMixed)
	}},
	{"hidden_tenant", func(b *board) { // by a thief of snapshot and timestamp
		b.good(b.update())
		b.edit("snapshot", `"tenant-a.json"`, `"tenant-A.json"`)
		b.refused(b.update(), trust.ErrMixed)
	}},
	{"tenant_delegated_twice", func(b *board) {
		b.r.GroupSize = 1
		b.good(b.update())
		b.edit("group-1", `tenant-b","paths":["tenant/b/*"]`, `tenant-a","paths":["tenant/a/*"]`)
		b.refused(b.update(), trust.ErrMixed)
	}},
	{"wrong_tenant", func(b *board) {
		run := trusttest.RunOf("a")
		b.honest(run)
		run.Tenant = "b"
		_, err := b.v.Admit(trust.Claim{Run: run})
		b.refused(err, trust.ErrRefused)
	}},
	{"another_tenants_image", func(b *board) { // a's image under b's name, and b's plan
		b.honest(trusttest.RunOf("b"))
		run := trusttest.RunOf("b")
		run.Image = trusttest.Image("a")
		b.good(b.v.Plan(b.r.Plan(craft, run)))
		_, err := b.v.Admit(trust.Claim{Run: run})
		b.refused(err, trust.ErrRefused)
	}},
	{"wrong_spacecraft", func(b *board) {
		b.honest(trusttest.RunOf("a"))
		b.refused(b.v.Plan(b.r.Plan("sat-8", trusttest.RunOf("a"))), trust.ErrSpacecraft)
	}},
	{"rollback_of_the_plan", func(b *board) {
		first := b.r.Plan(craft)
		b.good(b.v.Plan(first))
		b.good(b.v.Plan(b.r.Plan(craft)))
		b.refused(b.v.Plan(first), trust.ErrRollback)
	}},
	{"freeze_by_an_old_plan", func(b *board) {
		b.good(b.v.Plan(b.r.Plan(craft)))
		b.r.Expiry["plan"] = trusttest.Floor
		b.refused(b.v.Plan(b.r.Plan(craft)), trust.ErrExpired)
	}},
	{"endless_data", func(b *board) {
		b.good(b.update())
		doc := append([]byte{1, 0}, bytes.Repeat([]byte(" "), trust.MaxDocument)...)
		_, err := b.v.Piece(doc)
		b.refused(err, trust.ErrTooLarge)
		_, err = b.v.Open(doc)
		b.refused(err, trust.ErrTooLarge)
		b.refused(b.v.Root(doc), trust.ErrTooLarge)
		b.refused(b.v.Plan(doc), trust.ErrTooLarge)
	}},
	{"unnamed_piece", func(b *board) {
		set := b.r.Publish()
		_, err := b.v.Open(set.Timestamp)
		b.good(err)
		_, err = b.v.Piece(set.Pieces["charter"])
		b.good(err)
		b.r.Revoked = append(b.r.Revoked, trusttest.Image("a"))
		_, err = b.v.Piece(b.r.Publish().Pieces["charter"])
		b.refused(err, trust.ErrUnnamed)
	}},
	{"named_piece_of_another_length", func(b *board) {
		b.good(b.update())
		b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2"))
		set := b.r.Publish()
		p := trusttest.PieceOf(set.Pieces["tenant-a"])
		b.edit("timestamp", fmt.Sprintf(`%x":%d`, p.Digest[:], p.Length), fmt.Sprintf(`%x":%d`, p.Digest[:], p.Length+1))
		_, err := b.v.Open(b.r.Publish().Timestamp)
		b.good(err)
		_, err = b.v.Piece(set.Pieces["tenant-a"])
		b.refused(err, trust.ErrUnnamed)
	}},
	{"swapped_blobs", func(b *board) { // b's document in a's place
		b.good(b.update())
		b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2"))
		b.r.Version["tenant-b"] = 1
		b.r.Listed["tenant-a"] = trusttest.PieceOf(b.r.Publish().Pieces["tenant-b"])
		b.refused(b.update(), trust.ErrSignatures)
	}},
	{"swapped_groups", func(b *board) { // signed by the same keys, by a thief of snapshot and timestamp
		b.r.GroupSize = 1
		b.good(b.update())
		set := b.r.Publish()
		b.r.Listed["group-0"], b.r.Listed["group-1"] = trusttest.PieceOf(set.Pieces["group-1"]), trusttest.PieceOf(set.Pieces["group-0"])
		b.refused(b.update(), trust.ErrType)
	}},
	{"role_outside_its_folder", func(b *board) {
		b.good(b.update())
		b.r.Tenants["a"].Targets["tenant/b/app_1"] = trusttest.Image("a")
		b.refused(b.update(), trust.ErrFolder)
	}},
	{"deeper_than_its_folder", func(b *board) {
		b.good(b.update())
		b.r.Tenants["a"].Sign("x/../../b/app_1", trusttest.Image("a"))
		b.refused(b.update(), trust.ErrFolder)
	}},
	{"prefix_confusion", func(b *board) {
		b.r.AddTenant("ab")
		b.good(b.update())
		b.r.Tenants["a"].Targets["tenant/ab/app_1"] = trusttest.Image("a")
		b.refused(b.update(), trust.ErrFolder)
	}},
	{"prefix_confusion_without_slash", func(b *board) {
		b.r.AddTenant("ab")
		b.good(b.update())
		b.r.Tenants["a"].Targets["tenant/abapp_1"] = trusttest.Image("a")
		b.refused(b.update(), trust.ErrFolder)
	}},
	{"tenant_called_as_a_group", func(b *board) {
		b.r.AddTenant("group-0")
		b.good(b.update())
		b.edit("group-0", `"targets":{}`, `"targets":{"tenant/group-0/app_1":{"hashes":{"sha256":"`+strings.Repeat("0", 64)+`"},"length":1}}`)
		b.refused(b.update(), trust.ErrFolder)
	}},
	{"node_image_by_a_tenant", func(b *board) {
		b.r.Node["spacenode-1"] = trusttest.Image("node")
		b.good(b.update())
		b.r.Tenants["a"].Targets["node/spacenode-2"] = trusttest.Image("a")
		b.refused(b.update(), trust.ErrFolder)
	}},
	{"delegation_of_too_much", func(b *board) {
		b.good(b.update())
		b.edit("group-0", `["tenant/a/*"]`, `["tenant/*/*"]`)
		b.refused(b.update(), trust.ErrFolder)
	}},
	{"revoked_digest", func(b *board) {
		b.honest(trusttest.RunOf("a"), trusttest.RunOf("b"))
		b.r.Revoked = []spaceos.Digest{trusttest.Image("a")}
		b.good(b.update())
		_, err := b.v.Admit(trust.Claim{Run: trusttest.RunOf("a")})
		b.refused(err, trust.ErrRevoked)
		b.refused(b.v.Revoked("a", trusttest.Image("a")), trust.ErrRevoked)
		b.good(b.v.Revoked("b", trusttest.Image("b")))
	}},
	{"revoked_digest_by_its_tenant", func(b *board) {
		b.honest(trusttest.RunOf("a"), trusttest.RunOf("b"))
		b.r.Tenants["a"].Revoked = []spaceos.Digest{trusttest.Image("a"), trusttest.Image("b")}
		b.good(b.update())
		_, err := b.v.Admit(trust.Claim{Run: trusttest.RunOf("a")})
		b.refused(err, trust.ErrRevoked)
		_, err = b.v.Admit(trust.Claim{Run: trusttest.RunOf("b")}) // which a cannot stop
		b.good(err)
	}},
	{"stolen_tenant_key", func(b *board) { // alone: it signs an image, and nobody plans it
		b.honest(trusttest.RunOf("a"))
		evil := trusttest.RunOf("a")
		evil.Version, evil.Image = "2", trusttest.Image("evil")
		b.r.Tenants["a"].Sign("app_2", evil.Image)
		b.good(b.update())
		_, err := b.v.Admit(trust.Claim{Run: evil})
		b.refused(err, trust.ErrRefused)
		b.r.Tenants["a"].Sign("app_1", evil.Image) // under the name of the planned one
		b.good(b.update())
		evil.Version = "1"
		_, err = b.v.Admit(trust.Claim{Run: evil})
		b.refused(err, trust.ErrRefused)
	}},
	{"stolen_director_key", func(b *board) { // alone: it plans what no tenant signed, or beyond the charter
		b.honest(trusttest.RunOf("a"))
		admit := func(change func(r *trust.Run)) error {
			run := trusttest.RunOf("a")
			change(&run)
			b.good(b.v.Plan(b.r.Plan(craft, run)))
			_, err := b.v.Admit(trust.Claim{Run: run})
			return err
		}
		b.refused(admit(func(r *trust.Run) { r.Image = trusttest.Image("evil") }), trust.ErrRefused)
		b.refused(admit(func(r *trust.Run) { r.Limits.Memory *= 2 }), spaceos.ErrLimit)
		b.refused(admit(func(r *trust.Run) { r.Services = []string{"camera"} }), trust.ErrRefused)
		b.refused(admit(func(r *trust.Run) { r.Tenant = "c" }), trust.ErrRefused)
		b.r.Version["plan"] += 1 << 16
		b.refused(b.v.Plan(b.r.Plan(craft)), trust.ErrRollback)
	}},
	{"more_than_the_lease", func(b *board) {
		b.honest(trusttest.RunOf("a"))
		more := trust.Claim{Run: trusttest.RunOf("a")}
		more.Limits.CPUTime++
		_, err := b.v.Admit(more)
		b.refused(err, spaceos.ErrLimit)
		more = trust.Claim{Run: trusttest.RunOf("a")}
		more.Services = []string{"time", "position"}
		_, err = b.v.Admit(more)
		b.refused(err, trust.ErrRefused)
	}},
	{"engine_not_granted", func(b *board) {
		b.honest(trusttest.RunOf("a"))
		_, err := b.v.Admit(trust.Claim{Run: trusttest.RunOf("a"), Engine: "process"})
		b.refused(err, trust.ErrRefused)
	}},
	{"tenant_not_in_the_charter", func(b *board) {
		b.honest(trusttest.RunOf("a"))
		b.edit("charter", `"tenants":{"a":`, `"tenants":{"aa":`)
		b.good(b.update())
		_, err := b.v.Admit(trust.Claim{Run: trusttest.RunOf("a")})
		b.refused(err, trust.ErrRefused)
	}},
	{"fast_forward_and_recovery", fastForward},
	{"document_of_another_type", anotherType},
}

func fastForward(b *board) {
	b.good(b.update())
	tenant, thief := b.r.Tenants["a"], int64(canonical.MaxInt)
	b.r.Version["tenant-a"] = thief - 1
	tenant.Sign("app_2", trusttest.Image("a2"))
	b.good(b.update()) // the thief has the key
	b.r.Version["tenant-a"] = 1
	tenant.Sign("app_3", trusttest.Image("a3"))
	b.refused(b.update(), trust.ErrRollback)
	fresh := trusttest.NewRole("tenant a, new", 1, 2)
	tenant.Keys = []*trusttest.Key{tenant.Keys[0], fresh.Keys[0]} // one of the old keys is left
	b.refused(b.update(), trust.ErrRollback)
	tenant.Role = fresh
	b.good(b.update())
	if h := b.held("tenant-a"); h.Epoch != 1 || h.Version >= thief {
		b.Errorf("tenant-a after its keys were replaced: got %+v, want epoch 1 and a counter that started anew", h)
	}
	b.r.Version["timestamp"] = thief - 1
	b.r.Tenants["a"].Sign("app_4", trusttest.Image("a4"))
	b.good(b.update())
	b.r.Version["timestamp"] = 5
	b.r.Tenants["a"].Sign("app_5", trusttest.Image("a5"))
	b.refused(b.update(), trust.ErrRollback)
	b.r.Timestamp = trusttest.NewRole("timestamp, new", 1, 1)
	b.good(b.v.Root(b.r.NextRoot(b.r.Root)))
	b.good(b.update())
}

func anotherType(b *board) {
	shared := trusttest.NewRole("shared", 1, 1)
	r := trusttest.New("a")
	r.Timestamp, r.Snapshot, r.Director, r.Root, r.Targets = shared, shared, shared, shared, shared
	r.Tenants["a"].Role = shared
	*b = *boardOf(b.T, r)
	b.honest()
	set := r.Publish()
	plan := r.Plan(craft)
	for name, doc := range map[string][]byte{"snapshot": set.Pieces["snapshot"], "targets": set.Pieces["targets"], "plan": plan} {
		if _, err := b.v.Open(doc); err != nil {
			b.refused(err, trust.ErrType)
		} else {
			b.Errorf("%s passed as a timestamp", name)
		}
	}
	b.refused(b.v.Plan(set.Timestamp), trust.ErrType)
	b.refused(b.v.Root(set.Pieces["snapshot"]), trust.ErrType)
	r.Listed["tenant-a"] = trusttest.PieceOf(set.Pieces["group-0"])
	r.Version["tenant-a"] = r.Version["group-0"]
	b.refused(b.update(), trust.ErrType)
}

func TestAttack(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) { a.try(newBoard(t, "a", "b")) })
	}
}
