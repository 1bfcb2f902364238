package repository

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"spaceos"
)

// Status is what a repository holds, who signed it, and what is missing.
type Status struct {
	Roles     []RoleStatus   `json:"roles"`
	Tenants   []TenantStatus `json:"tenants"`
	Plans     []RoleStatus   `json:"plans"`
	Revoked   []string       `json:"revoked"`   // digests that the charter forbids
	Published bool           `json:"published"` // the timestamp names all that is current
	Todo      []string       `json:"todo"`      // what is missing, one sentence each
}

// RoleStatus is one role's document and keys.
type RoleStatus struct {
	Role      string      `json:"role"`
	State     string      `json:"state"` // "whole", "waiting" for signatures, "stale", "damaged", "none"
	Version   int64       `json:"version"`
	Expires   *time.Time  `json:"expires,omitempty"`
	Threshold int         `json:"threshold"`
	Keys      []KeyStatus `json:"keys"`
}

// KeyStatus is one key of a role, and whether it signed the newest document.
type KeyStatus struct {
	Key    string `json:"key"` // see PublicKey.Short
	Signed bool   `json:"signed"`
}

// TenantStatus is what the charter grants a tenant, and what it signed.
type TenantStatus struct {
	Name    string            `json:"name"`
	Ceiling map[string]string `json:"ceiling"`
	Images  map[string]string `json:"images"` // "PAYLOAD VERSION" to digest
	Revoked []string          `json:"revoked"`
}

// Status reads the whole repository. Documents that wait are shown in the
// place of those that are current.
func (r *Repository) Status() (*Status, error) {
	s := &Status{Tenants: []TenantStatus{}, Plans: []RoleStatus{}, Revoked: []string{}, Todo: []string{}}
	names := []string{Root, Targets}
	groups, err := r.groups()
	if err != nil {
		return nil, err
	}
	var tenants []string
	for i, g := range groups {
		names = append(names, groupName(i))
		for _, d := range g.delegate {
			tenants = append(tenants, d.name)
		}
	}
	slices.Sort(tenants)
	for _, name := range slices.Concat(names, tenants, []string{Snapshot, Timestamp}) {
		role, err := r.roleStatus(name)
		if err != nil {
			return nil, err
		}
		s.Roles = append(s.Roles, role)
	}
	root, err := r.root()
	if err != nil {
		return nil, err
	}
	director := root.roles[Director]
	s.Roles = append(s.Roles, RoleStatus{Role: Director, State: "none", Threshold: director.threshold, Keys: keyStatus(director, nil)})
	if err := r.addTenants(s); err != nil {
		return nil, err
	}
	if err := r.addPlans(s); err != nil {
		return nil, err
	}
	return s, r.addTodo(s)
}

func keyStatus(a role, e *envelope) []KeyStatus {
	keys := []KeyStatus{}
	for _, k := range a.keys {
		keys = append(keys, KeyStatus{k.Short(), e != nil && k.signed(e)})
	}
	return keys
}

// roleStatus looks at the newest document of a role.
func (r *Repository) roleStatus(name string) (RoleStatus, error) {
	s := RoleStatus{Role: name, State: "waiting"}
	e, h, err := r.staged(name)
	if e == nil && err == nil {
		s.State = "whole"
		e, h, err = r.current(name)
	}
	if err != nil {
		return s, err
	}
	if e == nil {
		s.State = "none"
		e = &envelope{}
	} else {
		s.Version, s.Expires = h.version, &h.expires
	}
	authorities, err := r.authorities(name, e)
	if err != nil {
		return s, err
	}
	var all role // root has two, when its keys change
	for _, a := range authorities {
		s.Threshold = max(s.Threshold, a.threshold)
		for _, k := range a.keys {
			if !slices.Contains(all.keys, k) {
				all.keys = append(all.keys, k)
			}
		}
	}
	if s.State == "whole" {
		if good, err := r.genuine(name, e); err != nil {
			return s, err
		} else if !good {
			s.State = "damaged"
		} else if !authorities[0].whole(e) {
			s.State = "stale"
		}
	}
	s.Keys = keyStatus(all, e)
	return s, nil
}

// imageName is "PAYLOAD VERSION" for the path of a tenant's image.
func imageName(tenant, path string) string {
	return strings.ReplaceAll(strings.TrimPrefix(path, "tenant/"+tenant+"/"), "_", " ")
}

