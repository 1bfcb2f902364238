package trust

import (
	"encoding/hex"
	"fmt"
	"strings"

	"spaceos"
	"spaceos/canonical"
)

// The top-level roles. TUF's root names exactly the first four; the director
// stands beside them in a field of its own.
const (
	roleRoot      = "root"
	roleTargets   = "targets"
	roleSnapshot  = "snapshot"
	roleTimestamp = "timestamp"
	roleDirector  = "director"
	charterName   = "charter"
	groupPrefix   = "group-"
	tenantPrefix  = "tenant-"
)

// Bounds of what a document lists.
const (
	maxPieces = 128  // of a set
	maxNamed  = 1024 // by any list
)

// A root says who may sign what, itself included.
type root struct {
	head
	roles map[string]role
}

func readRoot(e Envelope) (r root, err error) {
	f, err := e.open(roleRoot)
	if err != nil {
		return r, err
	}
	r.head, r.roles = readHead(f), map[string]role{}
	if !f.Bool("consistent_snapshot") {
		f.Fail("consistent_snapshot", "should be true")
	}
	keys, roles := f.Object("keys"), f.Object("roles")
	for _, name := range []string{roleRoot, roleTargets, roleSnapshot, roleTimestamp} {
		if r.roles[name], err = readRole(roles.Object(name), keys); err != nil {
			return r, fmt.Errorf("role %s: %w", name, err)
		}
	}
	if r.roles[roleDirector], err = readRole(f.Object("x-spaceos-director"), keys); err != nil {
		return r, fmt.Errorf("role %s: %w", roleDirector, err)
	}
	return r, done(f)
}

// A file is what a document says of another; version 0 where it has none.
type file struct {
	digest          spaceos.Digest
	length, version int64
}

// readFile reads length and SHA-256 (TUF 4.4, 4.5).
func readFile(f *canonical.Fields, versioned bool) (n file) {
	text := f.Object("hashes").Str("sha256")
	var err error
	if n.digest, err = parseHex(text); err != nil {
		f.Fail("hashes", "has no SHA-256 of 64 lower-case hex digits")
	}
	n.length = f.Int("length", 0, canonical.MaxInt)
	if versioned {
		n.version = f.Int("version", 1, canonical.MaxInt)
	}
	return n
}

func parseHex(text string) (spaceos.Digest, error) { return spaceos.ParseDigest("sha256:" + text) }

func toHex(d spaceos.Digest) string { return hex.EncodeToString(d[:]) }

// A timestamp opens a set: it names every piece that belongs to it.
type timestamp struct {
	head
	snapshot file
	pieces   []Piece
}

// A Piece is a document that a set is made of, by the digest and the length of
// its file form.
type Piece struct {
	Digest spaceos.Digest
	Length int64
}

func readTimestamp(e Envelope) (t timestamp, err error) {
	f, err := e.open(roleTimestamp)
	if err != nil {
		return t, err
	}
	t.head = readHead(f)
	t.snapshot = readFile(f.Object("meta").Object("snapshot.json"), true)
	pieces := f.Object("x-spaceos-pieces")
	for name, v := range pieces.Each(maxPieces) {
		d, err := parseHex(name)
		n, ok := v.Int()
		if err != nil || !ok || n < 0 {
			pieces.Fail("piece", "should be 64 lower-case hex digits with a length")
		}
		t.pieces = append(t.pieces, Piece{d, n})
	}
	return t, done(f)
}

// A snapshot says which versions belong together, by role.
type snapshot struct {
	head
	files map[string]file
}

func readSnapshot(e Envelope) (s snapshot, err error) {
	f, err := e.open(roleSnapshot)
	if err != nil {
		return s, err
	}
	s.head, s.files = readHead(f), map[string]file{}
	meta := f.Object("meta")
	for name, v := range meta.Each(maxNamed) {
		role, ok := strings.CutSuffix(name, ".json")
		if !ok {
			meta.Fail("file", "should be named after a role, with .json")
		}
		s.files[role] = readFile(meta.Inner("file", v), true)
	}
	return s, done(f)
}

// A delegation hands a folder to another role.
type delegation struct {
	name string
	role
}

// openTargets reads what targets, groups and tenants have in common. The name
// of the role is in the signed part, because several roles may have the same
// keys. Which targets the role may sign is up to it.
func openTargets(e Envelope, name string, may func(path string) bool) (f *canonical.Fields, h head, err error) {
	if f, err = e.open(roleTargets); err != nil {
		return nil, h, err
	}
	h = readHead(f)
	if got := f.Str("x-spaceos-role"); got != name {
		return nil, h, fmt.Errorf("it is of role %.50q, which is %w: wanted %s", got, ErrType, name)
	}
	for path := range f.Value("targets").Members() {
		if !may(path) {
			return nil, h, fmt.Errorf("%.100q is %w: %s signed it", path, ErrFolder, name)
		}
	}
	targets := f.Object("targets")
	for path, v := range targets.Each(maxNamed) {
		readFile(targets.Inner(path, v), false)
	}
	return f, h, nil
}

