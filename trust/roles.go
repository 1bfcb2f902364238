package trust

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"spaceos"
	"spaceos/canonical"
)

// The roles. TUF's root names exactly the first four; the director stands
// beside them in a field of its own, and signs the plan. The charter is no
// role: targets names its digest.
const (
	roleRoot      = "root"
	roleTargets   = "targets"
	roleSnapshot  = "snapshot"
	roleTimestamp = "timestamp"
	roleDirector  = "director"
	groupPrefix   = "group-"
	tenantPrefix  = "tenant-"
	charterName   = "charter"
)

// Bounds of what a document lists.
const (
	maxPieces = 128  // of a set
	maxNamed  = 1024 // by any list
	maxDepth  = 8
	timeForm  = "2006-01-02T15:04:05Z" // TUF, 4.2.1
)

// A document is what the signed part says, as far as its type goes. Times are
// Unix seconds.
type document struct {
	version, expires int64
	roles            map[string]role   // of root
	snapshot         file              // of a timestamp
	pieces           []Piece           // of a timestamp
	files            map[string]file   // of a snapshot, by role
	targets          canonical.Value   // of targets and tenants: files by path
	delegations      []delegation      // of targets and groups
	revoked          []spaceos.Digest  // of a tenant and the charter
	tenants          map[string]tenant // of the charter
	spacecraft       string            // of a plan
	runs             []Run             // of a plan
}

// A file is what a document says of another; version 0 where it has none.
type file struct {
	Piece
	version int64
}

// A Piece is a document by the digest and the length of its file form.
type Piece struct {
	Digest spaceos.Digest
	Length int64
}

// A delegation hands a folder to another role.
type delegation struct {
	name string
	role
}

// A tenant is what the charter says of one.
type tenant struct {
	ceiling           spaceos.Limits
	engines, services []string
}

// A Run is a payload in a plan, and what it is granted.
type Run struct {
	Tenant, Payload, Version string
	Image                    spaceos.Digest
	Limits                   spaceos.Limits
	Services                 []string
}

// same says whether two runs are of the same payload.
func (r Run) same(o Run) bool {
	return r.Tenant == o.Tenant && r.Payload == o.Payload && r.Version == o.Version
}

