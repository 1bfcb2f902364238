// Command spaceos-ground is the part of the people's tool that stays on the
// ground: it makes sealed images, ships them, and keeps the trust in them.
// `spaceos` starts it for its verbs, so nobody needs to type its name. It is a
// program of its own because YAML, registries and key files cost a millisecond
// and more at each start, and `spaceos run` starts twice for each run.
//
// It wires packages together and holds no logic of its own: one file a verb.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"spaceos/internal/cli"
	"spaceos/trust/repository"
)

func main() {
	s := cli.Standard()
	os.Exit(cli.Execute(newRoot(s), os.Args[1:], s, cli.StatusOf))
}

func newRoot(s cli.Streams) *cobra.Command { return newRootWith(s, repository.Protection{}) }

// newRootWith makes the root; tests protect new keys less, to save time.
func newRootWith(s cli.Streams, protection repository.Protection) *cobra.Command {
	root := cli.NewRoot(s, "Make, ship and trust sealed images")
	root.Long = `The part of spaceos that stays on the ground: it makes sealed images, ships them
and keeps the trust in them. It lies beside spaceos, which starts it: type
"spaceos seal", not "spaceos-ground seal".`
	verbs := []*cobra.Command{ // each owns a file; cli.GroundVerbs says its group and its line of help
		newSeal(s),
		newInspect(s),
		newDiff(s),
		newVerify(s),
		newInit(s),
		newDelta(s),
		newTrust(s, protection),
		newSBOM(s),
		newPush(s),
		newPull(s),
	}
	for _, verb := range cli.GroundVerbs() {
		for _, c := range verbs {
			if c.Name() == verb.Name {
				c.GroupID, c.Short = verb.Group, verb.Short
			}
		}
	}
	root.AddCommand(verbs...)
	cli.AddGroups(root)
	root.AddCommand(cli.NewCompletion(s))
	return root
}
