package world

import (
	"os"
	"testing"

	"spaceos/internal/seed"
)

func TestMain(m *testing.M) {
	seed.Fix()
	os.Exit(m.Run())
}
