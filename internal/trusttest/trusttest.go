// Package trusttest signs documents for tests: honest ones, and whatever a
// thief of some keys could sign. It is test support and no way to keep keys:
// they are made from names, the same in every run.
//
//	r := trusttest.New("a", "b")
//	r.Tenants["a"].Sign("detector_1.0", image)
//	set := r.Publish()   // set.Timestamp, set.Pieces
package trusttest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"filippo.io/mldsa"

	"spaceos"
	"spaceos/canonical"
	"spaceos/trust"
)

// A Key is a hybrid key.
type Key struct {
	ed      ed25519.PrivateKey
	ml      *mldsa.PrivateKey
	IDs     [2]spaceos.Digest
	Objects [2]canonical.Value
}

var (
	keysMutex sync.Mutex
	keysMade  = map[string]*Key{}
)

// NewKey makes the key of a name.
func NewKey(name string) *Key { return KeyOf(name, name) }

// KeyOf makes a key of two halves, each of a name.
func KeyOf(edName, mlName string) *Key {
	keysMutex.Lock()
	defer keysMutex.Unlock()
	if k := keysMade[edName+"/"+mlName]; k != nil {
		return k
	}
	edSeed, mlSeed := sha256.Sum256([]byte("ed25519 "+edName)), sha256.Sum256([]byte("ml-dsa "+mlName))
	ml, err := mldsa.NewPrivateKey(mldsa.MLDSA65(), mlSeed[:])
	if err != nil {
		panic(err) // the seed is as long as it must be
	}
	k := &Key{ed: ed25519.NewKeyFromSeed(edSeed[:]), ml: ml}
	const info = "308207b2300b0609608648016503040312038207a100"
	der, _ := hex.DecodeString(info)
	pem := "-----BEGIN PUBLIC KEY-----" + base64.StdEncoding.EncodeToString(append(der, ml.PublicKey().Bytes()...)) + "-----END PUBLIC KEY-----"
	k.Objects[0] = KeyObject("ed25519", "ed25519", hex.EncodeToString(k.ed.Public().(ed25519.PublicKey)))
	k.Objects[1] = KeyObject("ml-dsa", "ml-dsa-65/1", pem)
	k.IDs = [2]spaceos.Digest{spaceos.DigestOf(k.Objects[0].Bytes()), spaceos.DigestOf(k.Objects[1].Bytes())}
	keysMade[edName+"/"+mlName] = k
	return k
}

// KeyObject is a key as TUF writes it.
func KeyObject(keytype, scheme, public string) canonical.Value {
	return object("keytype", text(keytype), "scheme", text(scheme), "keyval", object("public", text(public)))
}

// Sign signs with both halves.
func (k *Key) Sign(signed []byte) []trust.Signature {
	sum := sha512.Sum512(signed)
	ml, err := k.ml.SignDeterministic(append([]byte("tuf\x01"), sum[:]...), nil)
	if err != nil {
		panic(err) // the message is not too long for a context
	}
	return []trust.Signature{{Key: k.IDs[0], Sig: ed25519.Sign(k.ed, signed)}, {Key: k.IDs[1], Sig: ml}}
}

// A Role is who may sign, and who does: the first keys, or those in Signers.
type Role struct {
	Keys      []*Key
	Threshold int
	Signers   []*Key
}

// NewRole makes a role with n keys named after it, of which so many must sign.
func NewRole(name string, threshold, n int) Role {
	r := Role{Threshold: threshold}
	for i := range n {
		r.Keys = append(r.Keys, NewKey(fmt.Sprintf("%s %d", name, i)))
	}
	return r
}

func (r Role) signers() []*Key {
	if r.Signers != nil {
		return r.Signers
	}
	return r.Keys[:r.Threshold]
}

// value is the role as documents write it.
func (r Role) value(more ...any) canonical.Value {
	var ids []canonical.Value
	for _, k := range r.Keys {
		ids = append(ids, text(hexOf(k.IDs[0])), text(hexOf(k.IDs[1])))
	}
	return object(append(more, "keyids", canonical.NewArray(ids...), "threshold", canonical.NewInt(int64(2*r.Threshold)))...)
}

func keys(roles ...Role) canonical.Value {
	table := map[string]canonical.Value{}
	for _, r := range roles {
		for _, k := range r.Keys {
			table[hexOf(k.IDs[0])], table[hexOf(k.IDs[1])] = k.Objects[0], k.Objects[1]
		}
	}
	return tableOf(table)
}

