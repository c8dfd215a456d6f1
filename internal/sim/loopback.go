package sim

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/gradientlearning/cola/protocol"
	"github.com/gradientlearning/cola/protocol/identity"
)

// Loopback connects participants as real machines do: over TCP and TLS 1.3, each with a
// key and a certificate of its own, all on 127.0.0.1. Identities live in Dir.
type Loopback struct {
	Dir string

	mu         sync.Mutex
	listener   protocol.Listener
	authority  *identity.Authority
	identities map[string]*identity.Identity
}

// Listen listens on a free port.
func (n *Loopback) Listen(context.Context) (protocol.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.authority == nil {
		authority, err := identity.OpenAuthority(filepath.Join(n.Dir, "authority"))
		if err != nil {
			return nil, err
		}
		n.authority, n.identities = authority, map[string]*identity.Identity{}
	}
	cfg := identity.DefaultListenConfig()
	cfg.Logger = slog.New(slog.DiscardHandler)
	var err error
	n.listener, err = n.authority.Listen("127.0.0.1:0", cfg)
	return n.listener, err
}

// Dial enrols the participant, the first time, and connects it.
func (n *Loopback) Dial(ctx context.Context, participant string) (*protocol.Conn, error) {
	id, address, err := n.enrol(ctx, participant)
	if err != nil {
		return nil, err
	}
	return id.Dial(ctx, address)
}

func (n *Loopback) enrol(ctx context.Context, participant string) (*identity.Identity, string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	address := n.listener.Addr()
	if id := n.identities[participant]; id != nil {
		return id, address, nil
	}
	token, err := n.authority.Invite(participant, 0)
	if err != nil {
		return nil, "", err
	}
	id, err := identity.OpenIdentity(filepath.Join(n.Dir, participant), participant)
	if err != nil {
		return nil, "", err
	}
	join := identity.Join{Addr: address, Token: token, Authority: n.authority.Fingerprint(), Name: participant}
	if err := id.Enroll(ctx, join); err != nil {
		return nil, "", fmt.Errorf("enrol %s: %w", participant, err)
	}
	n.identities[participant] = id
	return id, address, nil
}
