package conformance

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// compileAll compiles what cases run, two at a time, and says which cannot be.
func compileAll(t *testing.T, cases []Case) {
	t.Helper()
	var wg sync.WaitGroup
	next := make(chan Case)
	for range 2 {
		wg.Go(func() {
			for c := range next {
				if _, err := shared.bench.Executable(c.Program); err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
			}
		})
	}
	for _, c := range cases {
		next <- c
	}
	close(next)
	wg.Wait()
}

func TestPublicTestsDoInACellWhatTheyDoOnLinux(t *testing.T) {
	if shared.failure != nil {
		t.Fatal(shared.failure)
	}
	if got, err := gnulib.digest(); err != nil || got != GnulibDigest {
		t.Errorf("gnulib's programs are %s, %v; want %s of version %s: the package has changed, look through the list", got, err, GnulibDigest, GnulibVersion)
	}
	cases := SuiteCases()
	compileAll(t, cases)
	cell := Cell{Spaceos: shared.spaceos, Options: []string{"--memory", "256MiB", "--timeout", "60s"}}
	passed, same, lacking := 0, 0, 0
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			want := native(t, c)
			got, err := cell.Run(ctx, shared.bench, c)
			if err != nil {
				t.Fatal(err)
			}
			differences := Compare(c, want, got)
			why, lacks := suiteLacks()[c.Program.Subject]
			switch {
			case lacks && len(differences) == 0:
				same++
			case lacks:
				lacking++
				t.Logf("not in a cell: %s", why)
			case len(differences) > 0:
				t.Errorf("guest: %s\n%s", c.Name, strings.Join(differences, ""))
			case want.Status == 0:
				passed++
			default:
				same++
			}
		})
	}
	t.Logf("total: %d programs pass on Linux and in a cell, %d fail or are left out by themselves alike, %d do not pass in a cell", passed, same, lacking)
}
