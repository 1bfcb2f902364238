package trust

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"spaceos"
)

// maxLeap is how far a plan's counter may rise at once. It never starts anew,
// so a thief of the director's key must not be able to use it up.
const maxLeap = 1 << 16

// Plan takes a plan that the director signed for this spacecraft.
func (v *Verifier) Plan(doc []byte) error {
	e, err := ParseEnvelope(doc)
	if err != nil {
		return err
	}
	root, err := v.trusted(roleRoot)
	if err != nil {
		return err
	}
	if err := root.roles[roleDirector].verify(e); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	p, err := e.read(roleDirector)
	if err != nil {
		return err
	}
	if p.spacecraft != v.spacecraft {
		return fmt.Errorf("the plan is %w: %.40q, and this is %q", ErrSpacecraft, p.spacecraft, v.spacecraft)
	}
	held := v.state.role(roleDirector)
	if d, _ := e.Digest(); d == held.Digest {
		return nil
	}
	if p.version <= held.Version || p.version > held.Version+maxLeap {
		return fmt.Errorf("plan version %d: %w, or a leap: version %d", p.version, ErrRollback, held.Version)
	}
	if err := cmp.Or(v.fresh(roleRoot, root), v.fresh("plan", p)); err != nil {
		return err
	}
	return v.adopt(v.state, roleDirector, e, p, root.roles[roleDirector])
}

// Target is the length and the digest of what a trusted role signed under a
// path: "node/X", or "tenant/NAME/PAYLOAD_VERSION".
func (v *Verifier) Target(path string) (Piece, error) {
	name := roleTargets
	if inner, ok := strings.CutPrefix(path, "tenant/"); ok {
		tenant, _, _ := strings.Cut(inner, "/")
		name = tenantPrefix + tenant
	}
	d, err := v.trusted(name)
	if err != nil {
		return Piece{}, err
	}
	target, ok := d.target(path)
	if !ok {
		return Piece{}, fmt.Errorf("%.150s: %w: version %d of %s does not sign it", path, ErrRefused, d.version, name)
	}
	return target.Piece, nil
}

// Revoked gives ErrRevoked for a digest that may not run any more: for all, by
// the charter, or for one tenant, by itself.
func (v *Verifier) Revoked(tenant string, image spaceos.Digest) error {
	for by, name := range []string{charterName, tenantPrefix + tenant} {
		d, err := v.trusted(name)
		if err != nil {
			return err
		}
		if slices.Contains(d.revoked, image) {
			return fmt.Errorf("%v is %w by %s", image, ErrRevoked, []string{"the operator, for all", "its tenant " + tenant}[by])
		}
	}
	return nil
}

// Runs is what the trusted plan lists. Whether it is granted, Admit says.
func (v *Verifier) Runs() ([]Run, error) {
	plan, err := v.trusted(roleDirector)
	return plan.runs, err
}

// A Claim is what a manifest says and asks for. The engines "" and "auto"
// leave it open.
type Claim struct {
	Run
	Engine string
}

// Admit says whether a payload may run, and gives its lease: its tenant signed
// the image, the plan lists it, nobody revoked it, and what it asks for is
// within its lease, which is within the charter.
func (v *Verifier) Admit(c Claim) (lease Run, err error) {
	signed, err := v.Target("tenant/" + c.Tenant + "/" + c.Payload + "_" + c.Version)
	if err != nil {
		return lease, err
	}
	if signed.Digest != c.Image {
		return lease, fmt.Errorf("%v: %w: its tenant signed %v as %s", c.Image, ErrRefused, signed.Digest, c.Payload)
	}
	if err := v.Revoked(c.Tenant, c.Image); err != nil {
		return lease, err
	}
	runs, err := v.Runs()
	if err != nil {
		return lease, err
	}
	at := slices.IndexFunc(runs, c.same)
	if at < 0 || runs[at].Image != c.Image {
		return lease, fmt.Errorf("%v: %w: the plan does not list it as %s", c.Image, ErrRefused, c.Payload)
	}
	charter, err := v.trusted(charterName)
	if err != nil {
		return lease, err
	}
	tenant := charter.tenants[c.Tenant] // one that it does not know may have nothing
	if c.Engine != "" && c.Engine != "auto" && !slices.Contains(tenant.engines, c.Engine) {
		return lease, fmt.Errorf("%w: the charter does not grant %s the engine %.40q", ErrRefused, c.Tenant, c.Engine)
	}
	if err := within(runs[at], tenant.ceiling, tenant.services); err != nil {
		return lease, fmt.Errorf("%w: the lease of %s against the charter: %w", ErrRefused, c.Payload, err)
	}
	if err := within(c.Run, runs[at].Limits, runs[at].Services); err != nil {
		return lease, fmt.Errorf("%w: the manifest of %s against its lease: %w", ErrRefused, c.Payload, err)
	}
	return runs[at], nil
}

func within(r Run, ceiling spaceos.Limits, services []string) error {
	for _, s := range r.Services {
		if !slices.Contains(services, s) {
			return fmt.Errorf("service %.40q is not granted", s)
		}
	}
	return r.Limits.Within(ceiling)
}
