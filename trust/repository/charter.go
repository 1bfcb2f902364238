package repository

import (
	"fmt"
	"slices"
	"time"

	"spaceos"
	"spaceos/canonical"
)

// A Tenant is what the charter grants one: the ceiling of all its leases, and
// which engines and services they may name.
type Tenant struct {
	Ceiling    spaceos.Limits
	Engines    []string
	Services   []string
	Encryption string // digest of its public key for products and logs; may be empty
}

// A charter says which tenants exist and which digests run nowhere. It has the
// form of a document, with no signatures: targets names its digest.
type charter struct {
	revoked []spaceos.Digest
	tenants map[string]Tenant
}

func (c *charter) data() ([]byte, error) {
	var tenants []canonical.Member
	for name, t := range c.tenants {
		tenants = append(tenants, canonical.Member{Name: name, Value: canonical.NewObject(
			canonical.Member{Name: "ceiling", Value: canonical.NewLimits(t.Ceiling)},
			canonical.Member{Name: "encryption", Value: canonical.NewString(t.Encryption)},
			canonical.Member{Name: "engines", Value: sortedStrings(t.Engines)},
			canonical.Member{Name: "services", Value: sortedStrings(t.Services)})})
	}
	return (&envelope{signed: canonical.NewObject(
		canonical.Member{Name: "_type", Value: canonical.NewString("charter")},
		canonical.Member{Name: "revoked", Value: digestsValue(c.revoked)},
		canonical.Member{Name: "tenants", Value: canonical.NewObject(tenants...)})}).file()
}

func parseCharter(data []byte) (*charter, error) {
	e, err := parseEnvelope(data)
	if err != nil {
		return nil, fmt.Errorf("charter: %w", err)
	}
	f := e.signed.Fields("charter")
	f.Is("_type", "charter")
	c := &charter{revoked: readDigests(f, "revoked"), tenants: map[string]Tenant{}}
	all := f.Object("tenants")
	for name, v := range all.Each(maxMembers) {
		t := all.Inner(name, v)
		c.tenants[name] = Tenant{t.Limits("ceiling"), t.Strings("engines", maxMembers), t.Strings("services", maxMembers), t.Str("encryption")}
	}
	return c, done(f)
}

func sortedStrings(list []string) canonical.Value {
	return canonical.NewStrings(slices.Compact(slices.Sorted(slices.Values(list))))
}

// A Run is one payload in a plan, with its lease.
type Run struct {
	Tenant, Payload, Version string
	Image                    spaceos.Digest
	Limits                   spaceos.Limits
	Services                 []string
}

// A Plan is what one spacecraft shall run. Profile says what hardware it has:
// strings and integers by name.
type Plan struct {
	Spacecraft string
	Version    int64 // the plan's counter
	Expires    time.Time
	Profile    map[string]any // string or int64
	Runs       []Run
}

func (p *Plan) value() (canonical.Value, error) {
	var profile []canonical.Member
	for name, v := range p.Profile {
		switch v := v.(type) {
		case string:
			profile = append(profile, canonical.Member{Name: name, Value: canonical.NewString(v)})
		case int64:
			profile = append(profile, canonical.Member{Name: name, Value: canonical.NewInt(v)})
		default:
			return canonical.Value{}, fmt.Errorf("profile %s is %T; write a string or an integer", name, v)
		}
	}
	runs := make([]canonical.Value, len(p.Runs))
	for i, r := range p.Runs {
		runs[i] = canonical.NewObject(
			canonical.Member{Name: "image", Value: canonical.NewString(r.Image.String())},
			canonical.Member{Name: "lease", Value: canonical.NewObject(
				canonical.Member{Name: "limits", Value: canonical.NewLimits(r.Limits)},
				canonical.Member{Name: "services", Value: sortedStrings(r.Services)})},
			canonical.Member{Name: "payload", Value: canonical.NewString(r.Payload)},
			canonical.Member{Name: "tenant", Value: canonical.NewString(r.Tenant)},
			canonical.Member{Name: "version", Value: canonical.NewString(r.Version)})
	}
	return canonical.NewObject(head{p.Version, p.Expires}.members("plan",
		canonical.Member{Name: "spacecraft", Value: canonical.NewString(p.Spacecraft)},
		canonical.Member{Name: "profile", Value: canonical.NewObject(profile...)},
		canonical.Member{Name: "runs", Value: canonical.NewArray(runs...)})...), nil
}