// A Tenant signs images in its folder.
type Tenant struct {
	Role
	Name    string
	Targets map[string]spaceos.Digest // by path
	Revoked []spaceos.Digest
	// What the charter says.
	Ceiling           spaceos.Limits
	Engines, Services []string
}

// Sign adds an image under "PAYLOAD_VERSION".
func (t *Tenant) Sign(name string, image spaceos.Digest) {
	t.Targets["tenant/"+t.Name+"/"+name] = image
}

// Limits are what tests grant and ask for.
func Limits() spaceos.Limits {
	return spaceos.Limits{Memory: 64 << 20, CPUTime: time.Minute, WallTime: 2 * time.Minute, Scratch: 1 << 20,
		Data: 1 << 20, Products: 1 << 20, ProductsDay: 10 << 20, LogRate: 1 << 16}
}

// A Repository is the operator, with the tenants and all of their keys.
type Repository struct {
	Root, Targets, Snapshot, Timestamp, Director Role
	Tenants                                      map[string]*Tenant
	Node                                         map[string]spaceos.Digest
	Revoked                                      []spaceos.Digest
	GroupSize                                    int
	Expires                                      time.Time
	Expiry                                       map[string]time.Time // of single documents
	Version                                      map[string]int64     // of documents, by role
	// Edit changes what is signed, as a thief of the role's keys can.
	Edit func(role string, signed []byte) []byte
	// Forge changes a signed document, as anyone can.
	Forge func(role string, e *trust.Envelope)
	// Only lists what Publish names in the snapshot of a role in place of the truth.
	Listed map[string]trust.Piece

	last map[string]built
}

type built struct {
	content []byte
	signed  trust.Envelope
}

// Floor is a time before all documents expire, and Expires the time at which
// they do.
var (
	Floor   = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	Expires = time.Date(2035, 1, 1, 0, 0, 0, 0, time.UTC)
)

// New makes a repository in which each role has one key.
func New(tenants ...string) *Repository {
	r := &Repository{Tenants: map[string]*Tenant{}, Node: map[string]spaceos.Digest{}, GroupSize: 12, Expires: Expires,
		Expiry: map[string]time.Time{}, Version: map[string]int64{"root": 1}, Listed: map[string]trust.Piece{}, last: map[string]built{}}
	r.Root, r.Targets, r.Snapshot = NewRole("root", 1, 1), NewRole("targets", 1, 1), NewRole("snapshot", 1, 1)
	r.Timestamp, r.Director = NewRole("timestamp", 1, 1), NewRole("director", 1, 1)
	for _, name := range tenants {
		r.AddTenant(name)
	}
	return r
}

// AddTenant adds a tenant with one key and one image, "app_1".
func (r *Repository) AddTenant(name string) *Tenant {
	t := &Tenant{Role: NewRole("tenant "+name, 1, 1), Name: name, Targets: map[string]spaceos.Digest{},
		Ceiling: Limits(), Engines: []string{"kvm"}, Services: []string{"position", "time"}}
	t.Sign("app_1", Image(name))
	r.Tenants[name] = t
	return t
}

// Image is the digest of a tenant's first image.
func Image(tenant string) spaceos.Digest { return spaceos.DigestOf([]byte("image of " + tenant)) }

// A Set is what Publish made: documents by role, and charter.
type Set struct {
	Timestamp []byte
	Pieces    map[string][]byte
}

// head is the head of a document.
func (r *Repository) head(role, kind string, version int64) []any {
	expires, own := r.Expiry[role]
	if !own {
		expires = r.Expires
	}
	return []any{"_type", text(kind), "spec_version", text("1.0.31"), "version", canonical.NewInt(version),
		"expires", text(expires.UTC().Format("2006-01-02T15:04:05Z"))}
}

// make signs a document of a role, in a new version if it changed.
func (r *Repository) make(name, kind string, by Role, fields ...any) []byte {
	content := object(append(r.head(name, kind, 1), fields...)...).Bytes()
	for _, k := range by.signers() {
		content = append(content, k.IDs[0][:]...)
	}
	if last := r.last[name]; bytes.Equal(last.content, content) && (r.Edit == nil || bytes.Equal(r.Edit(name, last.signed.Signed), last.signed.Signed)) {
		return r.forged(name, last.signed)
	}
	r.Version[name]++
	signed := r.sign(name, object(append(r.head(name, kind, r.Version[name]), fields...)...).Bytes(), by.signers()...)
	r.last[name] = built{content, signed}
	return r.forged(name, signed)
}

