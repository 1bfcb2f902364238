package repository

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"spaceos"
	"spaceos/trust"
)

// AddTenant lets a tenant in: the charter grants it a ceiling, and a group
// delegates tenant/NAME/* to its keys. keys are of targets.
func (r *Repository) AddTenant(name string, t Tenant, who RoleKeys, keys ...*Key) ([]Progress, error) {
	if err := spaceos.ValidName(name); err != nil {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	delegation := role{name: TenantRole(name), keys: who.Keys, threshold: who.Threshold, paths: []string{"tenant/" + name + "/*"}, last: true}
	if err := delegation.check(); err != nil {
		return nil, err
	}
	targets, charter, err := r.targets()
	if err != nil {
		return nil, err
	}
	if _, known := charter.tenants[name]; known {
		if e, _, err := r.staged(Targets); err == nil && e != nil {
			return nil, fmt.Errorf("%w: tenant %s is there already, in documents that wait for signatures; sign them with spaceos trust sign --role targets", ErrRepository, name)
		}
		return nil, fmt.Errorf("%w: there is a tenant %s already; change its keys with spaceos trust rotate tenant-%s", ErrRepository, name, name)
	}
	if err := r.oneHolder(delegation.name, who.Keys); err != nil {
		return nil, err
	}
	charter.tenants[name] = t
	return r.admit(delegation, targets, charter, keys)
}

// ChangeTenant gives a tenant that is there another grant. Its keys stay; keys
// are of targets.
func (r *Repository) ChangeTenant(name string, t Tenant, keys ...*Key) ([]Progress, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, _, _, err := r.findTenant(name); err != nil {
		return nil, err
	}
	targets, charter, err := r.targets()
	if err != nil {
		return nil, err
	}
	charter.tenants[name] = t
	p, err := r.putTargets(targets, charter, keys)
	if err != nil {
		return nil, err
	}
	return []Progress{p}, nil
}

// check refuses a grant that nobody could use.
func (t Tenant) check() error {
	if t.Encryption != "" {
		if _, err := spaceos.ParseDigest(t.Encryption); err != nil {
			return fmt.Errorf("encryption key: %w", err)
		}
	}
	for _, service := range t.Services {
		if err := validService(service); err != nil {
			return err
		}
	}
	for _, l := range t.Ceiling.List() {
		if l.Value() == 0 {
			return fmt.Errorf("%w: the ceiling of %s is zero, which would let nothing run; give it a --%s", ErrRepository, l.Name, l.Name)
		}
	}
	return nil
}

// admit writes the delegation into the first group that has room, and then
// targets. When only the first came about, the same command completes it.
func (r *Repository) admit(delegation role, targets *targetsDoc, c *charter, keys []*Key) ([]Progress, error) {
	groups, err := r.groups()
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		g.delegate = slices.DeleteFunc(g.delegate, func(d role) bool { return d.name == delegation.name })
	}
	root, err := r.root()
	if err != nil {
		return nil, err
	}
	signatures := len(root.roles[Targets].keys) * hybridSize
	at := slices.IndexFunc(groups, func(g *targetsDoc) bool {
		fuller := *g
		fuller.delegate = append(slices.Clone(g.delegate), delegation)
		return len(g.delegate) < groupSize && len(fuller.value().Bytes())+signatures <= trust.MaxDocument
	})
	if at < 0 {
		at = len(groups)
		groups = append(groups, &targetsDoc{role: groupName(at), delegate: []role{}})
	}
	if targets.find(groupName(at)) == nil {
		targets.delegate = append(targets.delegate, role{name: groupName(at), paths: []string{"tenant/*/*"}})
	}
	groups[at].delegate = append(groups[at].delegate, delegation)
	group, err := r.putGroup(at, groups[at], keys)
	if err != nil {
		return nil, err
	}
	top, err := r.putTargets(targets, c, keys)
	return []Progress{group, top}, err
}

// hybridSize is how many bytes a hybrid signature takes in a document that
// travels: two of a key id, a length and the signature, 3,373 bytes of those.
const hybridSize = 3373 + 2*(32+2)

