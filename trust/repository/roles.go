package repository

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"spaceos"
	"spaceos/canonical"
)

// specVersion is the version of TUF's specification that documents name.
const specVersion = "1.0.31"

// timeForm is TUF's form of a time (4.2.1): UTC, whole seconds.
const timeForm = "2006-01-02T15:04:05Z"

// The top-level roles. The director is ours: TUF clients demand that root
// names exactly the other four, so it stands beside them under its own name.
const (
	Root      = "root"
	Targets   = "targets"
	Snapshot  = "snapshot"
	Timestamp = "timestamp"
	Director  = "director"
)

const (
	directorField = "x-spaceos-director"
	roleField     = "x-spaceos-role"
	revokedField  = "x-spaceos-revoked"
	piecesField   = "x-spaceos-pieces"
	charterTarget = "charter"
	tenantPrefix  = "tenant-"
	groupPrefix   = "group-"
	groupSize     = 12 // tenants whose hybrid keys fit into one document of 64 KiB
)

// TopRoles are the roles that root names.
func TopRoles() []string { return []string{Root, Targets, Snapshot, Timestamp, Director} }

// TenantRole is the name of a tenant's role.
func TenantRole(tenant string) string { return tenantPrefix + tenant }

// A head is what all documents begin with.
type head struct {
	version int64
	expires time.Time
}

func (h head) members(kind string, more ...canonical.Member) []canonical.Member {
	return append(more,
		canonical.Member{Name: "_type", Value: canonical.NewString(kind)},
		canonical.Member{Name: "spec_version", Value: canonical.NewString(specVersion)},
		canonical.Member{Name: "version", Value: canonical.NewInt(h.version)},
		canonical.Member{Name: "expires", Value: canonical.NewString(h.expires.UTC().Format(timeForm))})
}

func readHead(f *canonical.Fields, kind string) (h head) {
	f.Is("_type", kind)
	if s := f.Str("spec_version"); !strings.HasPrefix(s, "1.0.") {
		f.Fail("spec_version", "is %.20q, and this reads 1.0", s)
	}
	h.version = f.Int("version", 1, maxVersion)
	expires := f.Str("expires")
	at, err := time.Parse(timeForm, expires)
	if err != nil || at.Format(timeForm) != expires {
		f.Fail("expires", "is %.40q, and should be like 2030-12-31T00:00:00Z", expires)
	}
	h.expires = at
	return h
}

// headOf reads what all documents begin with, of any of them.
func headOf(e *envelope) (h head, kind string, err error) {
	f := e.signed.Fields("signed")
	kind, _ = e.signed.Member("_type").Str()
	h = readHead(f, kind)
	if f.Err() != nil {
		return h, kind, fmt.Errorf("%w: %w", ErrDocument, f.Err())
	}
	return h, kind, nil
}

// done is the error of what was read.
func done(f *canonical.Fields) error {
	if err := f.Done(); err != nil {
		return fmt.Errorf("%w: %w", ErrDocument, err)
	}
	return nil
}

// A rootDoc says who may sign the top-level roles.
type rootDoc struct {
	head
	roles map[string]role
}

func (d *rootDoc) value() canonical.Value {
	var all []role
	var roles []canonical.Member
	for _, name := range TopRoles() {
		r := d.roles[name]
		all = append(all, r)
		if name != Director {
			roles = append(roles, canonical.Member{Name: name, Value: r.value()})
		}
	}
	director := d.roles[Director]
	return canonical.NewObject(d.members(Root,
		canonical.Member{Name: "consistent_snapshot", Value: canonical.NewBool(true)},
		canonical.Member{Name: "keys", Value: keysValue(all)},
		canonical.Member{Name: "roles", Value: canonical.NewObject(roles...)},
		canonical.Member{Name: directorField, Value: director.value()})...)
}

func readRoot(e *envelope) (*rootDoc, error) {
	f := e.signed.Fields(Root)
	d := &rootDoc{head: readHead(f, Root), roles: map[string]role{}}
	if !f.Bool("consistent_snapshot") {
		f.Fail("consistent_snapshot", "is false, and should be true")
	}
	keys, roles := f.Value("keys"), f.Object("roles")
	var all []role
	for _, name := range TopRoles() {
		if name == Director {
			d.roles[name] = readRole(f.Object(directorField), name, keys)
		} else {
			d.roles[name] = readRole(roles.Object(name), name, keys)
		}
		all = append(all, d.roles[name])
	}
	onlyKeys(f, keys, all)
	return d, done(f)
}

// A targetsDoc is the document of targets, of a group, or of a tenant.
// It names its role, because groups have the same keys.
type targetsDoc struct {
	head
	role     string
	targets  map[string]piece
	delegate []role
	revoked  []spaceos.Digest // of a tenant
}

