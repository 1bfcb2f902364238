package trust_test

import (
	"bytes"
	"errors"
	"testing"

	"spaceos"
	"spaceos/internal/trusttest"
	"spaceos/trust"
)

// roles are what documents are read as.
var roles = []string{"root", "timestamp", "snapshot", "targets", "group-0", "tenant-a", "charter", "director"}

// kinds are what every error of a verifier is one of.
var kinds = []error{trust.ErrTooLarge, trust.ErrForm, trust.ErrType, trust.ErrKeys, trust.ErrSignatures, trust.ErrFolder, trust.ErrRollback,
	trust.ErrExpired, trust.ErrMixed, trust.ErrUnnamed, trust.ErrFull, trust.ErrSpacecraft, trust.ErrRefused, trust.ErrRevoked}

func known(err error) bool {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return true
		}
	}
	return err == nil
}

// FuzzDocuments reads bytes as a document of each type, and hands them to a
// verifier: as they are, and as a thief of all keys would sign them. Wanted is
// no panic, an error that says what is wrong, a document that comes out as it
// went in, and counters that nobody sets back.
func FuzzDocuments(f *testing.F) {
	key := trusttest.NewKey("shared")
	r := trusttest.New("a", "b")
	shared := trusttest.Role{Keys: []*trusttest.Key{key}, Threshold: 1}
	r.Root, r.Targets, r.Snapshot, r.Timestamp, r.Director, r.Tenants["a"].Role = shared, shared, shared, shared, shared, shared
	start, set := trusttest.NewStore(r.RootDocument()), r.Publish()
	for kind, doc := range map[byte][]byte{0: r.NextRoot(shared), 1: set.Timestamp, 2: set.Pieces["snapshot"], 3: set.Pieces["targets"],
		4: set.Pieces["group-0"], 5: set.Pieces["tenant-a"], 6: set.Pieces["charter"], 7: r.Plan(craft, trusttest.RunOf("a"))} {
		e, err := trust.ParseEnvelope(doc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(kind, doc)
		f.Add(kind|8, e.Signed)
	}
	f.Fuzz(func(t *testing.T, kind byte, doc []byte) {
		role := roles[kind&7]
		if kind&8 != 0 {
			if err := trust.ReadAs(trust.Envelope{Signed: doc}, role); err != nil || len(doc) > trust.MaxDocument/2 {
				if !known(err) {
					t.Fatalf("read as %s: got error %v, which is of no kind", role, err)
				}
				return
			}
			doc = trust.Envelope{Signatures: key.Sign(doc), Signed: doc}.Append(nil)
		}
		e, err := trust.ParseEnvelope(doc)
		if err != nil {
			if !known(err) {
				t.Fatalf("ParseEnvelope: got error %v, which is of no kind", err)
			}
			return
		}
		if again := e.Append(nil); !bytes.Equal(again, doc) {
			t.Fatalf("a document of %d bytes comes out as %d others", len(doc), len(again))
		}
		var file bytes.Buffer
		e.WriteFile(&file)
		if d, n := e.Digest(); d != spaceos.DigestOf(file.Bytes()) || n != int64(file.Len()) {
			t.Fatalf("Digest: got %v of %d bytes, want that of the file", d, n)
		}
		if err := trust.ReadAs(e, role); !known(err) {
			t.Fatalf("read as %s: got error %v, which is of no kind", role, err)
		}
		v, err := trust.New(start.Copy(), craft, trusttest.Floor)
		if err != nil {
			t.Fatal(err)
		}
		switch role {
		case "root":
			err = v.Root(doc)
		case "timestamp":
			_, err = v.Open(doc)
		case "director":
			err = v.Plan(doc)
		default:
			_, err = v.Piece(doc)
		}
		if !known(err) {
			t.Fatalf("handed to the verifier as %s: got error %v, which is of no kind", role, err)
		}
		for _, h := range v.Status().Held {
			if h.Version < 1 || kind&8 == 0 && h.Version > 2 {
				t.Fatalf("held: %+v, and nobody signed that", h)
			}
		}
	})
}
