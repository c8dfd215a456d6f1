package identity

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gradientlearning/cola/protocol"
)

// dialPatience bounds connecting and the TLS handshake, enrolPatience the exchange of
// a token for a certificate after it; a sooner end of the context counts.
const (
	dialPatience  = 15 * time.Second
	enrolPatience = 30 * time.Second
)

// Enroll exchanges the join line's token for a certificate and saves it with the
// authority, which it recognises by the fingerprint in the line. Only the public key
// and the name are sent.
//
// It may be called with the same line at every start: it does nothing where that line's
// token has been redeemed and the certificate is valid still, and asks again where a
// crash came between. With a new line of the same authority it renews the certificate.
func (i *Identity) Enroll(ctx context.Context, join Join) error {
	name, err := i.nameFor(join)
	if err != nil {
		return err
	}
	if i.Enrolled() && i.joined.Token == tokenHash(join.Token) {
		return nil
	}
	if i.authority != nil && fingerprint(i.authority.Raw) != join.Authority {
		return protocol.Faultf(protocol.CodeUntrusted,
			"join with another state folder, or, if the coordinator lost its authority, move "+i.dir+" away",
			"the state folder %s joined another authority (%.16s…) than the join line's (%.16s…)",
			i.dir, fingerprint(i.authority.Raw), join.Authority)
	}
	request, err := i.request(name)
	if err != nil {
		return err
	}
	answer, authority, err := i.exchange(ctx, join, &protocol.Enroll{Token: join.Token, Participant: name, Request: request})
	if err != nil {
		return err
	}
	cert, err := i.accept(answer, authority, name)
	if err != nil {
		return protocol.Faultf(protocol.CodeProtocol, "use the same version of cola on both machines",
			"the coordinator's answer to joining is not valid: %w", err)
	}
	return i.save(name, cert, authority, join)
}

// nameFor returns the name to enrol under.
func (i *Identity) nameFor(join Join) (string, error) {
	switch {
	case i.name == "" && join.Name == "":
		return "", protocol.Faultf(protocol.CodeUsage, "give --name NAME", "the join line leaves the participant's name open")
	case i.name != "" && join.Name != "" && i.name != join.Name:
		return "", protocol.Faultf(protocol.CodeNameMismatch,
			"leave out --name, or ask for a join line for "+i.name+" (cola invite)",
			"the join line is for %s, not for %s", join.Name, i.name)
	case i.name != "":
		return i.name, nil
	default:
		return join.Name, nil
	}
}

// request is a PKCS #10 request: the public key and the name, signed with the key.
func (i *Identity) request(name string) ([]byte, error) {
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, i.key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate request: %w", err)
	}
	return der, nil
}

// exchange sends the request to the coordinator whose authority the join line pins.
func (i *Identity) exchange(ctx context.Context, join Join, request *protocol.Enroll) (*protocol.Enrolled, *x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, enrolPatience)
	defer cancel()
	var authority *x509.Certificate
	nc, err := dial(ctx, join.Addr, &tls.Config{
		VerifyConnection: func(state tls.ConnectionState) (err error) {
			if authority, err = pinned(state.PeerCertificates, join); err != nil {
				return err
			}
			return checkCoordinator(state.PeerCertificates[0], authority, i.clock())
		},
	})
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	conn := protocol.NewConn(nc, protocol.Peer{Name: reservedName, Addr: join.Addr}, protocol.EnrollLimits())
	defer func() { _ = conn.Close() }()
	if err := conn.Send(request); err != nil {
		return nil, nil, broken(ctx, join.Addr, err)
	}
	reply, err := conn.Receive()
	if err != nil {
		return nil, nil, broken(ctx, join.Addr, err)
	}
	switch m := reply.(type) {
	case *protocol.Enrolled:
		return m, authority, nil
	case *protocol.Error:
		return nil, nil, m.Fault()
	default:
		return nil, nil, protocol.Faultf(protocol.CodeProtocol, "use the same version of cola on both machines",
			"the coordinator answered joining with %v", m.Kind())
	}
}