func (r *Repository) putGroup(index int, d *targetsDoc, keys []*Key) (p Progress, err error) {
	if d.head, err = r.next(groupName(index), signedLife); err != nil {
		return p, err
	}
	return r.put(groupName(index), d.head, d.value(), keys)
}

// An Image is what a tenant signs: the OCI manifest of a sealed image, whose
// digest is the image's.
type Image struct {
	Tenant, Payload, Version string
	Manifest                 []byte
}

// path is the image's target path.
func (i Image) path() string { return "tenant/" + i.Tenant + "/" + i.Payload + "_" + i.Version }

func (i Image) check() error {
	for what, name := range map[string]string{"tenant": i.Tenant, "payload": i.Payload} {
		if err := spaceos.ValidName(name); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := validVersion(i.Version); err != nil {
		return err
	}
	if len(i.Manifest) == 0 || len(i.Manifest) > maxTarget {
		return fmt.Errorf("%w: the image's OCI manifest has %d bytes; from 1 to %d are possible", ErrDocument, len(i.Manifest), maxTarget)
	}
	return nil
}

// validVersion keeps what is not a file's name out of paths. An underscore ends
// the payload's name there.
func validVersion(v string) error {
	if len(v) == 0 || len(v) > 64 || strings.Trim(v, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-") != "" || v[0] == '.' {
		return fmt.Errorf("%w: %.80q is no version: write 1 to 64 of letters, digits, and . + -", ErrRepository, v)
	}
	return nil
}

// validService checks the name of a service of /svc: NAME or camera/NAME.
func validService(s string) error {
	for part := range strings.SplitSeq(s, "/") {
		if err := spaceos.ValidName(part); err != nil {
			return fmt.Errorf("service %.80q: %w", s, err)
		}
	}
	return nil
}

// ImageFile is the file beside the tenant's document that SignImage writes.
func (r *Repository) ImageFile(i Image) string {
	return filepath.Join(r.dir, targetFile(i.path(), spaceos.DigestOf(i.Manifest)))
}

// SignImage makes the tenant's next document, with one image more. keys are
// the tenant's. A version that was signed stays what it is.
func (r *Repository) SignImage(i Image, keys ...*Key) (Progress, error) {
	if err := i.check(); err != nil {
		return Progress{}, err
	}
	unlock, err := r.lock()
	if err != nil {
		return Progress{}, err
	}
	defer unlock()
	d, err := r.tenantDoc(i.Tenant)
	if err != nil {
		return Progress{}, err
	}
	digest := spaceos.DigestOf(i.Manifest)
	if old, known := d.targets[i.path()]; known && old.digest != digest {
		return Progress{}, fmt.Errorf("%w: %s %s is signed already, with digest %v and not %v; give the new image a new version", ErrRepository, i.Payload, i.Version, old.digest, digest)
	} else if known {
		return Progress{}, fmt.Errorf("%w: %s %s is signed already; to add a signature, use spaceos trust sign --role tenant-%s", ErrRepository, i.Payload, i.Version, i.Tenant)
	}
	if slices.Contains(d.revoked, digest) {
		return Progress{}, fmt.Errorf("%w: %v was revoked, and what was revoked stays so", ErrRepository, digest)
	}
	if d.targets[i.path()], err = r.putTarget(i.path(), i.Manifest); err != nil {
		return Progress{}, err
	}
	return r.putTenant(i.Tenant, d, keys)
}

// tenantDoc reads the draft of a tenant's document; a new tenant has an empty
// one.
func (r *Repository) tenantDoc(tenant string) (*targetsDoc, error) {
	if err := spaceos.ValidName(tenant); err != nil {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	if _, _, _, err := r.findTenant(tenant); err != nil {
		return nil, err
	}
	e, err := r.draft(TenantRole(tenant))
	if e == nil || err != nil {
		return &targetsDoc{role: TenantRole(tenant), targets: map[string]piece{}}, err
	}
	return readTargets(e, TenantRole(tenant))
}

func (r *Repository) putTenant(tenant string, d *targetsDoc, keys []*Key) (p Progress, err error) {
	name := TenantRole(tenant)
	if d.head, err = r.next(name, signedLife); err != nil {
		return p, err
	}
	return r.put(name, d.head, d.value(), keys)
}
