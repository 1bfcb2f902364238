package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"spaceos/internal/cli"
	"spaceos/trust/repository"
)

// newTrust holds the verbs that keep keys and signed metadata. The protection
// of new keys is weaker in tests.
func newTrust(s cli.Streams, protection repository.Protection) *cobra.Command {
	ring := func() *keyring { return &keyring{fd: -1, protection: protection} }
	return cli.NewGroup("trust", "", `Keep keys and signed metadata: who may run what, and where.

A repository is a folder of signed documents that any client of The Update
Framework can read. The operator's roles: root says whose keys count, targets
lets tenants in and sets their ceilings (both offline), snapshot and timestamp
publish, director signs each spacecraft's plan. Each tenant signs its own images
with its own key, on its own computer. A spacecraft runs an image when the
tenant signed it, its plan names it, and manifest <= lease <= ceiling.

A document that needs several signatures waits in staged/ until it has them:
pass the folder on, or the file, and let each sign with "spaceos trust sign
--role ROLE". What you sign counts when it is published, except for a plan: that
counts at once.`,
		newTrustKey(s, ring()), newTrustInit(s, ring()), newTrustAddTenant(s, ring()), newTrustSign(s, ring()),
		newTrustPublish(s, ring()), newTrustPlan(s, ring()), newTrustRotate(s, ring()), newTrustRevoke(s, ring()),
		newTrustStatus(s), newTrustVerify(s))
}

// repoFlag gives a verb the flag that names the repository.
func repoFlag(cmd *cobra.Command, repo *string) {
	cmd.Flags().StringVar(repo, "repo", ".", "the repository's `DIR`")
	_ = cmd.MarkFlagDirname("repo")
}

// keyFlag gives a verb the flag that names secret keys.
func keyFlag(cmd *cobra.Command, keys *[]string, whose string) {
	cmd.Flags().StringSliceVar(keys, "key", nil, "sign with this key `FILE`, "+whose+" (repeatable)")
	_ = cmd.MarkFlagFilename("key", "key")
}

// unsigned refuses a command that would sign nothing.
func unsigned(cmd *cobra.Command, keys []string) error {
	if len(keys) == 0 {
		return cli.Usagef("%s needs --key FILE, the key to sign with; see %s --help", cmd.Name(), cmd.CommandPath())
	}
	return nil
}

// openWith opens a repository and keys.
func openWith(repo string, ring *keyring, keys []string) (*repository.Repository, []*repository.Key, error) {
	r, err := repository.Open(repo, repository.Options{})
	if err != nil {
		return nil, nil, err
	}
	opened, err := ring.open(keys)
	return r, opened, err
}

