package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"spaceos/image"
	"spaceos/internal/cli"
	"spaceos/trust"
	"spaceos/trust/repository"
)

// maxRootFile bounds what is read of a root document, in bytes.
const maxRootFile = 256 << 10

// A judge asks the flight verifier about a repository, as a spacecraft would
// that trusts one root document.
type judge struct {
	root, spacecraft string
}

func (j *judge) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&j.root, "root", "", "trust this root document, a `FILE` that came to you by a safe way")
	cmd.Flags().StringVar(&j.spacecraft, "spacecraft", "", "judge for the spacecraft with this `ID`")
	_ = cmd.MarkFlagFilename("root", "json")
}

// rehearse sends a repository to the flight verifier.
func (j *judge) rehearse(repo string) (*trust.Verifier, error) {
	r, root, err := j.read(repo)
	if err != nil {
		return nil, err
	}
	v, err := r.Rehearse(root, j.spacecraft)
	if errors.Is(err, repository.ErrRoot) {
		err = fmt.Errorf("%s: %w", j.root, err)
	}
	return v, err
}

// plans sends it the newest plan of each spacecraft, and names those.
func (j *judge) plans(repo string) ([]string, error) {
	r, root, err := j.read(repo)
	if err != nil {
		return nil, err
	}
	return r.RehearsePlans(root)
}

// read opens a repository and reads the root document to trust.
func (j *judge) read(repo string) (*repository.Repository, []byte, error) {
	r, err := repository.Open(repo, repository.Options{})
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(j.root)
	if err != nil {
		return nil, nil, fmt.Errorf("the root document to trust: %w", err)
	}
	defer f.Close()
	root, err := io.ReadAll(io.LimitReader(f, maxRootFile))
	if err != nil {
		return nil, nil, fmt.Errorf("the root document to trust: %w", err)
	}
	return r, root, nil
}

// admits says in a sentence what the verifier thinks of an image: whether its
// tenant signed it, and with a spacecraft whether it may run there, by which
// lease.
func (j *judge) admits(v *trust.Verifier, img *image.Image) (string, *trust.Run, error) {
	m := img.Manifest
	// A tenant that revokes an image does not sign it any more; that would be
	// said first.
	if err := v.Revoked(m.Tenant, img.Digest); errors.Is(err, trust.ErrRevoked) {
		return "", nil, err
	}
	if j.spacecraft == "" {
		signed, err := v.Target("tenant/" + m.Tenant + "/" + m.Name + "_" + m.Version)
		if err != nil {
			return "", nil, err
		}
		if signed.Digest != img.Digest {
			return "", nil, fmt.Errorf("%s signed %v as %s, and this is %v", m.Tenant, signed.Digest, img.Name(), img.Digest)
		}
		return fmt.Sprintf("%s is signed by tenant %s", img.Name(), m.Tenant), nil, nil
	}
	lease, err := v.Admit(trust.Claim{
		Run:    trust.Run{Tenant: m.Tenant, Payload: m.Name, Version: m.Version, Image: img.Digest, Limits: m.Limits, Services: m.Services},
		Engine: string(m.Engine),
	})
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("%s of tenant %s may run on %s, with a lease of %v memory and %v of processor time a run", img.Name(), m.Tenant, j.spacecraft, lease.Limits.Memory, lease.Limits.CPUTime), &lease, nil
}

