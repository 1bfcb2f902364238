package hostile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"spaceos/internal/conformance"
)

// together are a guest's arguments to try all attacks.
func together(cases []Case) []string {
	args := []string{"--catch"}
	for _, c := range cases {
		args = append(args, c.Attack)
	}
	return args
}

// OnLinux runs natively what the tests ask Linux about where the processor is
// emulated: a Linux there dies of some of the attacks. The caller's TestMain
// must call [conformance.Enter] first.
func OnLinux(ctx context.Context, bench *conformance.Bench) (conformance.Facts, error) {
	facts := conformance.Facts{}
	for _, g := range Guests() {
		if g.OwnLimits {
			continue
		}
		cases, err := Cases(ctx, bench, g)
		if err != nil {
			return nil, err
		}
		var runs [][]string
		if g.Together { // those that are dear are not of these guests
			runs = append(runs, together(cases))
		}
		for i := 0; i < len(cases); i += g.alone(true) {
			runs = append(runs, []string{cases[i].Attack})
		}
		for _, args := range runs {
			if facts[fact(g.Name, args)], err = natively(ctx, bench, g.Name, args); err != nil {
				return nil, err
			}
		}
	}
	return facts, nil
}

// fact is a run's name among the facts.
func fact(guest string, args []string) string { return guest + "/" + args[0] }

// natively runs attacks of a guest on this machine's Linux.
func natively(ctx context.Context, bench *conformance.Bench, guest string, args []string) (conformance.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := conformance.Linux{}.Run(ctx, bench, conformance.Case{Name: guest, Program: Program(guest), Args: args})
	if err == nil && strings.HasPrefix(r.Stderr, "conformance:") {
		err = fmt.Errorf("%s: %s", guest, r.Stderr)
	}
	return r, err
}
