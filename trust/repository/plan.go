package repository

import (
	"fmt"
	"slices"

	"spaceos"
)

// SignPlan makes the next plan of a spacecraft. Runs whose Image is zero get
// the digest that the tenant signed, those whose Limits are zero the ceiling;
// what a spacecraft would refuse is refused here. keys are the director's.
// Version and Expires are set.
func (r *Repository) SignPlan(p Plan, keys ...*Key) (Progress, error) {
	if err := spaceos.ValidName(p.Spacecraft); err != nil {
		return Progress{}, fmt.Errorf("spacecraft: %w", err)
	}
	unlock, err := r.lock()
	if err != nil {
		return Progress{}, err
	}
	defer unlock()
	s, err := r.collect()
	if err != nil {
		return Progress{}, err
	}
	p.Runs = slices.Clone(p.Runs)
	for i := range p.Runs {
		if err := s.lease(&p.Runs[i]); err != nil {
			return Progress{}, fmt.Errorf("run %d of the plan: %w", i+1, err)
		}
		if slices.ContainsFunc(p.Runs[:i], func(o Run) bool { return o.Image == p.Runs[i].Image }) {
			return Progress{}, fmt.Errorf("%w: the plan runs %s of %s twice", ErrRepository, p.Runs[i].Payload, p.Runs[i].Tenant)
		}
	}
	name := planPrefix + p.Spacecraft
	h, err := r.next(name, onlineLife)
	if err != nil {
		return Progress{}, err
	}
	p.Version, p.Expires = h.version, h.expires
	v, err := p.value()
	if err != nil {
		return Progress{}, err
	}
	return r.put(name, h, v, keys)
}

// lease completes a run and checks it against the charter.
func (s *set) lease(run *Run) error {
	t, known := s.charter.tenants[run.Tenant]
	d := s.tenants[run.Tenant]
	if !known || d == nil {
		return fmt.Errorf("%w: tenant %q is unknown, or has signed nothing", ErrRepository, run.Tenant)
	}
	path := Image{Tenant: run.Tenant, Payload: run.Payload, Version: run.Version}.path()
	p, signed := d.targets[path]
	if !signed {
		return fmt.Errorf("%w: %s has not signed %s %s, or it is not published; what is: %s", ErrRepository, run.Tenant, run.Payload, run.Version, d.images(run.Tenant))
	}
	if run.Image == (spaceos.Digest{}) {
		run.Image = p.digest
	}
	if run.Image != p.digest {
		return fmt.Errorf("%w: %s signed %v as %s %s, not %v", ErrRepository, run.Tenant, p.digest, run.Payload, run.Version, run.Image)
	}
	if slices.Contains(s.charter.revoked, p.digest) || slices.Contains(d.revoked, p.digest) {
		return fmt.Errorf("%w: %v is revoked", ErrRepository, p.digest)
	}
	above := t.Ceiling.List()
	for i, l := range run.Limits.List() {
		switch {
		case l.Value() != 0:
		case l.Time != nil:
			*l.Time = *above[i].Time
		default:
			*l.Bytes = *above[i].Bytes
		}
	}
	if err := run.Limits.Within(t.Ceiling); err != nil {
		return fmt.Errorf("the lease of %s asks for more than its charter: %w", run.Tenant, err)
	}
	for _, service := range run.Services {
		if !slices.Contains(t.Services, service) {
			return fmt.Errorf("%w: the charter grants %s no service %q; it grants %q; grant it with spaceos trust add-tenant %s --change --service %s, and all else that it shall have", ErrRepository, run.Tenant, service, t.Services, run.Tenant, service)
		}
	}
	return nil
}
