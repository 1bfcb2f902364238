package trust_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"spaceos"
	"spaceos/internal/trusttest"
	"spaceos/trust"
)

// TestBadForms changes one thing in a good document: each is one rule of what
// may stand in one, whoever signed it.
func TestBadForms(t *testing.T) {
	r := trusttest.New("a")
	set, root := r.Publish(), r.RootDocument()
	good := map[string][]byte{"root": root, "timestamp": set.Timestamp, "director": r.Plan(craft, trusttest.RunOf("a"))}
	for name, doc := range set.Pieces {
		good[name] = doc
	}
	director, stamp := r.Director.Keys[0], r.Timestamp.Keys[0]
	last := fmt.Sprintf(`%x"],"threshold":2`, director.IDs[1][:])
	run := `{"image":"` + trusttest.Image("a").String() + `"`
	for _, c := range []struct {
		name, role, old, new string
		want                 error
	}{
		{"another specification", "targets", `"spec_version":"1.`, `"spec_version":"2.`, trust.ErrForm},
		{"version 0", "targets", `,"version":1,`, `,"version":0,`, trust.ErrForm},
		{"a snapshot that may change", "root", `"consistent_snapshot":true`, `"consistent_snapshot":false`, trust.ErrForm},
		{"a threshold beyond the keys", "root", last, strings.TrimSuffix(last, "2") + "4", trust.ErrKeys},
		{"a threshold of none", "root", last, strings.TrimSuffix(last, "2") + "0", trust.ErrForm},
		{"half a pair more", "root", last, fmt.Sprintf(`%x","%x"],"threshold":2`, director.IDs[1][:], stamp.IDs[0][:]), trust.ErrKeys},
		{"a key that nobody has", "root", `"keys":{`, `"keys":{"!":1,`, trust.ErrForm},
		{"a second digest", "targets", `"hashes":{"`, `"hashes":{"md5":"00","`, trust.ErrForm},
		{"a length below nothing", "targets", `"length":`, `"length":-`, trust.ErrForm},
		{"a file of version 0", "snapshot", `,"version":1},`, `,"version":0},`, trust.ErrForm},
		{"a piece that is no digest", "timestamp", `"x-spaceos-pieces":{"`, `"x-spaceos-pieces":{"!":1,"`, trust.ErrForm},
		{"pieces that are a list", "timestamp", `"x-spaceos-pieces":{`, `"x-spaceos-pieces":[],"z":{`, trust.ErrForm},
		{"a delegation that goes on", "group-0", `"terminating":true`, `"terminating":false`, trust.ErrFolder},
		{"a tenant's name that is none", "group-0", `"name":"tenant-a","paths":["tenant/a/*"]`, `"name":"tenant-A","paths":["tenant/A/*"]`, trust.ErrFolder},
		{"a revoked text", "tenant-a", `"x-spaceos-revoked":[]`, `"x-spaceos-revoked":["x"]`, trust.ErrForm},
		{"a revoked number", "tenant-a", `"x-spaceos-revoked":[]`, `"x-spaceos-revoked":[1]`, trust.ErrForm},
		{"no list of revoked digests", "tenant-a", `,"x-spaceos-revoked":[]`, ``, trust.ErrForm},
		{"a charter of a name that is none", "charter", `"tenants":{"a":`, `"tenants":{"A":`, trust.ErrForm},
		{"a key for products that is no digest", "charter", `"encryption":""`, `"encryption":"x"`, trust.ErrForm},
		{"a ceiling of nothing", "charter", `"log-rate":65536`, `"log-rate":0`, trust.ErrForm},
		{"a ceiling without memory", "charter", `"memory":67108864,`, ``, trust.ErrForm},
		{"a profile that holds a list", "director", `"board":"test"`, `"board":[]`, trust.ErrForm},
		{"a payload planned twice", "director", run, `{"image":"` + spaceos.Digest{}.String() + `","lease":` + between(good["director"], `"lease":`, `}]`) + `},` + run, trust.ErrForm},
		{"a plan for no image", "director", run, `{"image":"x"`, trust.ErrForm},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := trust.ParseEnvelope(good[c.role])
			if err != nil || trust.ReadAs(e, c.role) != nil {
				t.Fatalf("the good document: got %v and %v, want it to be taken", err, trust.ReadAs(e, c.role))
			}
			text := string(e.Signed)
			if !strings.Contains(text, c.old) {
				t.Fatalf("%q does not stand in %s: %s", c.old, c.role, text)
			}
			e.Signed = []byte(strings.Replace(text, c.old, c.new, 1))
			if err := trust.ReadAs(e, c.role); !errors.Is(err, c.want) {
				t.Errorf("%s: got error %v, want one that is %q", e.Signed, err, c.want)
			}
		})
	}
}

func between(doc []byte, from, to string) string {
	_, text, _ := strings.Cut(string(doc), from)
	text, _, _ = strings.Cut(text, to)
	return text
}

// TestBadEnvelopes are documents that nobody can take apart.
func TestBadEnvelopes(t *testing.T) {
	many := trust.Envelope{Signed: []byte("{}")}
	for i := range 65 {
		many.Signatures = append(many.Signatures, trust.Signature{Key: spaceos.Digest{byte(i)}})
	}
	one := trust.Envelope{Signatures: []trust.Signature{{Sig: []byte("signature")}}}.Append(nil)
	for _, c := range []struct {
		name string
		doc  []byte
	}{
		{"nothing", nil},
		{"of another kind", []byte("\x02\x00{}")},
		{"too many signatures", many.Append(nil)},
		{"ends within a key id", one[:20]},
		{"ends within a signature", one[:len(one)-1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := trust.ParseEnvelope(c.doc); !errors.Is(err, trust.ErrForm) {
				t.Errorf("%q: got error %v, want one that is %q", c.doc, err, trust.ErrForm)
			}
		})
	}
}