// publics reads public keys.
func publics(files []string) (list []repository.PublicKey, err error) {
	for _, file := range files {
		p, err := repository.LoadPublic(file)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// say prints how far documents have come.
func say(s cli.Streams, all []repository.Progress) {
	for _, p := range all {
		if p.Why != "" {
			fmt.Fprintf(s.Out, "left out %s version %d: %s\n", p.Role, p.Version, p.Why)
		} else if p.Complete {
			fmt.Fprintf(s.Out, "signed   %s version %d (%d of %d): %s\n", p.Role, p.Version, p.Signed, p.Needed, filepath.Clean(p.File))
		} else {
			fmt.Fprintf(s.Out, "waiting  %s version %d (%d of %d): %s\n", p.Role, p.Version, p.Signed, p.Needed, filepath.Clean(p.File))
		}
	}
}

// waits says which documents do not count yet, and what to do.
func waits(s cli.Streams, r *repository.Repository) error {
	names, err := r.Waiting()
	for _, name := range names {
		fmt.Fprintf(s.Out, "to do    %s waits for signatures: spaceos trust sign --role %s\n", name, name)
	}
	return err
}

// next says what is to do after a verb that signed something and did not
// publish it; a plan counts at once.
func next(s cli.Streams, r *repository.Repository, signed []repository.Progress) error {
	if !slices.ContainsFunc(signed, func(p repository.Progress) bool { return !strings.HasPrefix(p.Role, "plan-") }) {
		return nil
	}
	if err := waits(s, r); err != nil {
		return err
	}
	names, err := r.Stale()
	for _, name := range names {
		fmt.Fprintf(s.Out, "to do    %s must be signed by its new keys: spaceos trust sign --role %s\n", name, name)
	}
	fmt.Fprintf(s.Out, "next     spaceos trust publish --repo %s --key SNAPSHOT.key,TIMESTAMP.key: nothing changes on board before\n", filepath.Clean(r.Dir()))
	return err
}

// newTrustInit makes a repository.
func newTrustInit(s cli.Streams, ring *keyring) *cobra.Command {
	var keysDir string
	var sign, thresholds []string
	given := map[string]*[]string{}
	cmd := &cobra.Command{
		Use:   "init REPO",
		Short: "Make a repository, and keys for its roles",
		Long: `Make a repository, and keys for its roles.

A role gets the public keys that you name, or else a new key below --keys. Keep
root and targets offline; snapshot and timestamp lie where you publish, director
where plans are made. Then give REPO/metadata/1.root.json to each spacecraft and
each tenant: all trust begins there.`,
		Example: `  spaceos trust init fleet
  spaceos trust init fleet --root a.pub,b.pub,c.pub --threshold root=2`,
		Args: cli.ExactArgs("the REPO folder to make"),
		RunE: func(_ *cobra.Command, args []string) error {
			roles := repository.Roles{}
			for _, name := range repository.TopRoles() {
				keys, err := publics(*given[name])
				if err != nil {
					return err
				}
				roles[name] = repository.RoleKeys{Keys: keys, Threshold: 1}
			}
			if err := setThresholds(roles, thresholds); err != nil {
				return err
			}
			return makeRepository(s, ring, args[0], keysDir, roles, sign)
		},
	}
	for _, name := range repository.TopRoles() {
		given[name] = new([]string)
		cmd.Flags().StringSliceVar(given[name], name, nil, "public key `FILES` of the role "+name)
		_ = cmd.MarkFlagFilename(name, "pub")
	}
	cmd.Flags().StringVar(&keysDir, "keys", "keys", "make keys of the other roles in this `DIR`")
	cmd.Flags().StringSliceVar(&thresholds, "threshold", nil, "how many of a role's keys must sign, as `ROLE=N`")
	keyFlag(cmd, &sign, "of root or targets")
	ring.flags(cmd)
	return cmd
}

func setThresholds(roles repository.Roles, thresholds []string) error {
	for _, t := range thresholds {
		name, number, _ := strings.Cut(t, "=")
		role, ok := roles[name]
		if n, err := fmt.Sscanf(number, "%d", &role.Threshold); !ok || n != 1 || err != nil {
			return cli.Usagef("--threshold %q should be ROLE=N, with a role of %s; see spaceos trust init --help", t, strings.Join(repository.TopRoles(), ", "))
		}
		roles[name] = role
	}
	return nil
}

// makeRepository makes missing keys and then the folder; when that fails, the
// keys are taken away again.
func makeRepository(s cli.Streams, ring *keyring, dir, keysDir string, roles repository.Roles, sign []string) (err error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%w: %s is not empty; name a new folder, or see what is there with spaceos trust status --repo %s", repository.ErrRepository, dir, dir)
	}
	keys, err := ring.open(sign)
	if err != nil {
		return err
	}
	fresh, err := makeRoleKeys(ring, keysDir, roles)
	defer func() {
		if err != nil {
			fresh.remove()
		}
	}()
	if err != nil {
		return err
	}
	repo, progress, err := repository.Init(dir, roles, repository.Options{}, slices.Concat(keys, fresh.keys)...)
	if err != nil {
		return err
	}
	for i, name := range fresh.names {
		fmt.Fprintf(s.Out, "made     key %s: %s.key\n", fresh.keys[i].Public().Short(), name)
	}
	say(s, progress)
	online := fresh.online(roles)
	if len(online) > 0 && progress[0].Complete && progress[1].Complete {
		published, err := repo.Publish(online...)
		if err != nil {
			return err
		}
		say(s, published)
		_, err = fmt.Fprintf(s.Out, `%[1]s is ready; all trust begins at %[1]s/metadata/1.root.json, for each spacecraft and tenant. Next:
  spaceos trust add-tenant NAME --pub NAME.pub --repo %[1]s --key TARGETS.key
`, filepath.Clean(dir))
		return err
	}
	return next(s, repo, progress)
}

// newKeys are keys that one command made.
type newKeys struct {
	names []string // their files, without .key and .pub
	keys  []*repository.Key
	dir   string // made for them, or empty
}

// online are those of snapshot and timestamp.
func (n newKeys) online(roles repository.Roles) (keys []*repository.Key) {
	for _, k := range n.keys {
		if slices.Contains(roles[repository.Snapshot].Keys, k.Public()) || slices.Contains(roles[repository.Timestamp].Keys, k.Public()) {
			keys = append(keys, k)
		}
	}
	return keys
}
