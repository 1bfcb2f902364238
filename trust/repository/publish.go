package repository

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"

	"spaceos"
)

// A set is what a snapshot names: whole documents, each signed by the keys
// that the one above names.
type set struct {
	root    *rootDoc
	targets *targetsDoc
	charter *charter
	tenants map[string]*targetsDoc
	meta    map[string]piece         // documents by role
	pieces  map[spaceos.Digest]int64 // all that a spacecraft needs, but snapshot
	left    []Progress               // documents that are not usable yet; an earlier one stands in
}

// whole reads the current document of a role and wants it signed by its
// authority.
func (r *Repository) whole(a role) (*envelope, piece, error) {
	version, err := r.newest(a.name)
	if a.name == Timestamp {
		version = 1
	}
	if err != nil {
		return nil, piece{}, err
	}
	return r.wholeVersion(a, version)
}

// wholeVersion is whole for one version.
func (r *Repository) wholeVersion(a role, version int64) (*envelope, piece, error) {
	e, h, err := r.version(a.name, version)
	if err != nil {
		return nil, piece{}, err
	}
	if e == nil {
		return nil, piece{}, fmt.Errorf("%w: %s is not signed yet; sign it with spaceos trust sign --role %s", ErrDocument, a.name, a.name)
	}
	if n := len(a.signers(e)); n < a.threshold {
		if good, err := r.genuine(a.name, e); err != nil {
			return nil, piece{}, err
		} else if !good && a.name != Snapshot && a.name != Timestamp {
			return nil, piece{}, r.tampered(a.name, h.version)
		}
		return nil, piece{}, fmt.Errorf("%w: %s version %d has %d of the %d signatures that its present keys must give; sign it again with spaceos trust sign --role %s", ErrDocument, a.name, h.version, n, a.threshold, a.name)
	}
	data, err := e.file()
	return e, pieceOf(data, h.version), err
}

// collect reads and checks the set that is current.
func (r *Repository) collect() (*set, error) {
	e, _, err := r.current(Root)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, fmt.Errorf("%w: root is not signed yet; sign it with spaceos trust sign --role root", ErrDocument)
	}
	s := &set{tenants: map[string]*targetsDoc{}, meta: map[string]piece{}, pieces: map[spaceos.Digest]int64{}}
	if s.root, err = readRoot(e); err != nil {
		return nil, err
	}
	if good, err := r.genuineRoot(e); err != nil {
		return nil, err
	} else if !good {
		return nil, r.tampered(Root, s.root.version)
	}
	if s.targets, err = r.collectOne(s, s.root.roles[Targets]); err != nil {
		return nil, err
	}
	if s.charter, err = r.charter(s.targets); err != nil {
		return nil, err
	}
	for _, delegation := range s.targets.delegate {
		group, err := r.collectOne(s, delegation)
		if err != nil {
			return nil, err
		}
		if err := r.collectTenants(s, group); err != nil {
			return nil, err
		}
	}
	charter := s.targets.targets[charterTarget]
	s.pieces[charter.digest] = charter.length
	return s, nil
}

// collectOne adds the newest document of a role.
func (r *Repository) collectOne(s *set, a role) (*targetsDoc, error) {
	e, p, err := r.whole(a)
	if err != nil {
		return nil, err
	}
	s.meta[a.name], s.pieces[p.digest] = p, p.length
	return readTargets(e, a.name)
}

// collectTenants adds the documents of a group's tenants. One that signed
// nothing yet has none. What a tenant sent may be incomplete: then the version
// before it stands in, down to the one that is published, so that one tenant
// does not keep the others, or a revocation, from being published.
func (r *Repository) collectTenants(s *set, group *targetsDoc) error {
	published, err := r.publishedMeta()
	if err != nil {
		return err
	}
	for _, delegation := range group.delegate {
		versions, err := r.versions(delegation.name)
		if err != nil {
			return err
		}
		for i := len(versions) - 1; i >= 0; i-- {
			err := r.collectTenant(s, delegation, versions[i])
			if err == nil {
				break
			}
			if versions[i] <= published[delegation.name].version {
				return err
			}
			s.left = append(s.left, Progress{Role: delegation.name, Version: versions[i], Why: err.Error()})
		}
	}
	return nil
}

// publishedMeta is what the newest snapshot names.
func (r *Repository) publishedMeta() (map[string]piece, error) {
	e, _, err := r.current(Snapshot)
	if err != nil || e == nil {
		return nil, err
	}
	d, err := readSnapshot(e)
	if err != nil {
		return nil, err
	}
	return d.meta, nil
}

