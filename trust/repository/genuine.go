package repository

import (
	"fmt"
	"path/filepath"
	"strings"
)

// genuine says whether the keys that a role has now, or had at some time,
// signed a document that lies among the whole ones. Of keys that were rotated
// away it is: sign it again. One that they never signed was damaged, or
// somebody wrote it: signing it would make it count.
func (r *Repository) genuine(name string, e *envelope) (bool, error) {
	if name == Root {
		return r.genuineRoot(e)
	}
	authorities, err := r.authorities(name, e)
	if err != nil || authorities[0].whole(e) {
		return err == nil, err
	}
	former, err := r.former(name)
	for _, a := range former {
		if a.whole(e) {
			return true, err
		}
	}
	return false, err
}

// genuineRoot says whether a root is signed by its own keys and by those of the
// root before it, and so on down to the first (TUF 5.3.4). Whether the first is
// the right one, each reader knows who trusts it.
func (r *Repository) genuineRoot(e *envelope) (bool, error) {
	d, err := readRoot(e)
	if err != nil {
		return false, err
	}
	if own := d.roles[Root]; !own.whole(e) {
		return false, nil
	}
	for d.version > 1 {
		before, _, err := r.version(Root, d.version-1)
		if err != nil || before == nil {
			return false, err
		}
		old, err := readRoot(before)
		if err != nil {
			return false, err
		}
		if keys := old.roles[Root]; !keys.whole(e) || !keys.whole(before) || old.version != d.version-1 {
			return false, nil
		}
		e, d = before, old
	}
	return true, nil
}

// former are the keys and thresholds that a role had, by the documents that are
// kept; root is not asked for.
func (r *Repository) former(name string) (all []role, err error) {
	if strings.HasPrefix(name, tenantPrefix) {
		return r.formerTenant(name)
	}
	top := name
	switch {
	case strings.HasPrefix(name, groupPrefix):
		top = Targets
	case strings.HasPrefix(name, planPrefix):
		top = Director
	}
	versions, err := r.versions(Root)
	for _, version := range versions {
		e, _, err := r.load(metadataFile(Root, version))
		if err != nil {
			return nil, err
		}
		d, err := readRoot(e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(r.dir, metadataFile(Root, version)), err)
		}
		if good, err := r.genuineRoot(e); err != nil {
			return nil, err
		} else if good {
			all = append(all, d.roles[top])
		}
	}
	return all, err
}

// formerTenant reads the delegations to a tenant in all groups that are genuine.
func (r *Repository) formerTenant(name string) (all []role, err error) {
	groups, err := r.groups()
	for i := range groups {
		versions, err := r.versions(groupName(i))
		if err != nil {
			return nil, err
		}
		for _, version := range versions {
			e, _, err := r.load(metadataFile(groupName(i), version))
			if err != nil {
				return nil, err
			}
			d, err := readTargets(e, groupName(i))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Join(r.dir, metadataFile(groupName(i), version)), err)
			}
			delegation := d.find(name)
			if delegation == nil {
				continue
			}
			if good, err := r.genuine(groupName(i), e); err != nil {
				return nil, err
			} else if good {
				all = append(all, *delegation)
			}
		}
	}
	return all, err
}

// tampered is the error of a document that is not genuine.
func (r *Repository) tampered(name string, version int64) error {
	return fmt.Errorf("%w: %s was damaged or tampered with: no keys that %s has, or had, signed what it says; take the file from a copy that is whole, and do not sign it", ErrDocument, filepath.Join(r.dir, metadataFile(name, version)), name)
}
