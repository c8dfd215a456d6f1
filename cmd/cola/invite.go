package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/protocol"
	"github.com/gradientlearning/cola/protocol/identity"
)

// inviteVerb is cola invite.
type inviteVerb struct {
	State   string        `required:"" placeholder:"FOLDER" help:"The coordinator's state folder."`
	Name    string        `placeholder:"NAME" help:"The only participant that the line is good for; by default whoever uses it first."`
	Address string        `placeholder:"HOST:PORT" help:"Where participants reach the coordinator, if not where it says itself."`
	Wait    time.Duration `placeholder:"DURATION" help:"How long to wait for a coordinator that is only just starting."`
}

// Help is the text of cola invite --help.
func (*inviteVerb) Help() string {
	return `Prints a line that lets one participant join, once. The coordinator may run meanwhile or not. Until it is used, the line is as secret as a password.

Example: cola invite --state mnist.state --name p3`
}

// Run prints a join line.
func (v *inviteVerb) Run(env *cli.Env) error {
	address, err := v.waitForAddress(env.Context)
	if err != nil {
		return err
	}
	dir := filepath.Join(v.State, "identity")
	authority, err := identity.OpenAuthority(dir)
	if err != nil {
		return err
	}
	// The secret is there exactly if the coordinator gossiped once.
	_, err = os.Stat(filepath.Join(dir, "gossip.key"))
	join, err := newJoin(authority, address, v.Name, err == nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(env.Stdout, join)
	return err
}

// waitForAddress gives a coordinator that is only just starting the time to write its
// address down.
func (v *inviteVerb) waitForAddress(ctx context.Context) (string, error) {
	deadline := time.Now().Add(v.Wait)
	for {
		address, err := v.address()
		if err == nil || time.Now().After(deadline) {
			return address, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// address returns the flag's address, or what the coordinator wrote down.
func (v *inviteVerb) address() (string, error) {
	text, err := os.ReadFile(filepath.Join(v.State, addressFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", protocol.Faultf(protocol.CodeUsage, "check the folder, or start the coordinator with it first: cola coordinator --state FOLDER",
			"no coordinator has used the folder %s", v.State)
	}
	if err != nil {
		return "", durable.Fault(v.State, err)
	}
	if v.Address == "" {
		return strings.TrimSpace(string(text)), nil
	}
	if _, _, err := net.SplitHostPort(v.Address); err != nil {
		return "", protocol.Faultf(protocol.CodeUsage, "write it like --address 192.0.2.7:7433", "--address %q: %w", v.Address, err)
	}
	return v.Address, nil
}
