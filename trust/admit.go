package trust

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"spaceos"
)

// A Claim is what a manifest says of itself and asks for.
type Claim struct {
	Tenant, Payload, Version string
	Image                    spaceos.Digest
	Engine                   string // "" and "auto" leave it open
	Limits                   spaceos.Limits
	Services                 []string
}

// Plan takes a plan that the director signed for this spacecraft. Its counter
// never starts anew, so it must not leap either: whoever steals the director's
// key could use it up.
func (v *Verifier) Plan(doc []byte) error {
	e, err := ParseEnvelope(doc)
	if err != nil {
		return err
	}
	r, err := v.root()
	if err != nil {
		return err
	}
	if err := r.roles[roleDirector].verify(e); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	h, spacecraft, _, err := readPlan(e)
	if err != nil {
		return err
	}
	if spacecraft != v.spacecraft {
		return fmt.Errorf("the plan for %.40q is %w: this is %q", spacecraft, ErrSpacecraft, v.spacecraft)
	}
	held := v.state.role(roleDirector)
	if d, _ := e.Digest(); d == held.Digest {
		return nil
	}
	if h.version <= held.Version || h.version > held.Version+maxLeap {
		return fmt.Errorf("plan version %d: %w, or too much newer: version %d", h.version, ErrRollback, held.Version)
	}
	if err := v.fresh("plan", h); err != nil {
		return err
	}
	return v.alone(e, h, roleDirector, r.roles[roleDirector])
}

// Target is the length and the digest of what a trusted role signed under a
// path: "node/X", or "tenant/NAME/PAYLOAD_VERSION".
func (v *Verifier) Target(path string) (Piece, error) {
	name := roleTargets
	if inner, ok := strings.CutPrefix(path, "tenant/"); ok {
		tenant, _, _ := strings.Cut(inner, "/")
		name = tenantPrefix + tenant
	}
	held := v.state.role(name)
	if held.Digest == (spaceos.Digest{}) {
		return Piece{}, fmt.Errorf("%s: %w: nothing is held of %s", path, ErrRefused, name)
	}
	e, err := v.document(held.Digest)
	if err != nil {
		return Piece{}, err
	}
	f, err := e.open(roleTargets)
	if err != nil {
		return Piece{}, err
	}
	targets := f.Object("targets")
	if !targets.Has(path) {
		return Piece{}, fmt.Errorf("%s: %w: %s version %d does not sign it", path, ErrRefused, name, held.Version)
	}
	n := readFile(targets.Object(path), false)
	return Piece{n.digest, n.length}, f.Err()
}

// Revoked gives ErrRevoked if a digest may not run any more: for all, by the
// charter, or for a tenant, by itself.
func (v *Verifier) Revoked(tenant string, image spaceos.Digest) error {
	_, revoked, err := v.charter()
	if err != nil {
		return err
	}
	if held := v.state.role(tenantPrefix + tenant); held.Digest != (spaceos.Digest{}) {
		e, err := v.document(held.Digest)
		if err != nil {
			return err
		}
		f, err := e.open(roleTargets)
		if err != nil {
			return err
		}
		revoked = append(revoked, readDigests(f, "x-spaceos-revoked")...)
	}
	if slices.Contains(revoked, image) {
		return fmt.Errorf("%v is %w", image, ErrRevoked)
	}
	return nil
}

func (v *Verifier) charter() (map[string]tenant, []spaceos.Digest, error) {
	e, err := v.document(v.state.role(charterName).Digest)
	if err != nil {
		return nil, nil, err
	}
	return readCharter(e)
}

// Runs is what the trusted plan lists, granted or not: Admit says.
func (v *Verifier) Runs() ([]Run, error) {
	e, err := v.document(v.state.role(roleDirector).Digest)
	if err != nil {
		return nil, err
	}
	_, _, runs, err := readPlan(e)
	return runs, err
}

// Admit says whether a payload may run, and what it is granted: its tenant
// signed the image, the plan lists it, nobody revoked it, and what it asks for
// is within its lease, which is within the charter.
func (v *Verifier) Admit(c Claim) (Run, error) {
	no := func(format string, args ...any) (Run, error) {
		return Run{}, fmt.Errorf("%s %s of tenant %s: %w: %w", c.Payload, c.Version, c.Tenant, ErrRefused, fmt.Errorf(format, args...))
	}
	signed, err := v.Target("tenant/" + c.Tenant + "/" + c.Payload + "_" + c.Version)
	if err != nil {
		return Run{}, err
	}
	if signed.Digest != c.Image {
		return no("its tenant signed %v, and not %v", signed.Digest, c.Image)
	}
	if err := v.Revoked(c.Tenant, c.Image); err != nil {
		return Run{}, err
	}
	runs, err := v.Runs()
	if err != nil {
		return Run{}, err
	}
	at := slices.IndexFunc(runs, func(r Run) bool {
		return r.Tenant == c.Tenant && r.Payload == c.Payload && r.Version == c.Version && r.Image == c.Image
	})
	if at < 0 {
		return no("the plan does not list %v", c.Image)
	}
	lease := runs[at]
	tenants, _, err := v.charter()
	if err != nil {
		return Run{}, err
	}
	ceiling, known := tenants[c.Tenant]
	if !known {
		return no("the charter does not know the tenant")
	}
	if err := lease.Limits.Within(ceiling.ceiling); err != nil {
		return no("its lease against the charter: %w", err)
	}
	if err := c.Limits.Within(lease.Limits); err != nil {
		return no("its manifest against its lease: %w", err)
	}
	for _, s := range lease.Services {
		if !slices.Contains(ceiling.services, s) {
			return no("its lease names service %s, and the charter does not", s)
		}
	}
	for _, s := range c.Services {
		if !slices.Contains(lease.Services, s) {
			return no("its manifest names service %s, and its lease does not", s)
		}
	}
	if c.Engine != "" && c.Engine != "auto" && !slices.Contains(ceiling.engines, c.Engine) {
		return no("the charter does not grant the engine %s", c.Engine)
	}
	return lease, nil
}

// A Status is what the ground needs to see that a spacecraft is cut off from
// updates, or behind.
type Status struct {
	Spacecraft string
	Floor      time.Time
	Held       []Held
	Open       []int64 // versions of timestamps
	Missing    []Piece
}

// Status reports what is held. Expired documents stay in force: contact is
// rare, and the ground sees them here.
func (v *Verifier) Status() Status {
	s := Status{v.spacecraft, time.Unix(v.floor, 0).UTC(), slices.Clone(v.state.Held), nil, v.Missing()}
	for _, set := range v.sets {
		s.Open = append(s.Open, set.version)
	}
	return s
}
