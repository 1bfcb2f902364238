package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
)

// GroundProgram is the program beside spaceos that has the verbs of the ground.
const GroundProgram = "spaceos-ground"

// Groups of verbs in the help; verbs in none (completion, help) come last.
const (
	GroupCells  = "cells"
	GroupImages = "images"
	GroupShip   = "ship"
	GroupTrust  = "trust"
)

// AddGroups gives the root the groups that its verbs are in, in the order of the
// help.
func AddGroups(root *cobra.Command) {
	for _, group := range []*cobra.Group{
		{ID: GroupCells, Title: "Run payloads:"},
		{ID: GroupImages, Title: "Make and look at sealed images:"},
		{ID: GroupShip, Title: "Ship them:"},
		{ID: GroupTrust, Title: "Say what may run where:"},
	} {
		if slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.GroupID == group.ID }) {
			root.AddGroup(group)
		}
	}
}

// A Verb is one of the ground program's, as the help of spaceos lists it.
type Verb struct{ Name, Group, Short string }

// GroundVerbs lists them.
func GroundVerbs() []Verb {
	return []Verb{
		{"init", GroupImages, "Make a starter: a program that builds, runs and seals"},
		{"seal", GroupImages, "Make a sealed image of a program and its files"},
		{"inspect", GroupImages, "Say what a sealed image is, asks for and can reach"},
		{"diff", GroupImages, "Say what differs between two sealed images"},
		{"verify", GroupImages, "Check a sealed image, and that it may run"},
		{"sbom", GroupImages, "List what a sealed image is made of"},
		{"push", GroupShip, "Send a sealed image to a registry"},
		{"pull", GroupShip, "Fetch a sealed image from a registry"},
		{"delta", GroupShip, "Make, apply and show the difference that an update sends"},
		{"trust", GroupTrust, "Keep keys and signed metadata: who may run what"},
	}
}

// HandOver replaces this process by the ground program, which lies beside it.
// It comes back only with an error.
func HandOver(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("%s lies beside this program, whose place is not known: %w", GroundProgram, err)
	}
	path := filepath.Join(filepath.Dir(self), GroundProgram)
	err = syscall.Exec(path, append([]string{GroundProgram}, args...), os.Environ())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("this needs the program %s, which is missing: build both with make build, and keep them in one folder", path)
	}
	return fmt.Errorf("this needs the program %s, which does not start (%w): build both with make build, and keep them in one folder", path, err)
}

// AddGround gives the root a stand-in for each verb of the ground program: it
// is listed and suggested, and hands over what is asked of it.
func AddGround(root *cobra.Command) {
	for _, verb := range GroundVerbs() {
		root.AddCommand(&cobra.Command{
			Use:                verb.Name,
			GroupID:            verb.Group,
			Short:              verb.Short,
			DisableFlagParsing: true,
			RunE:               func(_ *cobra.Command, args []string) error { return HandOver(append([]string{verb.Name}, args...)) },
		})
	}
}

// CompletesGround says whether a command line is a shell's question about a
// verb of the ground, which that program answers.
func CompletesGround(args []string) bool {
	return len(args) > 2 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) &&
		slices.ContainsFunc(GroundVerbs(), func(v Verb) bool { return v.Name == args[1] })
}
