package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/protocol"
	"github.com/gradientlearning/cola/protocol/identity"
)

// forgetVerb is cola forget.
type forgetVerb struct {
	State string `required:"" placeholder:"FOLDER" help:"The coordinator's state folder."`
	Name  string `arg:"" help:"The participant to forget."`
}

// Help is the text of cola forget --help.
func (*forgetVerb) Help() string {
	return `Revokes a participant: from its next connection on, its certificate is refused, and the name is free for another machine, which joins with a line of cola invite. What the participant gave to the job so far stays in it.

Example: cola forget --state mnist.state p3`
}

// Run takes the name back.
func (v *forgetVerb) Run(env *cli.Env) error {
	authority, err := identity.OpenAuthority(filepath.Join(v.State, "identity"))
	if err != nil {
		return err
	}
	names, err := authority.Enrolled()
	if err != nil {
		return err
	}
	if !slices.Contains(names, v.Name) {
		return protocol.Faultf(protocol.CodeUsage, "give one of these names", "no participant %q is enrolled; there are %v", v.Name, names)
	}
	if err := authority.Forget(v.Name); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "%s is forgotten; invite the name again with: cola invite --state %s --name %s\n", v.Name, v.State, v.Name)
	return err
}
