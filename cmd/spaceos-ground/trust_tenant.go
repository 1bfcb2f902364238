package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"spaceos"
	"spaceos/image"
	"spaceos/internal/cli"
	"spaceos/trust/repository"
)

// newTrustAddTenant lets a tenant in.
func newTrustAddTenant(s cli.Streams, ring *keyring) *cobra.Command {
	var repo string
	var keys, pubs []string
	var threshold int
	var change bool
	t := repository.Tenant{Engines: []string{"kvm"}}
	limits := defaultCeiling()
	cmd := &cobra.Command{
		Use:   "add-tenant NAME",
		Short: "Let a tenant in: its keys, and the ceiling of its leases",
		Long: `Let a tenant in: its keys, and the ceiling of its leases.

The tenant makes its key (spaceos trust key), keeps the .key file and sends you
the .pub file. No lease, and no manifest, can ask for more than the ceiling. With --change, a tenant that is there gets
another grant, whole: limits and services that you do not name are the default.`,
		Example: `  spaceos trust add-tenant acme --pub acme.pub --memory 64MiB --repo fleet --key keys/targets.key
  spaceos trust add-tenant acme --pub a.pub,b.pub,c.pub --threshold 2 --service camera/nadir --repo fleet --key keys/targets.key`,
		Args: cli.ExactArgs("the NAME of the tenant"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if change && (len(pubs) > 0 || cmd.Flags().Changed("threshold")) {
				return cli.Usagef("add-tenant --change leaves the keys as they are; change them with spaceos trust rotate tenant-%s; see spaceos trust add-tenant --help", args[0])
			}
			if len(pubs) == 0 && !change {
				return cli.Usagef("add-tenant needs --pub FILE, the tenant's public key; see spaceos trust add-tenant --help")
			}
			who, err := publics(pubs)
			if err != nil {
				return err
			}
			t.Ceiling = *limits
			r, signers, err := openWith(repo, ring, keys)
			if err != nil {
				return err
			}
			var progress []repository.Progress
			if change {
				progress, err = r.ChangeTenant(args[0], t, signers...)
			} else {
				progress, err = r.AddTenant(args[0], t, repository.RoleKeys{Keys: who, Threshold: threshold}, signers...)
			}
			say(s, progress)
			if err != nil {
				return err
			}
			return next(s, r, progress)
		},
	}
	cmd.Flags().StringSliceVar(&pubs, "pub", nil, "the tenant's public key `FILES`")
	cmd.Flags().BoolVar(&change, "change", false, "give a tenant that is there this grant in place of the one it has")
	cmd.Flags().IntVar(&threshold, "threshold", 1, "how many of the tenant's keys must sign")
	cmd.Flags().StringSliceVar(&t.Services, "service", nil, "a `SERVICE` of /svc that leases may name, as camera/nadir (repeatable)")
	cmd.Flags().StringVar(&t.Encryption, "encryption", "", "`DIGEST` of the tenant's key for products and logs")
	limitFlags(cmd, limits)
	repoFlag(cmd, &repo)
	keyFlag(cmd, &keys, "of targets")
	ring.flags(cmd)
	return cmd
}

// newTrustSign signs an image for a tenant, or adds to a document.
func newTrustSign(s cli.Streams, ring *keyring) *cobra.Command {
	var repo, tenant, role string
	var keys []string
	cmd := &cobra.Command{
		Use:   "sign {IMAGE --tenant NAME | --role ROLE}",
		Short: "Sign a tenant's image, or a document that waits for signatures",
		Long: `Sign a tenant's image, or a document that waits for signatures.

A tenant signs an image in its own copy of the repository, and sends the operator
the files that this prints, to lie in the same places (and the image). With --role, your signature is added
to what is staged for root, targets, tenant-NAME, plan-SPACECRAFT and so on; when
the keys of a role have changed, that signs its document anew.`,
		Example: `  spaceos trust sign hello.oci --tenant acme --key acme.key --repo fleet
  spaceos trust sign --role root --key root-2.key --repo fleet`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := unsigned(cmd, keys); err != nil {
				return err
			}
			if err := signWhat(args, tenant, role); err != nil {
				return err
			}
			if role != "" {
				r, signers, err := openWith(repo, ring, keys)
				if err != nil {
					return err
				}
				progress, err := r.Sign(role, signers...)
				say(s, progress)
				if tenant, ok := strings.CutPrefix(role, "tenant-"); ok && err == nil {
					send(s, progress[0], filepath.Join(repo, "targets", "tenant", tenant))
				}
				if err != nil {
					return err
				}
				return next(s, r, progress)
			}
			signed, err := tenantsImage(args[0], tenant)
			if err != nil {
				return err
			}
			r, signers, err := openWith(repo, ring, keys)
			if err != nil {
				return err
			}
			progress, err := r.SignImage(signed, signers...)
			if err == nil {
				say(s, []repository.Progress{progress})
				send(s, progress, r.ImageFile(signed))
				err = next(s, r, []repository.Progress{progress})
			}
			return err
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "sign for this tenant, by `NAME`")
	cmd.Flags().StringVar(&role, "role", "", "sign the document of this `ROLE`")
	repoFlag(cmd, &repo)
	keyFlag(cmd, &keys, "of the tenant or the role")
	ring.flags(cmd)
	return cmd
}