// read reads the signed part as the document of a role.
func (e Envelope) read(name string) (d document, err error) {
	kind := name
	if strings.HasPrefix(name, groupPrefix) || strings.HasPrefix(name, tenantPrefix) {
		kind = roleTargets
	} else if name == roleDirector {
		kind = "plan"
	}
	f := canonical.Read(e.Signed, maxDepth, name)
	if got := f.Str("_type"); got != kind {
		f.Fail("_type", "is %.20q: %w; wanted %s", got, ErrType, kind)
	}
	if kind != charterName {
		d.readHead(f)
	}
	switch kind {
	case roleRoot:
		d.readRoot(f)
	case roleTimestamp:
		d.readTimestamp(f)
	case roleSnapshot:
		d.readSnapshot(f)
	case roleTargets:
		d.readTargets(f, name)
	case charterName:
		d.readCharter(f)
	default:
		d.readPlan(f)
	}
	if err := f.Done(); err != nil { // also for what nobody read
		return document{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	return d, nil
}

func (d *document) readHead(f *canonical.Fields) {
	if spec := f.Str("spec_version"); !strings.HasPrefix(spec, "1.0.") {
		f.Fail("spec_version", "is %.20q, and should be 1.0", spec)
	}
	text := f.Str("expires")
	at, err := time.Parse(timeForm, text)
	if err != nil || at.Format(timeForm) != text {
		f.Fail("expires", "is %.30q, and should be like %s", text, timeForm)
	}
	d.version, d.expires = f.Int("version", 1, canonical.MaxInt), at.Unix()
}

func (d *document) readRoot(f *canonical.Fields) {
	if !f.Bool("consistent_snapshot") {
		f.Fail("consistent_snapshot", "should be true")
	}
	keys, roles := f.Object("keys"), f.Object("roles")
	d.roles = map[string]role{roleDirector: readRole(f.Object("x-spaceos-director"), keys)}
	for _, name := range []string{roleRoot, roleTargets, roleSnapshot, roleTimestamp} {
		d.roles[name] = readRole(roles.Object(name), keys)
	}
}

// readFile reads length and SHA-256 (TUF 4.4, 4.5), and a version if it has
// to have one. Documents list many, so it compares with the one right text.
func readFile(f *canonical.Fields, v canonical.Value, versioned bool) (n file) {
	text := v.Member("hashes").Member("sha256").Bytes()
	_, _ = hex.Decode(n.Digest[:], text[min(1, len(text)):min(1+2*len(n.Digest), len(text))])
	n.Length, _ = v.Member("length").Int()
	want := hex.AppendEncode(append(make([]byte, 0, 256), `{"hashes":{"sha256":"`...), n.Digest[:])
	want = strconv.AppendInt(append(want, `"},"length":`...), n.Length, 10)
	if versioned {
		n.version, _ = v.Member("version").Int()
		want = strconv.AppendInt(append(want, `,"version":`...), n.version, 10)
	}
	if want = append(want, '}'); !bytes.Equal(v.Bytes(), want) || n.Length < 0 || versioned && n.version < 1 {
		f.Fail("file", "is %.200q, and should be like %s", v.Bytes(), string(want))
	}
	return n
}

func toHex(d spaceos.Digest) string { return hex.EncodeToString(d[:]) }

// readTimestamp reads what opens a set: it names every piece.
func (d *document) readTimestamp(f *canonical.Fields) {
	meta := f.Object("meta")
	d.snapshot = readFile(meta, meta.Value("snapshot.json"), true)
	pieces := f.Object("x-spaceos-pieces")
	for name, v := range pieces.Each(maxPieces) {
		digest, err := spaceos.ParseDigest("sha256:" + name)
		n, ok := v.Int()
		if err != nil || !ok || n < 0 {
			pieces.Fail("piece", "should be 64 lower-case hex digits with a length")
		}
		d.pieces = append(d.pieces, Piece{digest, n})
	}
}

// readSnapshot reads which versions belong together.
func (d *document) readSnapshot(f *canonical.Fields) {
	d.files = map[string]file{}
	meta := f.Object("meta")
	for name, v := range meta.Each(maxNamed) {
		role, ok := strings.CutSuffix(name, ".json")
		if !ok {
			meta.Fail("file", "should be a role with .json behind it")
		}
		d.files[role] = readFile(meta, v, true)
	}
}

// readTargets reads a document of targets, a group or a tenant. The name of
// the role is in the signed part, because several roles may have the same
// keys. A group has part of the tenants, since the keys of all do not fit into
// one document, and signs nothing itself.
func (d *document) readTargets(f *canonical.Fields, name string) {
	if got := f.Str("x-spaceos-role"); got != name {
		f.Fail("x-spaceos-role", "is %.50q: %w; wanted %s", got, ErrType, name)
	}
	targets := f.Object("targets")
	for path, v := range targets.Each(maxNamed) {
		if !maySign(name, path) {
			targets.Fail("path", "is %.100q: %w", path, ErrFolder)
		}
		readFile(targets, v, false)
	}
	switch {
	case strings.HasPrefix(name, tenantPrefix):
		d.targets, d.revoked = f.Value("targets"), readDigests(f, "x-spaceos-revoked")
	case name == roleTargets:
		d.targets = f.Value("targets")
		d.readDelegations(f.Object("delegations"), groupPrefix, func(string) string { return "tenant/*/*" }, false)
	default:
		d.readDelegations(f.Object("delegations"), tenantPrefix, func(name string) string { return "tenant/" + name + "/*" }, true)
	}
}

// target is what a document signs under a path.
func (d *document) target(path string) (n file, ok bool) {
	v := d.targets.Member(path)
	f := d.targets.Fields("targets")
	n = readFile(f, v, false)
	return n, f.Err() == nil
}

// maySign says whether a path is in the folder of a role. Names have no slash
// in them, so no folder begins with the whole of another's.
func maySign(role, path string) bool {
	if role == roleTargets {
		inner, ok := strings.CutPrefix(path, "node/")
		return path == charterName || ok && isWord(inner, "_")
	}
	name, tenant := strings.CutPrefix(role, tenantPrefix)
	inner, ok := strings.CutPrefix(path, "tenant/"+name+"/")
	payload, version, both := strings.Cut(inner, "_")
	return tenant && ok && both && spaceos.ValidName(payload) == nil && isWord(version, "")
}

func isWord(s, also string) bool {
	return s != "" && len(s) <= 96 && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-"+also) == ""
}

// readDelegations reads to whom a role delegates: each under a name with a
// prefix, and for one pattern of paths.
func (d *document) readDelegations(f *canonical.Fields, prefix string, pattern func(name string) string, terminating bool) {
	keys := f.Object("keys")
	for _, v := range f.Array("roles", maxPieces) {
		r := f.Inner("role", v)
		name := r.Str("name")
		own, ok := strings.CutPrefix(name, prefix)
		paths := r.Strings("paths", 1)
		if !ok || spaceos.ValidName(own) != nil || len(paths) != 1 || paths[0] != pattern(own) || r.Bool("terminating") != terminating {
			r.Fail("paths", "are %.100q for %.50q: %w", paths, name, ErrFolder)
		}
		d.delegations = append(d.delegations, delegation{name, readRole(r, keys)})
	}
}

func readDigests(f *canonical.Fields, name string) (list []spaceos.Digest) {
	for _, text := range f.Strings(name, maxNamed) {
		d, err := spaceos.ParseDigest(text)
		if err != nil {
			f.Fail(name, "holds %.80q, which is no digest", text)
		}
		list = append(list, d)
	}
	return list
}

// readCharter reads which tenants exist and what they may have at most.
func (d *document) readCharter(f *canonical.Fields) {
	d.tenants, d.revoked = map[string]tenant{}, readDigests(f, "revoked")
	all := f.Object("tenants")
	for name, v := range all.Each(maxPieces) {
		t := all.Inner("tenant", v)
		key := t.Str("encryption")
		if _, err := spaceos.ParseDigest(key); spaceos.ValidName(name) != nil || key != "" && err != nil {
			t.Fail("encryption", "should be a digest or empty, and the tenant %.40q a name", name)
		}
		d.tenants[name] = tenant{t.Limits("ceiling"), t.Strings("engines", 8), t.Strings("services", 64)}
	}
}

// readPlan reads what one spacecraft shall run.
func (d *document) readPlan(f *canonical.Fields) {
	d.spacecraft = f.Str("spacecraft")
	profile := f.Object("profile")
	for _, v := range profile.Each(64) {
		if k := v.Kind(); k != canonical.Text && k != canonical.Number {
			profile.Fail("value", "is %v, and should be a string or an integer", k)
		}
	}
	for _, v := range f.Array("runs", maxNamed) {
		item := f.Inner("run", v)
		lease := item.Object("lease")
		image, err := spaceos.ParseDigest(item.Str("image"))
		r := Run{item.Str("tenant"), item.Str("payload"), item.Str("version"), image, lease.Limits("limits"), lease.Strings("services", 64)}
		if slices.ContainsFunc(d.runs, r.same) || err != nil {
			item.Fail("image", "is no digest, or its payload is planned twice and has one lease")
		}
		d.runs = append(d.runs, r)
	}
}