// Signed signs a signed part with some keys, after Edit and before Forge.
func (r *Repository) Signed(name string, signed []byte, by ...*Key) []byte {
	return r.forged(name, r.sign(name, signed, by...))
}

func (r *Repository) forged(name string, e trust.Envelope) []byte {
	e.Signatures = slices.Clone(e.Signatures)
	if r.Forge != nil {
		r.Forge(name, &e)
	}
	return e.Append(nil)
}

func (r *Repository) sign(name string, signed []byte, by ...*Key) trust.Envelope {
	if r.Edit != nil {
		signed = r.Edit(name, signed)
	}
	e := trust.Envelope{Signed: signed}
	for _, k := range by {
		if !slices.ContainsFunc(e.Signatures, func(s trust.Signature) bool { return s.Key == k.IDs[0] || s.Key == k.IDs[1] }) {
			e.Signatures = append(e.Signatures, k.Sign(signed)...)
		}
	}
	return e
}

// RootDocument is the root of the version that Version says, signed also by
// some more keys: those of the root before.
func (r *Repository) RootDocument(more ...*Key) []byte {
	signed := object(append(r.head("root", "root", r.Version["root"]),
		"consistent_snapshot", canonical.NewBool(true),
		"keys", keys(r.Root, r.Targets, r.Snapshot, r.Timestamp, r.Director),
		"roles", object("root", r.Root.value(), "targets", r.Targets.value(), "snapshot", r.Snapshot.value(), "timestamp", r.Timestamp.value()),
		"x-spaceos-director", r.Director.value())...)
	return r.Signed("root", signed.Bytes(), append(slices.Clone(r.Root.signers()), more...)...)
}

// NextRoot makes the next root, signed by the root before (as it was) and by
// its own keys.
func (r *Repository) NextRoot(before Role) []byte {
	r.Version["root"]++
	return r.RootDocument(before.signers()...)
}

// Charter is the charter, as it travels.
func (r *Repository) charter() []byte {
	tenants := map[string]canonical.Value{}
	for name, t := range r.Tenants {
		tenants[name] = object("ceiling", canonical.NewLimits(t.Ceiling), "encryption", text(""),
			"engines", canonical.NewStrings(t.Engines), "services", canonical.NewStrings(t.Services))
	}
	return r.Signed("charter", object("_type", text("charter"), "revoked", digests(r.Revoked), "tenants", tableOf(tenants)).Bytes())
}

// Publish makes the documents of a set.
func (r *Repository) Publish() Set {
	set := Set{Pieces: map[string][]byte{"charter": r.charter()}}
	names := slices.Sorted(maps.Keys(r.Tenants))
	var groups []canonical.Value
	for i := 0; len(names) > 0; i++ {
		n := min(r.GroupSize, len(names))
		name := fmt.Sprintf("group-%d", i)
		set.Pieces[name] = r.group(set, name, names[:n])
		groups = append(groups, r.Targets.value("name", text(name), "paths", canonical.NewStrings([]string{"tenant/*/*"}), "terminating", canonical.NewBool(false)))
		names = names[n:]
	}
	own := map[string]canonical.Value{"charter": fileOf(set.Pieces["charter"])}
	for path, d := range r.Node {
		own["node/"+path] = targetOf(d)
	}
	groupKeys := object()
	if len(groups) > 0 {
		groupKeys = keys(r.Targets)
	}
	set.Pieces["targets"] = r.make("targets", "targets", r.Targets, "targets", tableOf(own), "x-spaceos-role", text("targets"),
		"delegations", object("keys", groupKeys, "roles", canonical.NewArray(groups...)))
	meta := map[string]canonical.Value{}
	for name, doc := range set.Pieces {
		if name != "charter" {
			meta[name+".json"] = r.listed(name, doc)
		}
	}
	set.Pieces["snapshot"] = r.make("snapshot", "snapshot", r.Snapshot, "meta", tableOf(meta))
	pieces := map[string]canonical.Value{}
	for _, doc := range set.Pieces {
		p := PieceOf(doc)
		pieces[hexOf(p.Digest)] = canonical.NewInt(p.Length)
	}
	set.Timestamp = r.make("timestamp", "timestamp", r.Timestamp, "x-spaceos-pieces", tableOf(pieces),
		"meta", object("snapshot.json", r.listed("snapshot", set.Pieces["snapshot"])))
	return set
}