// send says what must get from a tenant's copy of the repository into the
// operator's, or to whoever signs next.
func send(s cli.Streams, p repository.Progress, image string) {
	to := "the operator"
	if !p.Complete {
		to = "whoever signs next"
	}
	fmt.Fprintf(s.Out, "send     to %s, unless the folder is shared: %s and %s\n", to, filepath.Clean(p.File), filepath.Clean(image))
}

// signWhat wants either an image and a tenant, or a role.
func signWhat(args []string, tenant, role string) error {
	switch {
	case len(args) == 1 && tenant != "" && role == "", len(args) == 0 && tenant == "" && role != "":
		return nil
	case len(args) > 1:
		return cli.Usagef("sign takes one IMAGE, not %q too; see spaceos trust sign --help", args[1])
	case len(args) == 1 && role != "":
		return cli.Usagef("sign takes an IMAGE or --role, not both; see spaceos trust sign --help")
	case len(args) == 1:
		return cli.Usagef("sign needs --tenant NAME beside the IMAGE; see spaceos trust sign --help")
	}
	return cli.Usagef("sign needs an IMAGE with --tenant NAME, or --role ROLE; see spaceos trust sign --help")
}

// tenantsImage reads a sealed image, every byte of it, and wants it to be the
// tenant's.
func tenantsImage(path, tenant string) (repository.Image, error) {
	layout, err := image.Open(path)
	if err != nil {
		return repository.Image{}, err
	}
	defer layout.Close()
	img, err := layout.Verify()
	if err != nil {
		return repository.Image{}, err
	}
	if img.Manifest.Tenant != tenant {
		return repository.Image{}, fmt.Errorf("%s is an image of tenant %s by its manifest, so %s cannot sign it", path, img.Manifest.Tenant, tenant)
	}
	blob, err := layout.Manifest(img.Digest, img.Size)
	return repository.Image{Tenant: tenant, Payload: img.Manifest.Name, Version: img.Manifest.Version, Manifest: blob}, err
}

// newTrustRevoke forbids a digest or a key.
func newTrustRevoke(s cli.Streams, ring *keyring) *cobra.Command {
	var repo, tenant string
	var keys, pubs []string
	cmd := &cobra.Command{
		Use:   "revoke {IMAGE | DIGEST | --pub FILE}",
		Short: "Forbid an image for good, or take a key out of its roles",
		Long: `Forbid an image for good, or take a key out of its roles.

A revoked image stops at once and is no fallback: for everyone when the operator
revokes it (a key of targets), or with --tenant by the tenant itself. A revoked
key signs nothing new; what it signed must be signed again by the keys that stay
(spaceos trust sign --role ROLE). The rest of its role must be enough for the
role's threshold; else use spaceos trust rotate.`,
		Example: `  spaceos trust revoke sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae --repo fleet --key keys/targets.key
  spaceos trust revoke hello.oci --tenant acme --repo fleet --key acme.key
  spaceos trust revoke --pub old.pub --repo fleet --key keys/root.key`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args)+len(pubs) != 1 {
				return cli.Usagef("revoke needs one IMAGE, DIGEST or --pub FILE; see spaceos trust revoke --help")
			}
			r, signers, err := openWith(repo, ring, keys)
			if err != nil {
				return err
			}
			var progress []repository.Progress
			if len(pubs) == 1 {
				progress, err = revokeKey(r, pubs[0], signers)
			} else {
				progress, err = revokeImage(r, args[0], tenant, signers)
			}
			say(s, progress)
			if err != nil {
				return err
			}
			return next(s, r, progress)
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "revoke as this tenant, by `NAME`")
	cmd.Flags().StringSliceVar(&pubs, "pub", nil, "revoke the key with this public half, a `FILE`")
	repoFlag(cmd, &repo)
	keyFlag(cmd, &keys, "of targets or the tenant; for a key of root or its group")
	ring.flags(cmd)
	return cmd
}

func revokeImage(r *repository.Repository, what, tenant string, signers []*repository.Key) ([]repository.Progress, error) {
	digest, err := spaceos.ParseDigest(what)
	if err != nil {
		layout, openErr := image.Open(what)
		if openErr != nil {
			return nil, fmt.Errorf("%q is neither a digest nor a sealed image: %w", what, openErr)
		}
		defer layout.Close()
		img, imageErr := layout.Image()
		if imageErr != nil {
			return nil, imageErr
		}
		digest = img.Digest
	}
	p, err := r.RevokeImage(digest, tenant, signers...)
	if err != nil {
		return nil, err
	}
	return []repository.Progress{p}, nil
}

func revokeKey(r *repository.Repository, file string, signers []*repository.Key) (all []repository.Progress, err error) {
	public, err := repository.LoadPublic(file)
	if err != nil {
		return nil, err
	}
	return r.RevokeKey(public, signers...)
}