func (d *targetsDoc) value() canonical.Value {
	var targets []canonical.Member
	for path, p := range d.targets {
		targets = append(targets, canonical.Member{Name: path, Value: p.value()})
	}
	members := d.members(Targets,
		canonical.Member{Name: roleField, Value: canonical.NewString(d.role)},
		canonical.Member{Name: "targets", Value: canonical.NewObject(targets...)})
	if strings.HasPrefix(d.role, tenantPrefix) {
		members = append(members, canonical.Member{Name: revokedField, Value: digestsValue(d.revoked)})
	}
	if d.delegate != nil {
		roles := make([]canonical.Value, len(d.delegate))
		for i, r := range d.delegate {
			roles[i] = r.value(
				canonical.Member{Name: "name", Value: canonical.NewString(r.name)},
				canonical.Member{Name: "paths", Value: canonical.NewStrings(r.paths)},
				canonical.Member{Name: "terminating", Value: canonical.NewBool(r.last)})
		}
		members = append(members, canonical.Member{Name: "delegations", Value: canonical.NewObject(
			canonical.Member{Name: "keys", Value: keysValue(d.delegate)},
			canonical.Member{Name: "roles", Value: canonical.NewArray(roles...)})})
	}
	return canonical.NewObject(members...)
}

func readTargets(e *envelope, name string) (*targetsDoc, error) {
	f := e.signed.Fields(name)
	d := &targetsDoc{head: readHead(f, Targets), role: name, targets: map[string]piece{}}
	f.Is(roleField, name)
	targets := f.Object("targets")
	for path, v := range targets.Each(maxMembers) {
		d.targets[path] = readPiece(targets.Inner(path, v), false)
	}
	if strings.HasPrefix(name, tenantPrefix) {
		d.revoked = readDigests(f, revokedField)
	}
	if f.Has("delegations") {
		delegations := f.Object("delegations")
		keys := delegations.Value("keys")
		d.delegate = []role{}
		for i, v := range delegations.Array("roles", maxMembers) {
			from := delegations.Inner(fmt.Sprintf("roles[%d]", i), v)
			r := readRole(from, from.Str("name"), keys)
			r.paths, r.last = from.Strings("paths", 1), from.Bool("terminating")
			d.delegate = append(d.delegate, r)
		}
		onlyKeys(delegations, keys, d.delegate)
	}
	return d, done(f)
}

// find is the delegation of a name, nil if there is none.
func (d *targetsDoc) find(name string) *role {
	at := slices.IndexFunc(d.delegate, func(r role) bool { return r.name == name })
	if at < 0 {
		return nil
	}
	return &d.delegate[at]
}

// A snapshotDoc names the version of every document below targets.
type snapshotDoc struct {
	head
	meta map[string]piece // by role
}

func metaValue(meta map[string]piece) canonical.Value {
	var members []canonical.Member
	for name, p := range meta {
		members = append(members, canonical.Member{Name: name + ".json", Value: p.value()})
	}
	return canonical.NewObject(members...)
}

func readMeta(f *canonical.Fields) map[string]piece {
	meta, all := map[string]piece{}, f.Object("meta")
	for file, v := range all.Each(maxMembers) {
		meta[strings.TrimSuffix(file, ".json")] = readPiece(all.Inner(file, v), true)
	}
	return meta
}

func (d *snapshotDoc) value() canonical.Value {
	return canonical.NewObject(d.members(Snapshot, canonical.Member{Name: "meta", Value: metaValue(d.meta)})...)
}

func readSnapshot(e *envelope) (*snapshotDoc, error) {
	f := e.signed.Fields(Snapshot)
	d := &snapshotDoc{readHead(f, Snapshot), readMeta(f)}
	return d, done(f)
}

// A timestampDoc opens a set: it names the snapshot, and by digest and length
// every piece of the set.
type timestampDoc struct {
	head
	snapshot piece
	pieces   map[spaceos.Digest]int64
}

func (d *timestampDoc) value() canonical.Value {
	var pieces []canonical.Member
	for digest, length := range d.pieces {
		pieces = append(pieces, canonical.Member{Name: strings.TrimPrefix(digest.String(), "sha256:"), Value: canonical.NewInt(length)})
	}
	return canonical.NewObject(d.members(Timestamp,
		canonical.Member{Name: "meta", Value: metaValue(map[string]piece{Snapshot: d.snapshot})},
		canonical.Member{Name: piecesField, Value: canonical.NewObject(pieces...)})...)
}

func readTimestamp(e *envelope) (*timestampDoc, error) {
	f := e.signed.Fields(Timestamp)
	d := &timestampDoc{head: readHead(f, Timestamp), pieces: map[spaceos.Digest]int64{}}
	d.snapshot = readMeta(f)[Snapshot]
	pieces := f.Object(piecesField)
	for name, v := range pieces.Each(maxMembers) {
		digest, err := spaceos.ParseDigest("sha256:" + name)
		length, ok := v.Int()
		if err != nil || !ok {
			pieces.Fail(name[:min(len(name), 64)], "should be a SHA-256 with a length")
		}
		d.pieces[digest] = length
	}
	return d, done(f)
}

func digestsValue(list []spaceos.Digest) canonical.Value {
	texts := make([]string, len(list))
	for i, d := range list {
		texts[i] = d.String()
	}
	slices.Sort(texts)
	return canonical.NewStrings(texts)
}

func readDigests(f *canonical.Fields, name string) (list []spaceos.Digest) {
	for _, text := range f.Strings(name, maxMembers) {
		d, err := spaceos.ParseDigest(text)
		if err != nil {
			f.Fail(name, "holds something else: %v", err)
		}
		list = append(list, d)
	}
	return list
}

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
