package repository

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"spaceos"
)

// Sign adds signatures to the document of a role that is staged. When none is
// staged, but the current one lacks signatures of the keys that the role has
// now, it makes a new version, and signs that. Targets stands for its groups,
// too: they have the same keys.
func (r *Repository) Sign(name string, keys ...*Key) ([]Progress, error) {
	if err := validRole(name); err != nil {
		return nil, err
	}
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	names := []string{name}
	if name == Targets {
		groups, err := r.groups()
		if err != nil {
			return nil, err
		}
		for i := range groups {
			names = slices.Insert(names, i, groupName(i))
		}
	}
	var all []Progress
	for _, name := range names {
		p, err := r.signOne(name, keys)
		if err != nil {
			return all, err
		}
		if p.Role != "" {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: %s has all the signatures that it needs", ErrRepository, name)
	}
	return all, nil
}

// Waiting names the roles whose documents wait for signatures, as Sign takes
// them. Publish makes snapshot and timestamp, so they are not among them.
func (r *Repository) Waiting() (names []string, err error) {
	files, err := r.files().names("staged")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRepository, err)
	}
	for _, file := range files {
		name, ok := strings.CutSuffix(file, ".json")
		if !ok || validRole(name) != nil || name == Snapshot || name == Timestamp {
			continue
		}
		if strings.HasPrefix(name, groupPrefix) {
			name = Targets
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// signOne signs one document, if it needs that.
func (r *Repository) signOne(name string, keys []*Key) (Progress, error) {
	if e, h, err := r.staged(name); e != nil || err != nil {
		if err != nil {
			return Progress{}, err
		}
		return r.sign(name, h, e, keys)
	}
	e, _, err := r.current(name)
	if err != nil {
		return Progress{}, err
	}
	if e != nil {
		authorities, err := r.authorities(name, e)
		if err != nil || authorities[0].whole(e) {
			return Progress{}, err
		}
	}
	return r.renew(name, keys)
}

// renew makes a role's next document with the same content.
func (r *Repository) renew(name string, keys []*Key) (Progress, error) {
	switch {
	case name == Targets:
		d, c, err := r.targets()
		if err != nil {
			return Progress{}, err
		}
		return r.putTargets(d, c, keys)
	case strings.HasPrefix(name, groupPrefix):
		groups, err := r.groups()
		if err != nil {
			return Progress{}, err
		}
		index, err := strconv.Atoi(strings.TrimPrefix(name, groupPrefix))
		if err != nil || index < 0 || index >= len(groups) {
			return Progress{}, fmt.Errorf("%w: there is no role %q", ErrRepository, name)
		}
		return r.putGroup(index, groups[index], keys)
	case strings.HasPrefix(name, tenantPrefix):
		tenant := strings.TrimPrefix(name, tenantPrefix)
		d, err := r.tenantDoc(tenant)
		if err != nil {
			return Progress{}, err
		}
		return r.putTenant(tenant, d, keys)
	case name == Snapshot || name == Timestamp:
		return Progress{}, fmt.Errorf("%w: %s is made and signed by spaceos trust publish", ErrRepository, name)
	}
	return Progress{}, fmt.Errorf("%w: nothing of %s waits for signatures", ErrRepository, name)
}

// validRole keeps what is no role out of file names.
func validRole(name string) error {
	if slices.Contains(TopRoles(), name) && name != Director {
		return nil
	}
	for _, prefix := range []string{tenantPrefix, groupPrefix, planPrefix} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && spaceos.ValidName(rest) == nil {
			return nil
		}
	}
	if name == Director {
		return fmt.Errorf("%w: the director signs plans; sign one with spaceos trust plan, or add to one with --role plan-SPACECRAFT", ErrRepository)
	}
	return fmt.Errorf("%w: %.40q is no role; take root, targets, snapshot, timestamp, group-N, tenant-NAME or plan-SPACECRAFT", ErrRepository, name)
}

// A Change is what Rotate does to a role's keys.
type Change struct {
	Add, Remove []PublicKey
	Threshold   int // 0 leaves it
}

func (c Change) apply(a *role) error {
	for _, k := range c.Remove {
		at := slices.Index(a.keys, k)
		if at < 0 {
			return fmt.Errorf("%w: key %s is not one of %s", ErrKey, k.Short(), a.name)
		}
		a.keys = slices.Delete(slices.Clone(a.keys), at, at+1)
	}
	a.keys = append(slices.Clone(a.keys), c.Add...)
	if c.Threshold != 0 {
		a.threshold = c.Threshold
	}
	return a.check()
}

// Rotate changes who may sign for a role. keys sign the document that says so:
// root, or for a tenant its group. A role whose keys are all replaced starts
// its counter anew on board, which undoes a version number made too high by a
// thief; root's and the director's counters never start anew.
func (r *Repository) Rotate(name string, c Change, keys ...*Key) (Progress, error) {
	unlock, err := r.lock()
	if err != nil {
		return Progress{}, err
	}
	defer unlock()
	if tenant, ok := strings.CutPrefix(name, tenantPrefix); ok {
		index, group, delegation, err := r.findTenant(tenant)
		if err != nil {
			return Progress{}, err
		}
		if err := r.oneHolder(name, c.Add); err != nil {
			return Progress{}, err
		}
		if err := c.apply(delegation); err != nil {
			return Progress{}, err
		}
		return r.putGroup(index, group, keys)
	}
	if strings.HasPrefix(name, groupPrefix) {
		return Progress{}, fmt.Errorf("%w: groups have the keys of targets; rotate those", ErrRepository)
	}
	root, err := r.root()
	if err != nil {
		return Progress{}, err
	}
	top, ok := root.roles[name]
	if !ok {
		return Progress{}, fmt.Errorf("%w: %.40q is no role; take root, targets, snapshot, timestamp, director or tenant-NAME", ErrRepository, name)
	}
	if err := c.apply(&top); err != nil {
		return Progress{}, err
	}
	root.roles[name] = top
	if root.head, err = r.next(Root, rootLife); err != nil {
		return Progress{}, err
	}
	if err := r.oneHolder(name, c.Add); err != nil {
		return Progress{}, err
	}
	return r.put(Root, root.head, root.value(), keys)
}

// oneHolder refuses a tenant's key for a role of the operator's, and the other
// way round: what one signs must not pass for the other's.
func (r *Repository) oneHolder(name string, keys []PublicKey) error {
	for _, k := range keys {
		roles, err := r.KeyRoles(k)
		if err != nil {
			return err
		}
		for _, held := range roles {
			if strings.HasPrefix(held, tenantPrefix) != strings.HasPrefix(name, tenantPrefix) {
				return fmt.Errorf("%w: key %s is held by %s, so it cannot be a key of %s, too; make another with spaceos trust key", ErrKey, k.Short(), held, name)
			}
		}
	}
	return nil
}

// KeyRoles names the roles that a key may sign for.
func (r *Repository) KeyRoles(k PublicKey) (names []string, err error) {
	root, err := r.root()
	if err != nil {
		return nil, err
	}
	for _, name := range TopRoles() {
		if slices.Contains(root.roles[name].keys, k) {
			names = append(names, name)
		}
	}
	groups, err := r.groups()
	for _, g := range groups {
		for _, d := range g.delegate {
			if slices.Contains(d.keys, k) {
				names = append(names, d.name)
			}
		}
	}
	return names, err
}

// RevokeImage forbids a digest, for good: for all by the charter, signed by
// keys of targets; or, with a tenant's name, by the tenant itself.
func (r *Repository) RevokeImage(digest spaceos.Digest, tenant string, keys ...*Key) (Progress, error) {
	unlock, err := r.lock()
	if err != nil {
		return Progress{}, err
	}
	defer unlock()
	if tenant == "" {
		d, c, err := r.targets()
		if err != nil {
			return Progress{}, err
		}
		if slices.Contains(c.revoked, digest) {
			return Progress{}, fmt.Errorf("%w: the charter revokes %v already", ErrRepository, digest)
		}
		c.revoked = append(c.revoked, digest)
		return r.putTargets(d, c, keys)
	}
	d, err := r.tenantDoc(tenant)
	if err != nil {
		return Progress{}, err
	}
	if slices.Contains(d.revoked, digest) {
		return Progress{}, fmt.Errorf("%w: %s revokes %v already", ErrRepository, tenant, digest)
	}
	d.revoked = append(d.revoked, digest)
	for path, p := range d.targets {
		if p.digest == digest {
			delete(d.targets, path)
		}
	}
	return r.putTenant(tenant, d, keys)
}

// RevokeKey takes a key out of every role that it has, or out of none: each
// must have enough keys left.
func (r *Repository) RevokeKey(k PublicKey, keys ...*Key) ([]Progress, error) {
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	root, err := r.root()
	if err != nil {
		return nil, err
	}
	gone := Change{Remove: []PublicKey{k}}
	instead := func(name string, err error) error {
		return fmt.Errorf("%w; give it a new key in the same step, with spaceos trust rotate %s --add NEW.pub --remove OLD.pub", err, name)
	}
	inRoot := false
	for _, name := range TopRoles() {
		if top := root.roles[name]; slices.Contains(top.keys, k) {
			if err := gone.apply(&top); err != nil {
				return nil, instead(name, err)
			}
			root.roles[name], inRoot = top, true
		}
	}
	groups, err := r.groups()
	if err != nil {
		return nil, err
	}
	var changed []int
	for i, g := range groups {
		for j := range g.delegate {
			if d := &g.delegate[j]; slices.Contains(d.keys, k) {
				if err := gone.apply(d); err != nil {
					return nil, instead(d.name, err)
				}
				if !slices.Contains(changed, i) {
					changed = append(changed, i)
				}
			}
		}
	}
	if !inRoot && len(changed) == 0 {
		return nil, fmt.Errorf("%w: no role has key %s", ErrKey, k.Short())
	}
	return r.putRevoked(root, inRoot, groups, changed, keys)
}

// putRevoked keeps what RevokeKey changed.
func (r *Repository) putRevoked(root *rootDoc, inRoot bool, groups []*targetsDoc, changed []int, keys []*Key) (all []Progress, err error) {
	targets := root.roles[Targets]
	for _, i := range changed {
		p, err := r.putGroup(i, groups[i], held(keys, targets))
		if err != nil {
			return all, err
		}
		all = append(all, p)
	}
	if inRoot {
		if root.head, err = r.next(Root, rootLife); err != nil {
			return all, err
		}
		p, err := r.put(Root, root.head, root.value(), held(keys, r.mayRoot(root)))
		if err != nil {
			return all, err
		}
		all = append(all, p)
	}
	return all, nil
}

// mayRoot are all keys that may sign a new root: its own and those before it.
func (r *Repository) mayRoot(root *rootDoc) role {
	may := root.roles[Root]
	if e, _, err := r.current(Root); err == nil && e != nil {
		if old, err := readRoot(e); err == nil {
			may.keys = slices.Concat(may.keys, old.roles[Root].keys)
		}
	}
	return may
}