// pinned finds the authority of the join line in the chain that the coordinator sent.
func pinned(chain []*x509.Certificate, join Join) (*x509.Certificate, error) {
	for _, cert := range chain {
		if fingerprint(cert.Raw) == join.Authority {
			return cert, nil
		}
	}
	return nil, protocol.Faultf(protocol.CodeUntrusted,
		"check the address and ask whoever runs the coordinator for a new join line; "+
			"if the line is right, somebody may be answering in the coordinator's place",
		"what answers at %s is not the coordinator of the join line: its authority is another than %.16s…",
		join.Addr, join.Authority)
}

// accept returns the certificate that the coordinator made, if it is what was asked.
func (i *Identity) accept(answer *protocol.Enrolled, authority *x509.Certificate, name string) (*x509.Certificate, error) {
	if fingerprint(answer.Authority) != fingerprint(authority.Raw) {
		return nil, errors.New("it names another authority")
	}
	cert, err := x509.ParseCertificate(answer.Certificate)
	if err != nil {
		return nil, err
	}
	if got := cert.Subject.CommonName; got != name {
		return nil, fmt.Errorf("the certificate is for %q", got)
	}
	return cert, i.checkOwn(cert, authority)
}

// save keeps what joining gave, joined.json last: a crash before it joins again, with
// the same token and key.
func (i *Identity) save(name string, cert, authority *x509.Certificate, join Join) error {
	record := joined{Addr: join.Addr, Token: tokenHash(join.Token), Gossip: join.Gossip}
	data, err := encodeRecord(record)
	if err != nil {
		return err
	}
	if err := writeFile(i.path(authorityCertFile), encodeCertificate(authority.Raw)); err != nil {
		return err
	}
	if err := writeFile(i.path(certificateFile), encodeCertificate(cert.Raw)); err != nil {
		return err
	}
	if err := writeFile(i.path(joinedFile), data); err != nil {
		return err
	}
	i.name, i.cert, i.authority, i.joined = name, cert, authority, record
	return nil
}

// Dial connects to the coordinator at addr, which must be of the authority that the
// identity joined, and proves who the participant is. What the coordinator thinks of
// the certificate it says in an [protocol.Error] at the first Receive.
func (i *Identity) Dial(ctx context.Context, addr string) (*protocol.Conn, error) {
	if i.cert == nil {
		return nil, protocol.Faultf(protocol.CodeUsage, "give --join with the line that cola invite prints",
			"the state folder %s has not joined a job", i.dir)
	}
	if err := i.checkValid(); err != nil {
		return nil, err
	}
	own := &tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: i.key, Leaf: i.cert}
	nc, err := dial(ctx, addr, &tls.Config{
		// Sent whatever authorities the other side hints at: it answers in words.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil },
		VerifyConnection: func(state tls.ConnectionState) error {
			return checkCoordinator(state.PeerCertificates[0], i.authority, i.clock())
		},
	})
	if err != nil {
		return nil, err
	}
	return protocol.NewConn(nc, protocol.Peer{Name: reservedName, Addr: addr}, protocol.DefaultLimits()), nil
}

// dial connects and shakes hands; cfg brings VerifyConnection, which replaces the
// standard verification by the pinned authority and faults that people can read.
func dial(ctx context.Context, addr string, cfg *tls.Config) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		if ctx.Err() == context.Canceled {
			return nil, fmt.Errorf("dial %s: %w", addr, ctx.Err())
		}
		return nil, protocol.Faultf(protocol.CodeUnreachable,
			"check that the coordinator is running, that the address is right and that no firewall is in between",
			"no coordinator can be reached at %s: %w", addr, err)
	}
	cfg.MinVersion = tls.VersionTLS13
	cfg.ServerName = coordinatorName
	cfg.InsecureSkipVerify = true // VerifyConnection verifies
	nc := tls.Client(raw, cfg)
	if err := nc.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		if _, ok := errors.AsType[*protocol.Fault](err); ok {
			return nil, err
		}
		return nil, broken(ctx, addr, err)
	}
	return nc, nil
}

// broken explains a connection that ended before what it was for was done.
func broken(ctx context.Context, addr string, err error) error {
	if ctx.Err() == context.Canceled {
		return fmt.Errorf("connection to %s: %w", addr, ctx.Err())
	}
	if _, ok := errors.AsType[*protocol.Fault](err); ok {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it closed the connection")
	}
	return protocol.Faultf(protocol.CodeUnreachable,
		"check that the address is the coordinator's and that nothing in between changes the connection, then try again",
		"what answers at %s ends the connection early: %w", addr, err)
}