// collectTenant adds one version of a tenant's document, if all that it names
// is there.
func (r *Repository) collectTenant(s *set, delegation role, version int64) error {
	e, p, err := r.wholeVersion(delegation, version)
	if err != nil {
		return err
	}
	d, err := readTargets(e, delegation.name)
	if err != nil {
		return err
	}
	tenant := strings.TrimPrefix(delegation.name, tenantPrefix)
	for path, p := range d.targets {
		if !ownPath(tenant, path) {
			return fmt.Errorf("%w: %s signs %s, which is not the tenant's", ErrDocument, delegation.name, path)
		}
		if _, err := r.target(path, p); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w; ask tenant %s for that file: its own repository holds it under the same name", err, tenant)
		} else if err != nil {
			return err
		}
	}
	s.meta[delegation.name], s.pieces[p.digest] = p, p.length
	s.tenants[tenant] = d
	return nil
}

// ownPath says whether a path is one that a tenant may sign.
func ownPath(tenant, path string) bool {
	name, inFolder := strings.CutPrefix(path, "tenant/"+tenant+"/")
	payload, version, both := strings.Cut(name, "_")
	return inFolder && both && spaceos.ValidName(payload) == nil && validVersion(version) == nil
}

// Publish makes the current documents the ones that count: a snapshot that
// names them, if they changed, and a timestamp. When the snapshot still needs
// signatures, it stops there; publish again with the next key. A tenant whose
// newest document is not usable yet keeps the one that is published.
func (r *Repository) Publish(keys ...*Key) ([]Progress, error) {
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := r.collect()
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if len(held([]*Key{k}, s.root.roles[Snapshot]))+len(held([]*Key{k}, s.root.roles[Timestamp])) == 0 {
			return nil, fmt.Errorf("%w: %s is neither snapshot's nor timestamp's", ErrKey, r.whose(k))
		}
	}
	progress, err := r.publishSnapshot(s, held(keys, s.root.roles[Snapshot]))
	if err != nil {
		return nil, err
	}
	if !progress.Complete {
		return append(s.left, progress), nil
	}
	_, p, err := r.whole(s.root.roles[Snapshot])
	if err != nil {
		return nil, err
	}
	s.pieces[p.digest] = p.length
	last, err := r.publishTimestamp(s, p, held(keys, s.root.roles[Timestamp]))
	return append(s.left, progress, last), err
}

// publishSnapshot keeps the snapshot that is there, if it says what it should.
func (r *Repository) publishSnapshot(s *set, keys []*Key) (Progress, error) {
	a := s.root.roles[Snapshot]
	if e, h, err := r.current(Snapshot); err != nil {
		return Progress{}, err
	} else if e != nil {
		d, err := readSnapshot(e)
		if err != nil {
			return Progress{}, err
		}
		if err := noRollback(d.meta, s.meta); err != nil {
			return Progress{}, err
		}
		if maps.Equal(d.meta, s.meta) && a.whole(e) && h.expires.After(r.now()) {
			return Progress{Snapshot, h.version, len(a.signers(e)), a.threshold, true, filepath.Join(r.dir, metadataFile(Snapshot, h.version)), ""}, nil
		}
	}
	if e, h, err := r.staged(Snapshot); err != nil {
		return Progress{}, err
	} else if e != nil {
		if d, err := readSnapshot(e); err == nil && maps.Equal(d.meta, s.meta) {
			return r.sign(Snapshot, h, e, keys)
		}
	}
	h, err := r.next(Snapshot, onlineLife)
	if err != nil {
		return Progress{}, err
	}
	d := &snapshotDoc{h, s.meta}
	return r.put(Snapshot, h, d.value(), keys)
}

// noRollback wants nothing to vanish or to have a lower version (TUF 5.5.5).
func noRollback(old, fresh map[string]piece) error {
	for name, p := range old {
		if got, ok := fresh[name]; !ok || got.version < p.version || got.version == p.version && got != p {
			return fmt.Errorf("%w: %s version %d was published, and now version %d, or another with its number, is here; clients would refuse that: take the document that was published", ErrDocument, name, p.version, got.version)
		}
	}
	return nil
}

func (r *Repository) publishTimestamp(s *set, snapshot piece, keys []*Key) (Progress, error) {
	if e, h, err := r.staged(Timestamp); err != nil {
		return Progress{}, err
	} else if e != nil {
		if d, err := readTimestamp(e); err == nil && d.snapshot == snapshot && maps.Equal(d.pieces, s.pieces) {
			return r.sign(Timestamp, h, e, keys)
		}
	}
	h, err := r.next(Timestamp, onlineLife)
	if err != nil {
		return Progress{}, err
	}
	d := &timestampDoc{h, snapshot, s.pieces}
	return r.put(Timestamp, h, d.value(), keys)
}
