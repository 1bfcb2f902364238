package repository

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"spaceos"
)

// Roles say who signs what at the start: for each of Root, Targets, Snapshot,
// Timestamp and Director, keys and how many of them must sign.
type Roles map[string]RoleKeys

// RoleKeys are the keys of a role, and how many of them must sign.
type RoleKeys struct {
	Keys      []PublicKey
	Threshold int
}

// Init makes a repository with an empty charter in a folder that is not there
// yet or is empty. What keys can sign whole is whole; the rest is staged.
func Init(dir string, roles Roles, o Options, keys ...*Key) (*Repository, []Progress, error) {
	root := &rootDoc{roles: map[string]role{}}
	for _, name := range TopRoles() {
		top := role{name: name, keys: roles[name].Keys, threshold: roles[name].Threshold}
		if err := top.check(); err != nil {
			return nil, nil, err
		}
		root.roles[name] = top
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, nil, fmt.Errorf("%w: %s is not empty; name a new folder", ErrRepository, dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrRepository, dir, reason(err))
	}
	made, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dir)), ".new-*")
	if err != nil {
		return nil, nil, fmt.Errorf("%w: making %s: %w", ErrRepository, dir, reason(err))
	}
	defer os.RemoveAll(made)
	r := &Repository{made, o.clock()}
	progress, err := r.begin(root, keys)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(os.Chmod(made, 0o755), os.Rename(made, dir)); err != nil {
		return nil, nil, fmt.Errorf("%w: making %s: %w", ErrRepository, dir, reason(err))
	}
	for i := range progress {
		progress[i].File = filepath.Join(dir, strings.TrimPrefix(progress[i].File, filepath.Clean(made)))
	}
	r.dir = dir
	parent, err := os.OpenRoot(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return nil, nil, err
	}
	return r, progress, errors.Join(syncFolder(parent, "."), parent.Close())
}

// begin fills a new folder.
func (r *Repository) begin(root *rootDoc, keys []*Key) ([]Progress, error) {
	for _, sub := range []string{"metadata", "targets", "plans", "staged"} {
		if err := os.Mkdir(filepath.Join(r.dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	var err error
	if root.head, err = r.next(Root, rootLife); err != nil {
		return nil, err
	}
	rootProgress, err := r.put(Root, root.head, root.value(), held(keys, root.roles[Root]))
	if err != nil {
		return nil, err
	}
	charter := &charter{tenants: map[string]Tenant{}}
	targets := &targetsDoc{role: Targets, targets: map[string]piece{}, delegate: []role{}}
	targetsProgress, err := r.putTargets(targets, charter, held(keys, root.roles[Targets]))
	return []Progress{rootProgress, targetsProgress}, err
}

// held are those of the keys that a role has.
func held(keys []*Key, a role) (held []*Key) {
	for _, k := range keys {
		for _, p := range a.keys {
			if k.Public() == p {
				held = append(held, k)
			}
		}
	}
	return held
}

// targetFile is where a target lies: its name begins with its digest
// (consistent snapshots, TUF 6.2.1).
func targetFile(path string, d spaceos.Digest) string {
	folder, name := filepath.Split(filepath.FromSlash(path))
	return filepath.Join("targets", folder, strings.TrimPrefix(d.String(), "sha256:")+"."+name)
}

// putTarget keeps a target's bytes.
func (r *Repository) putTarget(path string, data []byte) (piece, error) {
	p := pieceOf(data, 0)
	return p, r.files().write(targetFile(path, p.digest), data, 0o644, true)
}

// putTargets keeps a charter, and a new targets document that names it.
func (r *Repository) putTargets(d *targetsDoc, c *charter, keys []*Key) (Progress, error) {
	data, err := c.data()
	if err != nil {
		return Progress{}, err
	}
	if len(data) > maxCharter {
		return Progress{}, fmt.Errorf("%w: the charter would have %d bytes, and a spacecraft reads at most %d", ErrDocument, len(data), maxCharter)
	}
	if d.targets[charterTarget], err = r.putTarget(charterTarget, data); err != nil {
		return Progress{}, err
	}
	root, err := r.root()
	if err != nil {
		return Progress{}, err
	}
	for i := range d.delegate { // groups have the keys that targets has
		d.delegate[i].keys, d.delegate[i].threshold = root.roles[Targets].keys, root.roles[Targets].threshold
	}
	if d.head, err = r.next(Targets, signedLife); err != nil {
		return Progress{}, err
	}
	return r.put(Targets, d.head, d.value(), keys)
}

// Bounds of targets, in bytes: the charter is a document that flies; an
// image's OCI manifest names up to 2,048 files.
const (
	maxCharter = 64 << 10
	maxTarget  = 1 << 20
)

// targets reads the draft of targets and its charter.
func (r *Repository) targets() (*targetsDoc, *charter, error) {
	e, err := r.draft(Targets)
	if err != nil {
		return nil, nil, err
	}
	if e == nil {
		return nil, nil, fmt.Errorf("%w: %s has no targets document; it is damaged: take a copy that is whole", ErrRepository, r.dir)
	}
	d, err := readTargets(e, Targets)
	if err != nil {
		return nil, nil, err
	}
	c, err := r.charter(d)
	return d, c, err
}

// charter reads the charter that a targets document names.
func (r *Repository) charter(d *targetsDoc) (*charter, error) {
	p, ok := d.targets[charterTarget]
	if !ok {
		return nil, fmt.Errorf("%w: targets names no charter", ErrDocument)
	}
	data, err := r.target(charterTarget, p)
	if err != nil {
		return nil, err
	}
	return parseCharter(data)
}

// target reads a target and checks it.
func (r *Repository) target(path string, p piece) ([]byte, error) {
	file := targetFile(path, p.digest)
	data, err := r.files().read(file, min(p.length, maxTarget))
	if err == nil && pieceOf(data, 0) != (piece{length: p.length, digest: p.digest}) {
		err = fmt.Errorf("%s has changed: its digest is %v; take a copy that is whole", filepath.Join(r.dir, file), spaceos.DigestOf(data))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	return data, nil
}
