package trust_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"spaceos"
	"spaceos/internal/trusttest"
	"spaceos/trust"
)

// TestAttackOnSignatures are the attacks on who signed, and on the form of
// what was signed.
func TestAttackOnSignatures(t *testing.T) {
	for _, a := range []struct {
		name string
		try  func(b *board)
	}{
		{"below_threshold", func(b *board) {
			b.r.Tenants["a"].Role = trusttest.NewRole("tenant a, 2 of 3", 2, 3)
			b.good(b.update())
			a := b.r.Tenants["a"]
			a.Signers = a.Keys[1:]
			b.good(b.update())
			a.Signers = a.Keys[:1]
			b.refused(b.update(), trust.ErrSignatures)
		}},
		{"same_key_twice", func(b *board) {
			b.r.Timestamp = trusttest.NewRole("timestamp, 2 of 3", 2, 3)
			b.good(b.v.Root(b.r.NextRoot(b.r.Root)))
			b.good(b.update())
			b.r.Timestamp.Signers = b.r.Timestamp.Keys[:1]
			b.forge("timestamp", func(e *trust.Envelope) { e.Signatures = append(e.Signatures, e.Signatures...) })
			_, err := b.v.Open(b.r.Publish().Timestamp)
			b.refused(err, trust.ErrForm)
		}},
		{"same_pair_twice_in_a_role", func(b *board) {
			a := b.r.Tenants["a"]
			a.Role = trusttest.NewRole("tenant a, 2 of 3", 2, 3)
			b.good(b.update())
			a.Keys[1] = a.Keys[0]
			a.Signers = a.Keys[:1]
			b.refused(b.update(), trust.ErrKeys)
		}},
		{"shared_half_of_two_pairs", func(b *board) {
			a := b.r.Tenants["a"]
			a.Role = trusttest.NewRole("tenant a, 2 of 2", 2, 2)
			b.good(b.update())
			a.Keys = []*trusttest.Key{trusttest.KeyOf("one", "one"), trusttest.KeyOf("one", "two")}
			b.refused(b.update(), trust.ErrKeys)
			a.Keys = []*trusttest.Key{trusttest.KeyOf("one", "one"), trusttest.KeyOf("two", "one")}
			b.refused(b.update(), trust.ErrKeys)
		}},
		{"halves_of_two_pairs", func(b *board) {
			a := b.r.Tenants["a"]
			a.Role = trusttest.NewRole("tenant a, 1 of 2", 1, 2)
			b.good(b.update())
			a.Signers = a.Keys
			b.forge("tenant-a", func(e *trust.Envelope) { e.Signatures = []trust.Signature{e.Signatures[0], e.Signatures[3]} })
			b.refused(b.update(), trust.ErrSignatures)
		}},
		{"half_of_a_pair_missing", func(b *board) {
			b.good(b.update())
			for half := range 2 {
				b.forge("tenant-a", func(e *trust.Envelope) { e.Signatures = slices.Delete(e.Signatures, half, half+1) })
				b.refused(b.update(), trust.ErrSignatures)
			}
		}},
		{"half_of_a_pair_wrong", func(b *board) {
			b.good(b.update())
			for half := range 2 {
				b.forge("tenant-a", func(e *trust.Envelope) {
					e.Signatures[half].Sig = bytes.Clone(e.Signatures[half].Sig)
					e.Signatures[half].Sig[7] ^= 1
				})
				b.refused(b.update(), trust.ErrSignatures)
			}
		}},
		{"signed_part_changed", func(b *board) {
			b.good(b.update())
			b.forge("tenant-a", func(e *trust.Envelope) { e.Signed = bytes.Replace(e.Signed, []byte("app_1"), []byte("app_2"), 1) })
			b.refused(b.update(), trust.ErrSignatures)
		}},
		{"unknown_algorithm", func(b *board) {
			b.good(b.update())
			key := b.r.Tenants["a"].Keys[0]
			for half, object := range key.Objects {
				public, _ := object.Member("keyval").Member("public").Str()
				kind, _ := object.Member("keytype").Str()
				other := *key
				other.Objects[half] = trusttest.KeyObject(kind, []string{"rsa", "ml-dsa-44/1"}[half], public)
				other.IDs[half] = spaceos.DigestOf(other.Objects[half].Bytes())
				b.r.Tenants["a"].Keys[0] = &other
				b.refused(b.update(), trust.ErrKeys)
			}
		}},
		{"threshold_of_half_a_pair", func(b *board) {
			b.r.Tenants["a"].Role = trusttest.NewRole("tenant a, 1 of 2", 1, 2)
			b.good(b.update())
			b.edit("group-0", `"threshold":2`, `"threshold":3`)
			b.refused(b.update(), trust.ErrKeys)
		}},
		{"key_under_another_id", func(b *board) { // the ids' holder would sign with a key of the thief's
			b.good(b.update())
			own, other := trusttest.NewKey("tenant a 0"), trusttest.NewKey("thief")
			b.edit("group-0", string(own.Objects[0].Bytes()), string(other.Objects[0].Bytes()))
			b.refused(b.update(), trust.ErrKeys)
		}},
		{"key_written_in_another_way", func(b *board) { // which would give it a second id
			b.good(b.update())
			key := b.r.Tenants["a"].Keys[0]
			public := key.Objects[0].Member("keyval").Member("public")
			text, _ := public.Str()
			other := *key
			other.Objects[0] = trusttest.KeyObject("ed25519", "ed25519", strings.ToUpper(text))
			other.IDs[0] = spaceos.DigestOf(other.Objects[0].Bytes())
			b.r.Tenants["a"].Keys[0] = &other
			b.refused(b.update(), trust.ErrKeys)
			pem, _ := key.Objects[1].Member("keyval").Member("public").Str()
			for _, text := range []string{strings.TrimPrefix(pem, "-----BEGIN PUBLIC KEY-----"), strings.TrimSuffix(pem, "-----END PUBLIC KEY-----"),
				strings.Replace(pem, "MIIHsjAL", "MIIHsjAM", 1), strings.Replace(pem, "KEY-----M", "KEY----- M", 1)} {
				other := *key
				other.Objects[1] = trusttest.KeyObject("ml-dsa", "ml-dsa-65/1", text)
				other.IDs[1] = spaceos.DigestOf(other.Objects[1].Bytes())
				b.r.Tenants["a"].Keys[0] = &other
				b.refused(b.update(), trust.ErrKeys)
			}
		}},
		{"revoked_key", func(b *board) {
			b.honest(trusttest.RunOf("a"))
			_, err := b.v.Open(func() []byte { b.r.Tenants["a"].Sign("app_2", trusttest.Image("a2")); return b.r.Publish().Timestamp }())
			b.good(err)
			old := *b.r
			b.r.Director, b.r.Timestamp = trusttest.NewRole("director, new", 1, 1), trusttest.NewRole("timestamp, new", 1, 1)
			b.good(b.v.Root(b.r.NextRoot(b.r.Root)))
			if open := b.v.Status().Open; len(open) != 0 {
				b.Errorf("open sets after the root that took their key away: got %v, want none", open)
			}
			b.refused(b.v.Plan(old.Plan(craft)), trust.ErrSignatures)
			b.refused(b.v.Plan(old.Plan("sat-8")), trust.ErrSignatures) // of which nothing is read
			_, err = b.v.Open(old.Publish().Timestamp)
			b.refused(err, trust.ErrSignatures)
			b.good(b.v.Plan(b.r.Plan(craft)))
			b.good(b.update())
		}},
		{"signatures_added_on_the_way", func(b *board) { // would open one set many times, in place of others
			b.good(b.update())
			for i := range 2 {
				b.r.Tenants["a"].Sign(fmt.Sprintf("next_%d", i), trusttest.Image("a2"))
				_, err := b.v.Open(b.r.Publish().Timestamp)
				b.good(err)
			}
			for i := range 2 {
				b.forge("timestamp", func(e *trust.Envelope) {
					e.Signatures = append(e.Signatures, trust.Signature{Key: spaceos.Digest{byte(i)}, Sig: []byte("junk")})
				})
				_, err := b.v.Open(b.r.Publish().Timestamp)
				b.good(err)
			}
			if open := b.v.Status().Open; !slices.Equal(open, []int64{2, 3}) {
				b.Errorf("open sets: got %v, want 2 and 3", open)
			}
			b.r.Forge = nil
			b.good(b.update())
		}},
		{"root_signed_by_itself_alone", func(b *board) {
			b.good(b.v.Root(b.r.NextRoot(b.r.Root)))
			b.r.Root = trusttest.NewRole("thief", 1, 1)
			b.refused(b.v.Root(b.r.NextRoot(b.r.Root)), trust.ErrSignatures)
		}},
		{"root_not_signed_by_itself", func(b *board) {
			before := b.r.Root
			b.r.Root = trusttest.NewRole("root, new", 1, 1)
			b.r.Root.Signers = []*trusttest.Key{}
			b.refused(b.v.Root(b.r.NextRoot(before)), trust.ErrSignatures)
			b.r.Root.Signers, b.r.Version["root"] = nil, 1
			b.good(b.v.Root(b.r.NextRoot(before)))
		}},
		{"root_that_skips_a_version", func(b *board) {
			b.good(b.v.Root(b.r.NextRoot(b.r.Root)))
			b.r.Version["root"]++
			b.refused(b.v.Root(b.r.NextRoot(b.r.Root)), trust.ErrRollback)
		}},
		{"second_root_of_the_factory", func(b *board) {
			b.good(b.update())
			b.refused(trust.Provision(b.s, b.r.RootDocument()), trust.ErrRefused)
			b.refused(trust.Provision(mute{b.s}, b.r.RootDocument()), trust.ErrRefused)
			b.start()
			if h := b.held("timestamp"); h.Version != 1 {
				b.Errorf("held of timestamp after a store was provisioned that could not be read: got %+v, want version 1", h)
			}
		}},
		{"role_of_nobody", func(b *board) {
			e, err := trust.ParseEnvelope(b.r.RootDocument())
			b.good(err)
			b.refused(trust.SignedByNobody(e), trust.ErrSignatures)
		}},
		{"doubled_json_keys", func(b *board) {
			b.good(b.update())
			b.edit("tenant-a", `"version":`, `"version":9,"version":`)
			b.refused(b.update(), trust.ErrForm)
		}},
		{"case_folding", func(b *board) {
			b.good(b.update())
			b.edit("tenant-a", `{"_type"`, `{"Version":9,"_type"`)
			b.refused(b.update(), trust.ErrForm)
		}},
		{"unknown_field", func(b *board) {
			b.good(b.update())
			b.edit("group-0", `"paths":`, `"path_hash_prefixes":["00"],"paths":`)
			b.refused(b.update(), trust.ErrForm)
		}},
		{"white_space", func(b *board) {
			b.good(b.update())
			b.edit("tenant-a", `"version":`, `"version": `)
			b.refused(b.update(), trust.ErrForm)
		}},
		{"time_in_another_form", func(b *board) {
			b.good(b.update())
			b.edit("tenant-a", `:00Z`, `:00.5Z`)
			b.refused(b.update(), trust.ErrForm)
		}},
	} {
		t.Run(a.name, func(t *testing.T) { a.try(newBoard(t, "a", "b")) })
	}
}

// mute is a store that cannot be read just now.
type mute struct{ *trusttest.Store }

func (mute) Get(string) ([]byte, error) { return nil, errors.New("the bus is busy") }