// group makes the documents of a group and its tenants.
func (r *Repository) group(set Set, name string, tenants []string) []byte {
	var roles []Role
	var list []canonical.Value
	for _, tenant := range tenants {
		t := r.Tenants[tenant]
		roles = append(roles, t.Role)
		list = append(list, t.value("name", text("tenant-"+tenant), "paths", canonical.NewStrings([]string{"tenant/" + tenant + "/*"}), "terminating", canonical.NewBool(true)))
		targets := map[string]canonical.Value{}
		for path, d := range t.Targets {
			targets[path] = targetOf(d)
		}
		set.Pieces["tenant-"+tenant] = r.make("tenant-"+tenant, "targets", t.Role, "targets", tableOf(targets),
			"x-spaceos-role", text("tenant-"+tenant), "x-spaceos-revoked", digests(t.Revoked))
	}
	return r.make(name, "targets", r.Targets, "targets", object(), "x-spaceos-role", text(name),
		"delegations", object("keys", keys(roles...), "roles", canonical.NewArray(list...)))
}

func (r *Repository) listed(name string, doc []byte) canonical.Value {
	p, other := r.Listed[name]
	if !other {
		p = PieceOf(doc)
	}
	return object("hashes", object("sha256", text(hexOf(p.Digest))), "length", canonical.NewInt(p.Length), "version", canonical.NewInt(r.Version[name]))
}

// Plan makes the next plan for a spacecraft.
func (r *Repository) Plan(spacecraft string, runs ...trust.Run) []byte {
	r.Version["plan"]++
	var list []canonical.Value
	for _, run := range runs {
		list = append(list, object("tenant", text(run.Tenant), "payload", text(run.Payload), "version", text(run.Version), "image", text(run.Image.String()),
			"lease", object("limits", canonical.NewLimits(run.Limits), "services", canonical.NewStrings(run.Services))))
	}
	signed := object(append(r.head("plan", "plan", r.Version["plan"]), "spacecraft", text(spacecraft),
		"profile", object("board", text("test")), "runs", canonical.NewArray(list...))...)
	return r.Signed("plan", signed.Bytes(), r.Director.signers()...)
}

// RunOf is a run of a tenant's first image, within everything.
func RunOf(tenant string) trust.Run {
	return trust.Run{Tenant: tenant, Payload: "app", Version: "1", Image: Image(tenant), Limits: Limits(), Services: []string{"time"}}
}

// PieceOf is how other documents name one.
func PieceOf(doc []byte) trust.Piece {
	e, err := trust.ParseEnvelope(doc)
	if err != nil {
		panic(fmt.Sprintf("a document of the tests' own: %v", err))
	}
	d, n := e.Digest()
	return trust.Piece{Digest: d, Length: n}
}

func fileOf(doc []byte) canonical.Value {
	p := PieceOf(doc)
	return object("hashes", object("sha256", text(hexOf(p.Digest))), "length", canonical.NewInt(p.Length))
}

func targetOf(d spaceos.Digest) canonical.Value {
	return object("hashes", object("sha256", text(hexOf(d))), "length", canonical.NewInt(1000))
}

func digests(list []spaceos.Digest) canonical.Value {
	var texts []string
	for _, d := range list {
		texts = append(texts, d.String())
	}
	return canonical.NewStrings(texts)
}

func text(s string) canonical.Value { return canonical.NewString(s) }

func hexOf(d spaceos.Digest) string { return hex.EncodeToString(d[:]) }

// object makes an object of names and values in turns.
func object(fields ...any) canonical.Value {
	var members []canonical.Member
	for i := 0; i < len(fields); i += 2 {
		members = append(members, canonical.Member{Name: fields[i].(string), Value: fields[i+1].(canonical.Value)})
	}
	return canonical.NewObject(members...)
}

func tableOf(table map[string]canonical.Value) canonical.Value {
	var members []canonical.Member
	for name, v := range table {
		members = append(members, canonical.Member{Name: name, Value: v})
	}
	return canonical.NewObject(members...)
}

// Forget drops the keys that were made, for tests that measure memory.
func Forget() {
	keysMutex.Lock()
	defer keysMutex.Unlock()
	clear(keysMade)
}
