package membership

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/gradientlearning/cola/protocol"
)

// Network says how far apart the members of a pool are. It sets how often they probe
// each other and how long a silent one is only suspected.
type Network string

// The networks.
const (
	LAN      Network = "lan"      // probes every second, 0.5 s to answer
	WAN      Network = "wan"      // probes every 5 s, 3 s to answer
	Loopback Network = "loopback" // one machine: probes every second, 0.2 s to answer
)

// Config says which pool to be in, and how.
type Config struct {
	// Bind is the address to gossip at, over UDP and TCP: ADDRESS:PORT with a numeric
	// address. 0.0.0.0 gossips on all interfaces and advertises the first private
	// address; port 0 lets the system choose.
	Bind string
	// Advertise is the ADDRESS:PORT that others reach Bind at, where it is another;
	// Bind then needs a port of its own.
	Advertise string
	// Seeds are gossip addresses, HOST:PORT, of members to join the pool through: for
	// a participant the coordinator's, for a coordinator none or another's.
	Seeds []string
	// Key is the secret that the pool shares, at least 16 bytes and as hard to guess:
	// identity.Authority.GossipSecret makes it, the join line brings it. The gossip
	// key is derived from it and from JobID.
	Key []byte
	// JobID keeps pools apart: members with another do not hear each other. It must
	// be known before the first session; the fingerprint of the job's authority is.
	JobID string
	// CoordinatorAddr is the HOST:PORT at which the coordinator takes participants'
	// TLS connections: what Announce tells the pool. Discover does not use it.
	CoordinatorAddr string
	// Network tunes timing to distance.
	Network Network
	// Logger gets memberlist's log, one level lower than memberlist thinks of it,
	// because nothing in a pool is vital.
	Logger *slog.Logger
}

// DefaultPort is the UDP and TCP port that a coordinator gossips at.
const DefaultPort = 7946

// DefaultAnnounceConfig returns a coordinator's configuration: all interfaces,
// [DefaultPort], LAN. Key, JobID and CoordinatorAddr are to be filled in.
func DefaultAnnounceConfig() Config {
	return Config{Bind: net.JoinHostPort("0.0.0.0", strconv.Itoa(DefaultPort)), Network: LAN, Logger: slog.Default()}
}

// DefaultDiscoverConfig returns a participant's configuration: all interfaces, any
// port, LAN. Key, JobID and Seeds are to be filled in.
func DefaultDiscoverConfig() Config {
	return Config{Bind: "0.0.0.0:0", Network: LAN, Logger: slog.Default()}
}

const minKey = 16

// memberlist returns memberlist's configuration for a member with this name.
func (c Config) memberlist(name string) (*memberlist.Config, error) {
	var conf *memberlist.Config
	switch c.Network {
	case LAN:
		conf = memberlist.DefaultLANConfig()
	case WAN:
		conf = memberlist.DefaultWANConfig()
	case Loopback:
		conf = memberlist.DefaultLocalConfig()
	default:
		return nil, usage("the network %q is not lan, wan or loopback", c.Network)
	}
	bind, err := netip.ParseAddrPort(c.Bind)
	if err != nil {
		return nil, usage("the gossip address %q is not ADDRESS:PORT with a numeric address", c.Bind)
	}
	if len(c.Key) < minKey {
		return nil, usage("the gossip secret has %d bytes, fewer than %d", len(c.Key), minKey)
	}
	if c.JobID == "" || c.Logger == nil {
		return nil, usage("a gossip pool needs a job id and a logger")
	}
	conf.SecretKey, err = hkdf.Key(sha256.New, c.Key, []byte(c.JobID), "cola gossip key v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the gossip key: %w", err)
	}
	conf.Name = name
	conf.Label = "cola/" + digest(c.JobID)
	conf.BindAddr, conf.BindPort = bind.Addr().String(), int(bind.Port())
	conf.AdvertisePort = conf.BindPort
	if c.Advertise != "" {
		advertise, err := netip.ParseAddrPort(c.Advertise)
		if err != nil || advertise.Port() == 0 {
			return nil, usage("the advertised gossip address %q is not ADDRESS:PORT with a numeric address", c.Advertise)
		}
		if conf.BindPort == 0 { // memberlist would advertise the port that it got
			return nil, usage("the gossip address %s needs a port to be advertised as %s", c.Bind, c.Advertise)
		}
		conf.AdvertiseAddr, conf.AdvertisePort = advertise.Addr().String(), int(advertise.Port())
	}
	conf.TCPTimeout = min(conf.TCPTimeout, 5*time.Second) // a seed that does not answer holds up no longer
	return conf, nil
}

// digest is a short name for a job id that does not give it away.
func digest(jobID string) string {
	sum := sha256.Sum256([]byte(jobID))
	return hex.EncodeToString(sum[:8])
}

func usage(format string, args ...any) error {
	return protocol.Faultf(protocol.CodeUsage, "correct the gossip settings, or do without gossip and give the address", format, args...)
}
