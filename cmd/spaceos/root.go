package main

import (
	"github.com/spf13/cobra"

	"spaceos/cell"
	"spaceos/internal/cli"
)

// execute runs one command line and gives the exit status.
func execute(args []string, s cli.Streams) int {
	if cli.CompletesGround(args) {
		if err := cli.HandOver(args); err != nil {
			return cli.StatusFailed // a shell that completes shows no errors
		}
	}
	root := newRoot(s)
	// A run starts within a millisecond or two: what only help and typing errors
	// need stays out of it.
	if len(args) == 0 || args[0] != "run" {
		listAll(root, s)
	}
	return cli.Execute(root, args, s, statusOf)
}

// statusOf follows docker for run and the usual 1 and 2 for the rest.
func statusOf(cmd *cobra.Command, err error) int {
	if cmd.Name() == "run" {
		return cell.Status(err)
	}
	return cli.StatusOf(cmd, err)
}

func newRoot(s cli.Streams) *cobra.Command {
	root := cli.NewRoot(s, "Run payloads in hardware-isolated cells")
	root.Long = `SpaceOS runs small programs of several tenants on one computer, each in a cell:
a virtual machine without a guest kernel. A program sees /app, /in, /out, /data
and /tmp, and nothing else.`
	root.Example = `  spaceos doctor
  spaceos run --in frames --out results ./program
  spaceos init hello && make -C hello && spaceos seal -o hello.oci hello && spaceos run hello.oci`
	root.AddCommand(newRun(s), newDoctor(s), cli.NewCompletion(s))
	return root
}

// listAll makes root the whole command: with the verbs of the other program.
func listAll(root *cobra.Command, s cli.Streams) {
	for _, verb := range root.Commands() {
		if verb.Name() == "run" || verb.Name() == "doctor" {
			verb.GroupID = cli.GroupCells
		}
	}
	cli.AddGround(root)
	cli.AddGroups(root)
	root.AddCommand(cli.NewVersion(s))
}
