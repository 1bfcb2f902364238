package conformance

import (
	"os"
	"strings"
	"testing"
)

func TestGridDump(t *testing.T) {
	for _, g := range Grids() {
		dir := "/tmp/grid/in-" + strings.ReplaceAll(g.Name, "/", "-")
		os.RemoveAll(dir)
		g.In.write(dir)
	}
}
