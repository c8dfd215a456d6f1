package identity

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/gradientlearning/cola/protocol"
)

// Join is what a participant needs to know to join a job, in one line to paste.
type Join struct {
	Addr      string // of the coordinator, host:port
	Token     string // redeemed once; see [Authority.Invite]
	Authority string // fingerprint of the job's authority; see [Authority.Fingerprint]
	Name      string // the participant's, if the token is bound to one
	Gossip    string // the pool's secret, where the coordinator gossips; see [Authority.GossipSecret]
}

const joinScheme = "cola"

// String returns the join line:
//
//	cola://host:port/TOKEN?ca=FINGERPRINT&gossip=SECRET&name=NAME
//
// without the parameters that are empty. It is as secret as the token in it.
func (j Join) String() string {
	query := url.Values{}
	for key, value := range map[string]string{"ca": j.Authority, "name": j.Name, "gossip": j.Gossip} {
		if value != "" {
			query.Set(key, value)
		}
	}
	u := url.URL{Scheme: joinScheme, Host: j.Addr, Path: "/" + j.Token, RawQuery: query.Encode()}
	return u.String()
}

// ParseJoin reads a join line. A malformed one is a usage fault that says which part
// is wrong and never repeats the token.
func ParseJoin(line string) (Join, error) {
	j, err := parseJoin(strings.TrimSpace(line))
	if err != nil {
		return Join{}, protocol.Faultf(protocol.CodeUsage,
			"paste the whole line that the coordinator or cola invite printed, in quotes: 'cola://HOST:PORT/TOKEN?ca=FINGERPRINT'",
			"the join line is not valid: %w", err)
	}
	return j, nil
}

func parseJoin(line string) (Join, error) {
	if line == "" {
		return Join{}, errors.New("it is empty")
	}
	u, err := url.Parse(line)
	if err != nil {
		if parsing, ok := errors.AsType[*url.Error](err); ok {
			err = parsing.Err // the outer error repeats the line, and with it the token
		}
		return Join{}, err
	}
	switch {
	case u.Scheme != joinScheme:
		return Join{}, fmt.Errorf("it begins with %q, not with %q", u.Scheme+":", joinScheme+"://")
	case u.User != nil || u.Fragment != "" || u.Opaque != "":
		return Join{}, errors.New("it holds more than an address, a token and parameters")
	}
	j := Join{Addr: u.Host}
	if err := checkAddr(u.Host); err != nil {
		return Join{}, err
	}
	if j.Token, err = parseSecret(strings.TrimPrefix(u.Path, "/")); err != nil {
		return Join{}, fmt.Errorf("its token: %w", err)
	}
	if err := j.parameters(u.RawQuery); err != nil {
		return Join{}, err
	}
	return j, nil
}

func (j *Join) parameters(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("its parameters cannot be read: %w", err)
	}
	for key, values := range query {
		if len(values) != 1 {
			return fmt.Errorf("its parameter %q is there %d times", key, len(values))
		}
		value := values[0]
		switch key {
		case "ca":
			j.Authority, err = parseFingerprint(value)
		case "name":
			j.Name, err = value, checkName(value)
		case "gossip":
			j.Gossip, err = parseSecret(value)
		default:
			return fmt.Errorf("its parameter %q is not known", key)
		}
		if err != nil {
			return fmt.Errorf("its parameter %q: %w", key, err)
		}
	}
	if j.Authority == "" {
		return errors.New(`its parameter "ca", the authority's fingerprint, is missing`)
	}
	return nil
}

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$`)

// checkAddr accepts host:port with a host name or an address and a port number.
func checkAddr(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("its address %q is not host:port", addr)
	}
	ip, err := netip.ParseAddr(host)
	if (err != nil && !hostPattern.MatchString(host)) || ip.Zone() != "" {
		return fmt.Errorf("its address %q names no host", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("its address %q has no port between 1 and 65535", addr)
	}
	return nil
}

func parseFingerprint(s string) (string, error) {
	s = strings.ToLower(s)
	if raw, err := hex.DecodeString(s); err != nil || len(raw) != 32 {
		return "", errors.New("it is not 64 hexadecimal digits")
	}
	return s, nil
}

const reservedName = "coordinator"

// checkName accepts what can be a participant's name, and with it the name of a file.
func checkName(name string) error {
	if strings.EqualFold(name, reservedName) {
		return fmt.Errorf("%q is the coordinator's name", name)
	}
	return protocol.ValidName(name)
}

// nameFault is the fault for a name that checkName does not accept.
func nameFault(err error) error {
	return protocol.Faultf(protocol.CodeUsage, "choose another name", "the participant cannot be called so: %w", err)
}

// Secrets (tokens, the gossip secret) are 128 random bits in lower-case base32.
const secretBytes = 16

var secretEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

func newSecret() string {
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // never fails: the runtime ends the process instead
	return strings.ToLower(secretEncoding.EncodeToString(raw))
}

// parseSecret returns the one spelling of a secret.
func parseSecret(s string) (string, error) {
	raw, err := secretEncoding.DecodeString(strings.ToUpper(s))
	if err != nil || len(raw) != secretBytes {
		return "", errors.New("it is not 26 letters and digits (a to z, 2 to 7)")
	}
	return strings.ToLower(secretEncoding.EncodeToString(raw)), nil
}

// AdvertisedAddr returns the address to print for others when listening on listen:
// where that names no host, this machine's first IPv4 address that is not loopback,
// or 127.0.0.1 if there is none.
func AdvertisedAddr(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
		return listen
	}
	addrs, _ := net.InterfaceAddrs() // none known: loopback it is
	for _, addr := range addrs {
		prefix, err := netip.ParsePrefix(addr.String())
		if err != nil {
			continue
		}
		if ip := prefix.Addr().Unmap(); ip.Is4() && ip.IsGlobalUnicast() {
			return net.JoinHostPort(ip.String(), port)
		}
	}
	return net.JoinHostPort("127.0.0.1", port)
}
