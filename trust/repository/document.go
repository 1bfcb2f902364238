package repository

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"spaceos"
	"spaceos/canonical"
)

// Bounds of what is read here. A document that flies has at most 64 KiB
// without the hex of its signatures.
const (
	maxDocument   = 256 << 10
	maxDepth      = 12
	maxSignatures = 64
	maxPairs      = 16 // keys of a role
	maxMembers    = 4096
	maxVersion    = 1<<31 - 1
)

// ErrDocument is in the chain of every error about a document of the
// repository that is damaged, missing or not signed as it must be.
var ErrDocument = errors.New("no usable document")

// A signature is one half of a hybrid signature.
type signature struct {
	id  string
	sig []byte
}

// An envelope is a document as a TUF file holds it: the signed part, as the
// bytes that were signed, and the signatures.
type envelope struct {
	signed     canonical.Value
	signatures []signature
}

// file is the file's content, canonical JSON.
func (e *envelope) file() ([]byte, error) {
	sigs := make([]canonical.Value, len(e.signatures))
	for i, s := range e.signatures {
		sigs[i] = canonical.NewObject(
			canonical.Member{Name: "keyid", Value: canonical.NewString(s.id)},
			canonical.Member{Name: "sig", Value: canonical.NewString(hex.EncodeToString(s.sig))})
	}
	data, err := canonical.Encode(canonical.NewObject(
		canonical.Member{Name: "signatures", Value: canonical.NewArray(sigs...)},
		canonical.Member{Name: "signed", Value: e.signed}))
	if err == nil && len(data) > maxDocument {
		err = fmt.Errorf("%w: it would have %d bytes, and a document has at most %d", ErrDocument, len(data), maxDocument)
	}
	return data, err
}

// parseEnvelope reads a TUF file in its canonical form.
func parseEnvelope(data []byte) (*envelope, error) {
	v, err := canonical.Parse(data, maxDepth)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	f, e := v.Fields("document"), new(envelope)
	for i, item := range f.Array("signatures", maxSignatures) {
		s := f.Inner(fmt.Sprintf("signatures[%d]", i), item)
		id, text := s.Str("keyid"), s.Str("sig")
		sig, err := hex.DecodeString(text)
		if err != nil {
			s.Fail("sig", "is not hexadecimal")
		}
		if slices.ContainsFunc(e.signatures, func(s signature) bool { return s.id == id }) {
			s.Fail("keyid", "signs twice")
		}
		e.signatures = append(e.signatures, signature{id, sig})
	}
	e.signed = f.Value("signed")
	if err := f.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	return e, nil
}

// A role is who may sign what: pairs of keys, and how many of them must.
type role struct {
	name      string
	keys      []PublicKey
	threshold int      // pairs
	paths     []string // of a delegation
	last      bool     // a terminating delegation
}

// ids are the ids of the role's keys, a pair's halves next to each other.
func (r *role) ids() (ids []string) {
	for _, k := range r.keys {
		pair := k.IDs()
		ids = append(ids, pair[:]...)
	}
	return ids
}

// signers are those of the role's keys whose both halves signed.
func (r *role) signers(e *envelope) (signers []PublicKey) {
	for _, k := range r.keys {
		if k.signed(e) {
			signers = append(signers, k)
		}
	}
	return signers
}

// signed says whether both halves of a key signed a document.
func (p PublicKey) signed(e *envelope) bool {
	good := 0
	for half, id := range p.IDs() {
		at := slices.IndexFunc(e.signatures, func(s signature) bool { return s.id == id })
		if at >= 0 && p.verify(half, e.signed.Bytes(), e.signatures[at].sig) {
			good++
		}
	}
	return good == 2
}

// whole says whether enough of the role's keys signed.
func (r *role) whole(e *envelope) bool { return len(r.signers(e)) >= r.threshold }

