package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"spaceos"
	"spaceos/internal/cli"
	"spaceos/trust/repository"
)

// newTrustPlan signs what a spacecraft shall run.
func newTrustPlan(s cli.Streams, ring *keyring) *cobra.Command {
	var repo string
	var keys, runs, profile []string
	cmd := &cobra.Command{
		Use:   "plan SPACECRAFT",
		Short: "Sign what a spacecraft shall run",
		Long: `Sign what a spacecraft shall run, from now on and all of it: a plan replaces the
one before it.

Each --run is TENANT/PAYLOAD:VERSION, an image that the tenant signed. Its lease
is the tenant's ceiling; limits behind it, after commas, make it smaller, and
service=NAME grants a service of /svc.`,
		Example: `  spaceos trust plan sat-7 --run acme/hello:1.0.0 --repo fleet --key keys/director.key
  spaceos trust plan sat-7 --run acme/hello:1.0.0,memory=16MiB,service=time --profile cores=2 --repo fleet --key keys/director.key`,
		Args: cli.ExactArgs("the id of the SPACECRAFT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := unsigned(cmd, keys); err != nil {
				return err
			}
			plan := repository.Plan{Spacecraft: args[0], Profile: map[string]any{}}
			for _, text := range runs {
				run, err := parseRun(text)
				if err != nil {
					return err
				}
				plan.Runs = append(plan.Runs, run)
			}
			for _, text := range profile {
				name, value, ok := strings.Cut(text, "=")
				if !ok || name == "" {
					return cli.Usagef("--profile %q should be NAME=VALUE; see spaceos trust plan --help", text)
				}
				if n, err := strconv.ParseInt(value, 10, 53); err == nil {
					plan.Profile[name] = n
				} else {
					plan.Profile[name] = value
				}
			}
			r, signers, err := openWith(repo, ring, keys)
			if err != nil {
				return err
			}
			progress, err := r.SignPlan(plan, signers...)
			if err == nil {
				say(s, []repository.Progress{progress})
			}
			return err
		},
	}
	cmd.Flags().StringArrayVar(&runs, "run", nil, "run `TENANT/PAYLOAD:VERSION[,LIMIT=VALUE...]` (repeatable)")
	cmd.Flags().StringArrayVar(&profile, "profile", nil, "say of the hardware `NAME=VALUE` (repeatable)")
	repoFlag(cmd, &repo)
	keyFlag(cmd, &keys, "of the director")
	ring.flags(cmd)
	return cmd
}

// parseRun reads TENANT/PAYLOAD:VERSION[,LIMIT=VALUE...][,service=NAME...].
func parseRun(text string) (r repository.Run, err error) {
	words := strings.Split(text, ",")
	tenant, rest, ok := strings.Cut(words[0], "/")
	payload, version, both := strings.Cut(rest, ":")
	if !ok || !both || tenant == "" || payload == "" || version == "" {
		return r, cli.Usagef("--run %q should be TENANT/PAYLOAD:VERSION; see spaceos trust plan --help", text)
	}
	r = repository.Run{Tenant: tenant, Payload: payload, Version: version}
	others, err := parseLimits(words[1:], &r.Limits)
	if err != nil {
		return r, cli.Usagef("--run %q: %w", text, err)
	}
	for _, word := range others {
		name, ok := strings.CutPrefix(word, "service=")
		if !ok {
			var l spaceos.Limits
			var names []string
			for _, limit := range l.List() {
				names = append(names, limit.Name)
			}
			return r, cli.Usagef("--run %q: %q should be service=NAME, or a limit (%s) with its value", text, word, strings.Join(names, ", "))
		}
		r.Services = append(r.Services, name)
	}
	return r, nil
}
