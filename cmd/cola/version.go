package main

import (
	"encoding/json"
	"fmt"

	"github.com/gradientlearning/cola/internal/cli"
)

// versionVerb is cola version.
type versionVerb struct {
	JSON bool `help:"Print one JSON object."`
}

// Run prints what this binary is.
func (v *versionVerb) Run(env *cli.Env) error {
	version := cli.ReadVersion()
	if v.JSON {
		return json.NewEncoder(env.Stdout).Encode(version)
	}
	protocols := fmt.Sprint(version.Protocol.Min)
	if version.Protocol.Max != version.Protocol.Min {
		protocols += fmt.Sprintf(" to %d", version.Protocol.Max)
	}
	_, err := fmt.Fprintf(env.Stdout, "%v\ngo:       %s\nprotocol: %s\n", version, version.Go, protocols)
	return err
}