// check refuses a role that nobody, or a half of somebody, could sign.
func (r *role) check() error {
	if len(r.keys) > maxPairs {
		return fmt.Errorf("%w: role %s would have %d keys, and a spacecraft takes at most %d", ErrKey, r.name, len(r.keys), maxPairs)
	}
	seen := map[string]bool{}
	for _, k := range r.keys {
		for _, id := range k.IDs() {
			if seen[id] {
				return fmt.Errorf("%w: key %s stands twice in role %s", ErrKey, k.Short(), r.name)
			}
			seen[id] = true
		}
	}
	if r.threshold < 1 || r.threshold > len(r.keys) {
		return fmt.Errorf("%w: role %s cannot ask for %d signatures: it has %d keys", ErrKey, r.name, r.threshold, len(r.keys))
	}
	return nil
}

// value is the role as root and delegations write it.
func (r *role) value(more ...canonical.Member) canonical.Value {
	return canonical.NewObject(append(more,
		canonical.Member{Name: "keyids", Value: canonical.NewStrings(r.ids())},
		canonical.Member{Name: "threshold", Value: canonical.NewInt(int64(2 * r.threshold))})...)
}

// onlyKeys wants the table of keys to be that of some roles, and no more.
func onlyKeys(f *canonical.Fields, keys canonical.Value, roles []role) {
	if f.Err() == nil && !bytes.Equal(keysValue(roles).Bytes(), keys.Bytes()) {
		f.Fail("keys", "holds a key that no role has")
	}
}

// keysValue is the table of the keys of some roles.
func keysValue(roles []role) canonical.Value {
	var members []canonical.Member
	seen := map[string]bool{}
	for _, r := range roles {
		for _, k := range r.keys {
			ids, objects := k.IDs(), k.objects()
			for i, id := range ids {
				if !seen[id] {
					members = append(members, canonical.Member{Name: id, Value: objects[i]})
				}
				seen[id] = true
			}
		}
	}
	return canonical.NewObject(members...)
}

// readRole reads what value wrote; keys is the table that it refers to.
func readRole(f *canonical.Fields, name string, keys canonical.Value) role {
	r := role{name: name}
	ids := f.Strings("keyids", maxSignatures)
	threshold := int(f.Int("threshold", 2, maxSignatures))
	if r.threshold = threshold / 2; threshold%2 != 0 || threshold > len(ids) {
		f.Fail("threshold", "is %d, and should be even and at most the %d keys", threshold, len(ids))
	}
	for i := 0; i+1 < len(ids); i += 2 {
		k, err := publicOf(keys.Member(ids[i]), keys.Member(ids[i+1]))
		if pair := k.IDs(); err == nil && (pair[0] != ids[i] || pair[1] != ids[i+1]) {
			err = errors.New("a key's id is not its digest")
		}
		if err != nil {
			f.Fail("keyids", "names a key that does not fit: %v", err)
			return r
		}
		r.keys = append(r.keys, k)
	}
	if len(ids)%2 != 0 {
		f.Fail("keyids", "has %d keys, and they come in pairs", len(ids))
	}
	return r
}

// A piece is a file that a document names by length and digest.
type piece struct {
	length  int64
	digest  spaceos.Digest
	version int64 // of a document; 0 for others
}

func pieceOf(data []byte, version int64) piece {
	return piece{int64(len(data)), spaceos.DigestOf(data), version}
}

func (p piece) value() canonical.Value {
	members := []canonical.Member{
		{Name: "hashes", Value: canonical.NewObject(canonical.Member{Name: "sha256", Value: canonical.NewString(hex.EncodeToString(p.digest[:]))})},
		{Name: "length", Value: canonical.NewInt(p.length)}}
	if p.version > 0 {
		members = append(members, canonical.Member{Name: "version", Value: canonical.NewInt(p.version)})
	}
	return canonical.NewObject(members...)
}

func readPiece(f *canonical.Fields, versioned bool) (p piece) {
	sum := f.Object("hashes").Str("sha256")
	if d, err := spaceos.ParseDigest("sha256:" + sum); err == nil {
		p.digest = d
	} else {
		f.Fail("hashes", "has no SHA-256 of 64 lower-case hex digits")
	}
	if p.length = f.Int("length", 0, canonical.MaxInt); versioned {
		p.version = f.Int("version", 1, maxVersion)
	}
	return p
}