// unpublished says why what is published does not hold an image: its tenant
// signed it and that is not published, or it did not. For other refusals it is
// the refusal itself.
func unpublished(repo string, v *trust.Verifier, img *image.Image, refused error) error {
	m := img.Manifest
	_, err := v.Target("tenant/" + m.Tenant + "/" + m.Name + "_" + m.Version)
	if !errors.Is(err, trust.ErrRefused) || errors.Is(refused, trust.ErrRevoked) {
		return refused
	}
	r, err := repository.Open(repo, repository.Options{})
	if err != nil {
		return refused
	}
	status, err := r.Status()
	if err != nil {
		return refused
	}
	at := slices.IndexFunc(status.Tenants, func(t repository.TenantStatus) bool { return t.Name == m.Tenant })
	switch {
	case at < 0:
		return fmt.Errorf("%s: %w: %s has no tenant %s; the operator lets it in with spaceos trust add-tenant %[4]s", img.Name(), trust.ErrRefused, repo, m.Tenant)
	case status.Tenants[at].Images[m.Name+" "+m.Version] == img.Digest.String():
		return fmt.Errorf("%s: %w: it is signed by tenant %s, but that is not published yet; spaceos trust status --repo %s says what is to do", img.Name(), trust.ErrRefused, m.Tenant, repo)
	}
	return fmt.Errorf("%s: %w: tenant %s has not signed it; it does with spaceos trust sign IMAGE --tenant %[3]s", img.Name(), trust.ErrRefused, m.Tenant)
}

// newTrustVerify checks a repository by the flight verifier.
func newTrustVerify(s cli.Streams) *cobra.Command {
	var j judge
	cmd := &cobra.Command{
		Use:   "verify --root FILE REPO [IMAGE]",
		Short: "Check a repository, and whether an image may run, as a spacecraft does",
		Long: `Check a repository, and whether an image may run, as a spacecraft does: by the
verifier that flies, beginning with the root document that you trust.

Without IMAGE it checks all that is published: signatures, thresholds, versions,
expiry, who may sign what, and the newest plan of each spacecraft; what is left to
do, as a plan that lists what was revoked, is named and is no failure. With one,
that its tenant signed it and nobody revoked it; with --spacecraft, too, that its
plan lists it and manifest <= lease <= ceiling.`,
		Example: `  spaceos trust verify --root root.json fleet
  spaceos trust verify --root root.json fleet hello.oci --spacecraft sat-7`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 || j.root == "" {
				return cli.Usagef("verify needs --root FILE and a REPO, and takes one IMAGE; see spaceos trust verify --help")
			}
			v, err := j.rehearse(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(s.Out, "%s is as it should be: %s\n", args[0], heldVersions(v))
			if len(args) == 1 {
				ids, err := j.plans(args[0])
				if err == nil && len(ids) > 0 {
					fmt.Fprintf(s.Out, "and so are the plans of %s\n", strings.Join(ids, ", "))
				}
				if err != nil {
					return err
				}
				return warn(s, args[0])
			}
			img, err := verified(args[1])
			if err != nil {
				return err
			}
			sentence, _, err := j.admits(v, img)
			if err != nil {
				return unpublished(args[0], v, img, err)
			}
			fmt.Fprintln(s.Out, sentence)
			return nil
		},
	}
	j.flags(cmd)
	return cmd
}

// warn prints what is to do in a repository that is as it should be: what waits,
// and plans that name what is revoked.
func warn(s cli.Streams, repo string) error {
	r, err := repository.Open(repo, repository.Options{})
	if err != nil {
		return err
	}
	status, err := r.Status()
	if err != nil {
		return err
	}
	for _, todo := range status.Todo {
		fmt.Fprintf(s.Out, "to do: %s\n", todo)
	}
	return nil
}

// heldVersions lists what is trusted.
func heldVersions(v *trust.Verifier) string {
	versions, tenants := map[string]int64{}, 0
	for _, h := range v.Status().Held {
		if versions[h.Role] = h.Version; strings.HasPrefix(h.Role, "tenant-") {
			tenants++
		}
	}
	var words []string
	for _, role := range repository.TopRoles() {
		if role == repository.Director {
			role = "plan"
			versions[role] = versions[repository.Director]
		}
		if versions[role] > 0 {
			words = append(words, fmt.Sprintf("%s version %d", role, versions[role]))
		}
	}
	return strings.Join(append(words, fmt.Sprintf("tenants that signed: %d", tenants)), ", ")
}
