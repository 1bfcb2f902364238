// Package seed makes drawn tests the same in every run of make test, and
// different in every other: a difference from Linux that is found by chance
// belongs to the one who looks for it, not to the one who builds.
//
// It is test support: a package whose tests draw calls Fix from its TestMain.
//
//	func TestMain(m *testing.M) { seed.Fix(); os.Exit(m.Run()) }
package seed

import (
	"flag"
	"os"
)

// Variable names the environment variable that holds the seed.
const Variable = "SPACEOS_TEST_SEED"

// Fix hands the seed, if there is one, to pgregory.net/rapid.
func Fix() {
	if s := os.Getenv(Variable); s != "" && flag.Lookup("rapid.seed") != nil {
		_ = flag.Set("rapid.seed", s) // the flag takes any number; another text is make's mistake and shows as random draws
	}
}
