package repository

import (
	"fmt"
	"slices"
	"strings"
)

// planPrefix begins the name under which a spacecraft's plan is staged and
// signed.
const planPrefix = "plan-"

// add signs by a key that one of the authorities has.
func (e *envelope) add(k *Key, authorities []role) error {
	public := k.Public()
	has := func(a role) bool { return slices.Contains(a.keys, public) }
	if !slices.ContainsFunc(authorities, has) {
		return fmt.Errorf("%w: key %s", ErrKey, public.Short())
	}
	sigs, err := k.sign(e.signed.Bytes())
	if err != nil {
		return err
	}
	for _, id := range public.IDs() {
		e.signatures = slices.DeleteFunc(e.signatures, func(s signature) bool { return s.id == id })
	}
	e.signatures = append(e.signatures, sigs...)
	return nil
}

// mayNot is the error of a key that is not one of those that sign a document.
func (r *Repository) mayNot(k *Key, name string, authorities []role) error {
	var may []string
	for _, a := range authorities {
		for _, p := range a.keys {
			if !slices.Contains(may, p.Short()) {
				may = append(may, p.Short())
			}
		}
	}
	return fmt.Errorf("%w: %s may not sign %s; that takes key %s", ErrKey, r.whose(k), name, strings.Join(may, " or "))
}

// whose names a key, its file and its roles.
func (r *Repository) whose(k *Key) string {
	text := "key " + k.Public().Short()
	if k.file != "" {
		text += " in " + k.file
	}
	roles, err := r.KeyRoles(k.Public())
	switch {
	case err != nil:
		return text
	case len(roles) == 0:
		return text + ", a key of no role,"
	}
	return text + ", a key of " + strings.Join(roles, " and ") + ","
}

// sort puts signatures into the order of the authorities' keys, and leaves out
// those of others.
func (e *envelope) sort(authorities []role) {
	var sorted []signature
	for _, a := range authorities {
		for _, id := range a.ids() {
			at := slices.IndexFunc(e.signatures, func(s signature) bool { return s.id == id })
			if at >= 0 && !slices.ContainsFunc(sorted, func(s signature) bool { return s.id == id }) {
				sorted = append(sorted, e.signatures[at])
			}
		}
	}
	e.signatures = sorted
}

// root is the draft of root: what is whole, or on its way to it.
func (r *Repository) root() (*rootDoc, error) {
	e, err := r.draft(Root)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, fmt.Errorf("%w: %s has no root document; make a repository with spaceos trust init", ErrRepository, r.dir)
	}
	return readRoot(e)
}

// authorities are the roles that must sign a document: for root, the new one
// and the one before it (TUF 5.3.4); for others, the one that their delegator
// names. Of the delegator the draft counts, so that people can sign a chain
// of documents in any order; Publish looks at whole documents alone.
func (r *Repository) authorities(name string, e *envelope) ([]role, error) {
	switch {
	case name == Root:
		return r.rootAuthorities(e)
	case strings.HasPrefix(name, tenantPrefix):
		_, _, delegation, err := r.findTenant(strings.TrimPrefix(name, tenantPrefix))
		if err != nil {
			return nil, err
		}
		return []role{*delegation}, nil
	}
	root, err := r.root()
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, planPrefix) {
		return []role{root.roles[Director]}, nil
	}
	if strings.HasPrefix(name, groupPrefix) {
		return []role{root.roles[Targets]}, nil
	}
	if top, ok := root.roles[name]; ok && name != Director {
		return []role{top}, nil
	}
	return nil, fmt.Errorf("%w: there is no role %q; spaceos trust status lists them", ErrRepository, name)
}

func (r *Repository) rootAuthorities(e *envelope) ([]role, error) {
	fresh, err := readRoot(e)
	if err != nil {
		return nil, err
	}
	authorities := []role{fresh.roles[Root]}
	before, h, err := r.current(Root)
	if err != nil {
		return nil, err
	}
	if before != nil && h.version == fresh.version-1 {
		old, err := readRoot(before)
		if err != nil {
			return nil, err
		}
		authorities = append(authorities, old.roles[Root])
	}
	return authorities, nil
}

// groups reads the drafts of all groups, in order.
func (r *Repository) groups() (groups []*targetsDoc, err error) {
	for {
		e, err := r.draft(groupName(len(groups)))
		if err != nil || e == nil {
			return groups, err
		}
		d, err := readTargets(e, groupName(len(groups)))
		if err != nil {
			return nil, err
		}
		groups = append(groups, d)
	}
}

func groupName(i int) string { return fmt.Sprintf("%s%d", groupPrefix, i) }

// findTenant finds the group that delegates to a tenant.
func (r *Repository) findTenant(tenant string) (index int, group *targetsDoc, delegation *role, err error) {
	groups, err := r.groups()
	if err != nil {
		return 0, nil, nil, err
	}
	for i, g := range groups {
		if d := g.find(TenantRole(tenant)); d != nil {
			return i, g, d, nil
		}
	}
	return 0, nil, nil, fmt.Errorf("%w: there is no tenant %q; spaceos trust status lists them, and spaceos trust add-tenant adds one", ErrRepository, tenant)
}
