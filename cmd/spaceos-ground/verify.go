package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"spaceos/image"
	"spaceos/internal/cli"
)

func newVerify(s cli.Streams) *cobra.Command {
	var j judge
	var repo string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "verify IMAGE",
		Long: `Check that a sealed image is whole: every document in its one form, every blob
there with its size and its digest, nothing there that nothing names. (spaceos run
checks the same of what the image names, and leaves alone what else lies there.)

With --trust, check as a spacecraft would that its tenant signed it, beginning
with the root document that you trust; with --spacecraft, too, that it may run
there: its plan lists it, and manifest <= lease <= ceiling.

The exit status is 1 if something is wrong. With --json, that is said on standard
output: "ok" is false, and the last of "checks" says what failed.`,
		Example: `  spaceos verify hello.oci
  spaceos verify --json hello.oci
  spaceos verify hello.oci --trust fleet --root root.json --spacecraft sat-7`,
		Args: cli.ExactArgs("IMAGE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if (repo == "") != (j.root == "") || repo == "" && j.spacecraft != "" {
				return cli.Usagef("--trust REPO and --root FILE go together, and --spacecraft ID with both; see spaceos verify --help")
			}
			v := &verification{}
			if !asJSON {
				return v.run(args[0], repo, &j, func(fact string) { fmt.Fprintln(s.Out, fact) })
			}
			wrong := v.run(args[0], repo, &j, func(string) {})
			if err := cli.PrintJSON(s.Out, v); err != nil {
				return err
			}
			if wrong != nil {
				return &cli.ExitError{Status: cli.StatusFailed} // the JSON says why
			}
			return nil
		},
	}
	cli.JSONFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&repo, "trust", "", "judge by the repository in this `DIR`")
	_ = cmd.MarkFlagDirname("trust")
	j.flags(cmd)
	return cmd
}

// A verification is what was found of an image, as verify --json prints it.
type verification struct {
	OK     bool              `json:"ok"`
	Image  *imageView        `json:"image,omitempty"` // this and what it holds are absent if it is not whole
	Files  int               `json:"files,omitempty"`
	Size   int64             `json:"files_bytes,omitempty"`
	Lease  map[string]uint64 `json:"lease,omitempty"` // with --spacecraft: what a run may use; see limitField
	Checks []check           `json:"checks"`          // in their order, to the first that failed
}

// A check is one question that verify asks.
type check struct {
	Check string `json:"check"` // "whole", "repository", "signed" or "may_run"
	OK    bool   `json:"ok"`
	Fact  string `json:"fact"` // the sentence for people
}

// run asks one question after the other, and says what is right.
func (v *verification) run(path, repo string, j *judge, say func(fact string)) error {
	img, err := verified(path)
	if err != nil {
		return v.failed("whole", err)
	}
	view := viewImage(img)
	v.Image, v.Files, v.Size = &view, len(img.Files), int64(img.Bytes())
	whole := fmt.Sprintf("%s of %s is whole: %s, %s", img.Name(), img.Manifest.Tenant, count(len(img.Files), "file"), img.Bytes().Approx())
	v.passed("whole", whole)
	say(whole + "\n" + view.Digest)
	if repo != "" {
		if err := v.trust(img, repo, j, say); err != nil {
			return err
		}
	}
	v.OK = true
	return nil
}

// trust asks what needs a repository.
func (v *verification) trust(img *image.Image, repo string, j *judge, say func(fact string)) error {
	held, err := j.rehearse(repo)
	if err != nil {
		return v.failed("repository", err)
	}
	v.passed("repository", repo+" is as it should be: "+heldVersions(held))
	question := "signed"
	if j.spacecraft != "" {
		question = "may_run"
	}
	sentence, lease, err := j.admits(held, img)
	if err != nil {
		return v.failed(question, unpublished(repo, held, img, err))
	}
	if lease != nil {
		v.Lease = limitNumbers(lease.Limits)
	}
	v.passed(question, sentence)
	say(sentence)
	return nil
}

func (v *verification) passed(question, fact string) {
	v.Checks = append(v.Checks, check{question, true, fact})
}

func (v *verification) failed(question string, err error) error {
	v.Checks = append(v.Checks, check{question, false, cli.OneLine(err.Error())})
	return err
}

// verified reads and checks all of an image.
func verified(path string) (_ *image.Image, err error) {
	l, err := image.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return l.Verify()
}