// images names what a tenant's document signs, for an error.
func (d *targetsDoc) images(tenant string) string {
	var names []string
	for _, path := range sortedKeys(d.targets) {
		names = append(names, imageName(tenant, path))
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// Stale names the roles whose whole documents lack signatures of the keys that
// the roles have now, as Sign takes them. Publish renews snapshot and timestamp
// by itself, so they are not among them.
func (r *Repository) Stale() (names []string, err error) {
	s, err := r.Status()
	if err != nil {
		return nil, err
	}
	for _, role := range s.Roles {
		if role.State == "stale" && role.Role != Snapshot && role.Role != Timestamp {
			names = append(names, role.Role)
		}
	}
	return names, nil
}

func (r *Repository) addTenants(s *Status) error {
	_, c, err := r.targets()
	if err != nil {
		return err
	}
	for _, d := range c.revoked {
		s.Revoked = append(s.Revoked, d.String())
	}
	for _, name := range sortedKeys(c.tenants) {
		t := TenantStatus{Name: name, Ceiling: map[string]string{}, Images: map[string]string{}, Revoked: []string{}}
		granted := c.tenants[name].Ceiling
		for _, l := range granted.List() {
			t.Ceiling[l.Name] = l.String()
		}
		d, err := r.tenantDoc(name)
		if err != nil {
			return err
		}
		for path, p := range d.targets {
			t.Images[imageName(name, path)] = p.digest.String()
		}
		for _, digest := range d.revoked {
			t.Revoked = append(t.Revoked, digest.String())
		}
		s.Tenants = append(s.Tenants, t)
	}
	return nil
}

// spacecraft are those that have a plan, whole or staged.
func (r *Repository) spacecraft() (ids []string, err error) {
	for _, at := range []struct{ folder, prefix string }{{"plans", ""}, {"staged", planPrefix}} {
		names, err := r.files().names(at.folder)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRepository, err)
		}
		for _, name := range names {
			id, ok := strings.CutSuffix(name, ".json")
			if at.prefix == "" {
				var number string
				number, id, _ = strings.Cut(id, ".")
				_, err := strconv.Atoi(number)
				ok = ok && err == nil
			} else if ok {
				id, ok = strings.CutPrefix(id, at.prefix)
			}
			if ok && spaceos.ValidName(id) == nil && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (r *Repository) addPlans(s *Status) error {
	ids, err := r.spacecraft()
	if err != nil {
		return err
	}
	for _, id := range ids {
		role, err := r.roleStatus(planPrefix + id)
		if err != nil {
			return err
		}
		s.Plans = append(s.Plans, role)
	}
	return nil
}

// addForbidden names plans that still list what was revoked: it does not run,
// but the plan says that it shall.
func (r *Repository) addForbidden(s *Status, todo func(string, ...any)) error {
	for _, plan := range s.Plans {
		e, err := r.draft(plan.Role)
		if err != nil || e == nil {
			return err
		}
		f := e.signed.Fields("plan")
		for i, v := range f.Array("runs", maxMembers) {
			run := f.Inner(fmt.Sprintf("runs[%d]", i), v)
			image, tenant, payload, version := run.Str("image"), run.Str("tenant"), run.Str("payload"), run.Str("version")
			byTenant := slices.ContainsFunc(s.Tenants, func(t TenantStatus) bool {
				return t.Name == tenant && slices.Contains(t.Revoked, image)
			})
			if byTenant || slices.Contains(s.Revoked, image) {
				id := strings.TrimPrefix(plan.Role, planPrefix)
				todo("%s version %d lists %s %s of %s, which is revoked and will not run: spaceos trust plan %s with other runs", plan.Role, plan.Version, payload, version, tenant, id)
			}
		}
	}
	return nil
}

// addTodo says what is missing.
func (r *Repository) addTodo(s *Status) error {
	todo := func(format string, args ...any) { s.Todo = append(s.Todo, fmt.Sprintf(format, args...)) }
	for _, role := range slices.Concat(s.Roles, s.Plans) {
		signed := 0
		for _, k := range role.Keys {
			if k.Signed {
				signed++
			}
		}
		switch {
		case role.State == "waiting" && (role.Role == Snapshot || role.Role == Timestamp):
			todo("%s version %d has %d of %d signatures: spaceos trust publish", role.Role, role.Version, signed, role.Threshold)
		case role.State == "waiting":
			todo("%s version %d has %d of %d signatures: spaceos trust sign --role %s", role.Role, role.Version, signed, role.Threshold, role.Role)
		case role.State == "damaged" && (role.Role == Snapshot || role.Role == Timestamp):
			todo("%s was damaged or tampered with: spaceos trust publish makes a new one", filepath.Join(r.dir, metadataFile(role.Role, role.Version)))
		case role.State == "damaged":
			todo("%v", r.tampered(role.Role, role.Version))
		case role.State == "stale" && role.Role != Snapshot && role.Role != Timestamp:
			todo("%s version %d is not signed by the keys that the role has now: spaceos trust sign --role %s", role.Role, role.Version, role.Role)
		case role.Expires != nil && role.Expires.Before(r.now()):
			todo("%s version %d has expired", role.Role, role.Version)
		}
	}
	if err := r.addForbidden(s, todo); err != nil {
		return err
	}
	set, err := r.collect()
	if err != nil {
		todo("what is current is not published: spaceos trust publish")
		return nil // the to-do list names what waits
	}
	for _, l := range set.left {
		todo("%s version %d is left out: %s", l.Role, l.Version, l.Why)
	}
	if s.Published, err = r.published(set); err == nil && !s.Published {
		todo("what is current is not published: spaceos trust publish")
	}
	return err
}

// published says whether the timestamp names what is current.
func (r *Repository) published(set *set) (bool, error) {
	_, snapshot, err := r.whole(set.root.roles[Snapshot])
	if err != nil {
		return false, nil
	}
	set.pieces[snapshot.digest] = snapshot.length
	e, _, err := r.whole(set.root.roles[Timestamp])
	if err != nil {
		return false, nil
	}
	d, err := readTimestamp(e)
	if err != nil {
		return false, err
	}
	if d.snapshot != snapshot || len(d.pieces) != len(set.pieces) {
		return false, nil
	}
	for digest, length := range set.pieces {
		if d.pieces[digest] != length {
			return false, nil
		}
	}
	return true, nil
}
