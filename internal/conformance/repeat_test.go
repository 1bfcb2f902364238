package conformance

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

// TestTheSameToTheByte runs programs two times with one seed and one clock.
func TestTheSameToTheByte(t *testing.T) {
	if shared.failure != nil {
		t.Fatal(shared.failure)
	}
	cases, err := Repeatable()
	if err != nil {
		t.Fatal(err)
	}
	const root = "../.."
	payload := t.TempDir()
	if text, err := exec.Command("make", "--no-print-directory", "-C", root+"/payloads/cloudmask", "OUT="+payload).CombinedOutput(); err != nil {
		t.Fatalf("making cloudmask: %v\n%s", err, text)
	}
	frame, err := Frame(root, payload+"/cloudmask")
	if err != nil {
		t.Fatal(err)
	}
	cases = append(cases, frame)
	if len(cases) < 50 {
		t.Fatalf("%d programs, want 50 or more", len(cases))
	}
	cell := Cell{Spaceos: shared.spaceos, Options: []string{"--memory", "64MiB", "--timeout", "60s"}}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			differences, err := Twice(ctx, shared.bench, c, cell.Reported)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range differences {
				t.Errorf("guest: %s %q\n%s", c.Name, c.Args, d)
			}
		})
	}
}
