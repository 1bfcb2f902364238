package conformance

import (
	"os"
	"strings"
	"testing"
)

func TestGridOnLinux(t *testing.T) {
	for _, g := range Grids() {
		t.Run(g.Name, func(t *testing.T) {
			r := native(t, g.Case)
			t.Logf("%d lines, left out %v, status %d, printed %d, stderr %s", g.Lines, g.LeftOut, r.Status, strings.Count(r.Stdout, "\n"), r.Stderr)
			if dir := os.Getenv("GRID_OUT"); dir != "" {
				os.WriteFile(dir+"/linux-"+strings.ReplaceAll(g.Name, "/", "-"), []byte(r.Stdout), 0o644)
			}
		})
	}
}

func TestGridInCell(t *testing.T) {
	cell := Cell{Spaceos: shared.spaceos, Options: []string{"--memory", "256MiB", "--timeout", "60s"}}
	for _, g := range Grids() {
		t.Run(g.Name, func(t *testing.T) {
			r, err := cell.Run(t.Context(), shared.bench, g.Case)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d lines, status %d, printed %d, stderr %s", g.Lines, r.Status, strings.Count(r.Stdout, "\n"), r.Stderr)
			if dir := os.Getenv("GRID_OUT"); dir != "" {
				os.WriteFile(dir+"/cell-"+strings.ReplaceAll(g.Name, "/", "-"), []byte(r.Stdout), 0o644)
			}
		})
	}
}
