package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"spaceos/internal/cli"
	"spaceos/trust/repository"
)

// newTrustPublish makes what is signed count.
func newTrustPublish(s cli.Streams, ring *keyring) *cobra.Command {
	var repo string
	var keys []string
	cmd := &cobra.Command{
		Use:   "publish",
		Short: "Make what is signed count: a new snapshot and timestamp",
		Long: `Make what is signed count: a new snapshot, which names the documents of all roles,
and a timestamp, which opens the set for a spacecraft.

It checks every signature first. What waits for signatures is left as it was.`,
		Example: `  spaceos trust publish --repo fleet --key keys/snapshot.key,keys/timestamp.key`,
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := unsigned(cmd, keys); err != nil {
				return err
			}
			r, signers, err := openWith(repo, ring, keys)
			if err != nil {
				return err
			}
			progress, err := r.Publish(signers...)
			say(s, progress)
			if err == nil {
				err = waits(s, r)
			}
			return err
		},
	}
	repoFlag(cmd, &repo)
	keyFlag(cmd, &keys, "of snapshot and timestamp")
	ring.flags(cmd)
	return cmd
}

// newTrustRotate changes a role's keys.
func newTrustRotate(s cli.Streams, ring *keyring) *cobra.Command {
	var repo string
	var keys, add, remove []string
	var threshold int
	cmd := &cobra.Command{
		Use:   "rotate ROLE",
		Short: "Change a role's keys, or how many of them must sign",
		Long: `Change a role's keys, or how many of them must sign.

For root, targets, snapshot, timestamp and director that makes a new root, which
the old and the new keys of root must sign; for tenant-NAME a new group document,
which targets signs. When all keys of a role are replaced, spacecraft count its
versions anew: that is how one recovers from a thief who made them too high.
Afterwards, sign the role's document with its new keys (spaceos trust sign --role
ROLE), and publish.`,
		Example: `  spaceos trust rotate snapshot --add new.pub --remove keys/snapshot.pub --repo fleet --key keys/root.key
  spaceos trust rotate root --add b.pub,c.pub --threshold 2 --repo fleet --key keys/root.key,b.key
  spaceos trust rotate tenant-acme --add acme-2.pub --remove acme.pub --repo fleet --key keys/targets.key`,
		Args: cli.ExactArgs("the ROLE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(add)+len(remove) == 0 && threshold == 0 {
				return cli.Usagef("rotate needs --add, --remove or --threshold; see spaceos trust rotate --help")
			}
			var err error
			change := repository.Change{Threshold: threshold}
			if change.Add, err = publics(add); err != nil {
				return err
			}
			if change.Remove, err = publics(remove); err != nil {
				return err
			}
			r, signers, err := openWith(repo, ring, keys)
			if err != nil {
				return err
			}
			p, err := r.Rotate(args[0], change, signers...)
			if err != nil {
				return err
			}
			progress := []repository.Progress{p}
			say(s, progress)
			return next(s, r, progress)
		},
	}
	cmd.Flags().StringSliceVar(&add, "add", nil, "public key `FILES` that the role gets")
	cmd.Flags().StringSliceVar(&remove, "remove", nil, "public key `FILES` that the role loses")
	cmd.Flags().IntVar(&threshold, "threshold", 0, "how many keys must sign from now on")
	repoFlag(cmd, &repo)
	keyFlag(cmd, &keys, "of root, for a tenant of targets")
	ring.flags(cmd)
	return cmd
}

// newTrustStatus shows a repository.
func newTrustStatus(s cli.Streams) *cobra.Command {
	var repo string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say who signs what, what is signed, and what is missing",
		Long: `Say who signs what, what is signed, and what is missing: each role's newest
document and keys, each tenant's ceiling, images and revocations, and what is to
do. A document is whole, or waiting for signatures, or stale (signed by keys that
the role does not have any more), or damaged.

It reads the folder as it lies there. Whether a spacecraft would believe it, from
a root document that you trust, says spaceos trust verify.`,
		Example: `  spaceos trust status --repo fleet
  spaceos trust status --repo fleet --json`,
		Args: cli.ExactArgs(),
		RunE: func(_ *cobra.Command, _ []string) error {
			r, err := repository.Open(repo, repository.Options{})
			if err != nil {
				return err
			}
			status, err := r.Status()
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(s.Out, status)
			}
			return printStatus(s.Out, status)
		},
	}
	cli.JSONFlag(cmd, &asJSON)
	repoFlag(cmd, &repo)
	return cmd
}

func printStatus(out io.Writer, status *repository.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ROLE\tVERSION\tSTATE\tEXPIRES\tMUST SIGN\tKEYS (* SIGNED)")
	for _, roles := range [][]repository.RoleStatus{status.Roles, status.Plans} {
		for _, r := range roles {
			version, expires := "-", "-"
			if r.Expires != nil {
				version, expires = fmt.Sprint(r.Version), r.Expires.Format("2006-01-02")
			}
			var keys []string
			for _, k := range r.Keys {
				keys = append(keys, k.Key+map[bool]string{true: "*"}[k.Signed])
			}
			state := r.State
			if r.Role == repository.Director {
				state = "-"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d of %d\t%s\n", r.Role, version, state, expires, r.Threshold, len(r.Keys), strings.Join(keys, " "))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, t := range status.Tenants {
		fmt.Fprintf(out, "\ntenant %s: memory %s, cpu-time %s\n", t.Name, t.Ceiling["memory"], t.Ceiling["cpu-time"])
		for _, name := range slices.Sorted(maps.Keys(t.Images)) {
			fmt.Fprintf(out, "  %s  %s\n", name, t.Images[name])
		}
		for _, d := range t.Revoked {
			fmt.Fprintf(out, "  revoked  %s\n", d)
		}
	}
	for _, d := range status.Revoked {
		fmt.Fprintf(out, "\nrevoked for all: %s\n", d)
	}
	fmt.Fprintln(out)
	for _, todo := range status.Todo {
		fmt.Fprintf(out, "to do: %s\n", todo)
	}
	if len(status.Todo) == 0 {
		fmt.Fprintln(out, "all signed and published")
	}
	return nil
}