// readDelegations reads to whom a role delegates: each under a name with a
// prefix, for one pattern of paths.
func readDelegations(f *canonical.Fields, prefix string, pattern func(name string) string, terminating bool) (list []delegation, err error) {
	f = f.Object("delegations")
	keys := f.Object("keys")
	for _, v := range f.Array("roles", maxNamed) {
		d := f.Inner("role", v)
		name, paths, ends := d.Str("name"), d.Strings("paths", 1), d.Bool("terminating")
		own, ok := strings.CutPrefix(name, prefix)
		if !ok || spaceos.ValidName(own) != nil || len(paths) != 1 || paths[0] != pattern(own) || ends != terminating {
			return nil, fmt.Errorf("the delegation of %.100q to %.50q is %w", paths, name, ErrFolder)
		}
		r, err := readRole(d, keys)
		if err != nil {
			return nil, fmt.Errorf("role %s: %w", name, err)
		}
		list = append(list, delegation{name, r})
	}
	return list, nil
}

// readTop reads targets.json: the charter, images of the node, and groups.
func readTop(e Envelope) (h head, charter file, groups []delegation, err error) {
	f, h, err := openTargets(e, roleTargets, func(path string) bool {
		inner, ok := strings.CutPrefix(path, "node/")
		return path == charterName || ok && isWord(inner, "_")
	})
	if err != nil {
		return h, charter, nil, err
	}
	charter = readFile(f.Object("targets").Object(charterName), false)
	groups, err = readDelegations(f, groupPrefix, func(string) string { return "tenant/*/*" }, false)
	if err != nil {
		return h, charter, nil, err
	}
	return h, charter, groups, done(f)
}

// readGroup reads a group: part of the tenants, since their keys do not all
// fit into one document. It signs nothing itself.
func readGroup(e Envelope, name string) (h head, tenants []delegation, err error) {
	f, h, err := openTargets(e, name, func(string) bool { return false })
	if err != nil {
		return h, nil, err
	}
	tenants, err = readDelegations(f, tenantPrefix, func(name string) string { return "tenant/" + name + "/*" }, true)
	if err != nil {
		return h, nil, err
	}
	return h, tenants, done(f)
}

// readTenant reads what a tenant signed: images in its folder, and digests
// that it revokes.
func readTenant(e Envelope, name string) (head, error) {
	folder := "tenant/" + strings.TrimPrefix(name, tenantPrefix) + "/"
	f, h, err := openTargets(e, name, func(path string) bool {
		inner, ok := strings.CutPrefix(path, folder)
		payload, version, both := strings.Cut(inner, "_")
		return ok && both && spaceos.ValidName(payload) == nil && isWord(version, "")
	})
	if err != nil {
		return h, err
	}
	readDigests(f, "x-spaceos-revoked")
	return h, done(f)
}

// isWord says whether a text may be a version or the end of a path.
func isWord(s, also string) bool {
	return s != "" && len(s) <= 96 && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-"+also) == ""
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

// A tenant is what the charter says of one.
type tenant struct {
	ceiling           spaceos.Limits
	engines, services []string
}

// readCharter reads which tenants exist and what they may have at most. The
// charter has no signatures: targets names its digest.
func readCharter(e Envelope) (tenants map[string]tenant, revoked []spaceos.Digest, err error) {
	f, err := e.open(charterName)
	if err != nil {
		return nil, nil, err
	}
	tenants, revoked = map[string]tenant{}, readDigests(f, "revoked")
	all := f.Object("tenants")
	for name, v := range all.Each(maxPieces) {
		if err := spaceos.ValidName(name); err != nil {
			all.Fail("tenant", "has a name that is %v", err)
		}
		t := all.Inner(name, v)
		if key := t.Str("encryption"); key != "" {
			if _, err := spaceos.ParseDigest(key); err != nil {
				t.Fail("encryption", "should be the digest of a key, or empty")
			}
		}
		tenants[name] = tenant{t.Limits("ceiling"), t.Strings("engines", 8), t.Strings("services", 64)}
	}
	return tenants, revoked, done(f)
}

// A Run is a payload in a plan, and what it is granted.
type Run struct {
	Tenant, Payload, Version string
	Image                    spaceos.Digest
	Limits                   spaceos.Limits
	Services                 []string
}

// readPlan reads what one spacecraft shall run.
func readPlan(e Envelope) (h head, spacecraft string, runs []Run, err error) {
	f, err := e.open("plan")
	if err != nil {
		return h, "", nil, err
	}
	h, spacecraft = readHead(f), f.Str("spacecraft")
	profile := f.Object("profile")
	for name, v := range profile.Each(64) {
		if k := v.Kind(); k != canonical.Text && k != canonical.Number {
			profile.Fail(name, "is %v, and should be a string or an integer", k)
		}
	}
	for i, v := range f.Array("runs", maxNamed) {
		item := f.Inner(fmt.Sprintf("runs[%d]", i), v)
		lease := item.Object("lease")
		r := Run{item.Str("tenant"), item.Str("payload"), item.Str("version"), spaceos.Digest{}, lease.Limits("limits"), lease.Strings("services", 64)}
		if r.Image, err = spaceos.ParseDigest(item.Str("image")); err != nil {
			item.Fail("image", "is no digest")
		}
		for _, other := range runs {
			if other.Tenant == r.Tenant && other.Payload == r.Payload && other.Version == r.Version {
				item.Fail("version", "is planned twice, and a payload has one lease")
			}
		}
		runs = append(runs, r)
	}
	return h, spacecraft, runs, done(f)
}
