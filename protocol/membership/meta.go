package membership

import (
	"encoding/json"
	"fmt"
	"net"

	"github.com/hashicorp/memberlist"

	"github.com/gradientlearning/cola/protocol"
)

// Role is what a member of a pool is in its job.
type Role string

// The roles.
const (
	Coordinator Role = "coordinator"
	Participant Role = "participant"
)

// meta is what a member tells about itself. It must stay within
// [memberlist.MetaMaxSize]; names of participants do not belong in it.
type meta struct {
	Role    Role   `json:"role"`
	Version uint16 `json:"version"`        // highest protocol version spoken
	Addr    string `json:"addr,omitempty"` // of a coordinator's TLS listener
}

// encode checks the size, because memberlist panics where it is too large.
func (m meta) encode() ([]byte, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode gossip metadata: %w", err)
	}
	if len(data) > memberlist.MetaMaxSize {
		return nil, usage("the coordinator's address makes %d bytes of gossip metadata, more than %d", len(data), memberlist.MetaMaxSize)
	}
	return data, nil
}

// parseMeta reads what a member says; it comes from anybody who holds the key.
func parseMeta(data []byte) (meta, error) {
	var m meta
	if len(data) > memberlist.MetaMaxSize {
		return m, fmt.Errorf("metadata of %d bytes", len(data))
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	switch m.Role {
	case Participant:
		m.Addr = ""
		return m, nil
	case Coordinator:
		return m, checkAddr(m.Addr)
	default:
		return m, fmt.Errorf("role %q", m.Role)
	}
}

// checkAddr accepts HOST:PORT that can be dialled from elsewhere.
func checkAddr(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) || port == "" || port == "0" {
		return fmt.Errorf("address %q cannot be dialled", addr)
	}
	return nil
}

// usable reports whether a coordinator speaks a version that this program does.
func (m meta) usable() bool {
	return m.Role == Coordinator && m.Version >= protocol.MinVersion
}
