package identity_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gradientlearning/cola/protocol"
	"github.com/gradientlearning/cola/protocol/identity"
)

func TestExpiredCertificate(t *testing.T) {
	c := start(t)
	dir := t.TempDir()
	if err := open(t, dir, "p0").Enroll(t.Context(), c.join(t, "p0")); err != nil {
		t.Fatal(err)
	}
	c.clock.advance(366 * 24 * time.Hour)
	pair := keyPair(t, filepath.Join(dir, "certificate.crt"), filepath.Join(dir, "identity.key"))
	_, err := session(stranger(t, c.addr, pair))
	if fault := wantCode(t, err, protocol.CodeCertificateExpired); fault.Participant != "p0" {
		t.Errorf("the fault names participant %q", fault.Participant)
	}

	late := open(t, dir, "", identity.WithClock(c.clock.now))
	_, err = late.Dial(t.Context(), c.addr)
	wantCode(t, err, protocol.CodeCertificateExpired)

	slow := new(clock)
	slow.advance(-48 * time.Hour)
	_, err = open(t, dir, "", identity.WithClock(slow.now)).Dial(t.Context(), c.addr)
	wantCode(t, err, protocol.CodeCertificateExpired)
}

func TestForeignCertificate(t *testing.T) {
	c, foreign := start(t), start(t)
	c.enrolled(t, "p0")
	dir := t.TempDir()
	if err := open(t, dir, "p0").Enroll(t.Context(), foreign.join(t, "p0")); err != nil {
		t.Fatal(err)
	}
	pair := keyPair(t, filepath.Join(dir, "certificate.crt"), filepath.Join(dir, "identity.key"))
	_, err := session(stranger(t, c.addr, pair))
	wantCode(t, err, protocol.CodeUntrusted)

	// Nor does a foreign certificate for the very key that is enrolled here.
	if err := os.Remove(filepath.Join(dir, "joined.json")); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, "p1").Enroll(t.Context(), c.join(t, "p1")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "joined.json")); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, "p1").Enroll(t.Context(), foreign.join(t, "p1")); err != nil {
		t.Fatal(err)
	}
	pair = keyPair(t, filepath.Join(dir, "certificate.crt"), filepath.Join(dir, "identity.key"))
	_, err = session(stranger(t, c.addr, pair))
	wantCode(t, err, protocol.CodeUntrusted)

	// The answer arrives although much is under way to the coordinator.
	conn := stranger(t, c.addr, pair)
	for range 16 {
		if err := conn.Send(&protocol.Hello{Software: strings.Repeat("x", 1<<15)}); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, receive(t, conn), protocol.CodeUntrusted)

	// The authority's own certificate makes nobody a participant.
	_, err = session(stranger(t, c.addr, keyPair(t, filepath.Join(c.dir, "ca/ca.crt"), filepath.Join(c.dir, "ca/ca.key"))))
	wantCode(t, err, protocol.CodeUntrusted)
}

func TestWithoutCertificate(t *testing.T) {
	c := start(t)
	_, err := session(stranger(t, c.addr))
	wantCode(t, err, protocol.CodeUntrusted)

	conn := stranger(t, c.addr)
	if err := conn.Send(&protocol.Enroll{Token: c.join(t, "").Token, Participant: "p0", Request: []byte("not a request")}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, receive(t, conn), protocol.CodeProtocol)

	conn = stranger(t, c.addr)
	if err := conn.Send(&protocol.Enroll{Token: c.join(t, "").Token, Participant: "../../p0"}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, receive(t, conn), protocol.CodeUsage)

	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "p1"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Clone(request)
	forged[len(forged)-1] ^= 1 // in the signature
	for _, m := range []*protocol.Enroll{
		{Token: c.join(t, "").Token, Participant: "p0", Request: request},
		{Token: c.join(t, "").Token, Participant: "p1", Request: forged},
	} {
		conn = stranger(t, c.addr)
		if err := conn.Send(m); err != nil {
			t.Fatal(err)
		}
		wantCode(t, receive(t, conn), protocol.CodeProtocol)
	}

	if name, err := visit(t.Context(), c.enrolled(t, "p0"), c.addr); name != "p0" {
		t.Errorf("strangers did harm: %q, %v", name, err)
	}
}

// receive returns the fault that the other side sends.
func receive(t *testing.T, conn *protocol.Conn) error {
	t.Helper()
	m, err := conn.Receive()
	if err != nil {
		t.Fatal(err)
	}
	fault, ok := m.(*protocol.Error)
	if !ok {
		t.Fatalf("answered by %T", m)
	}
	return fault.Fault()
}

func TestGarbageIsAnswered(t *testing.T) {
	c := start(t)
	nc, err := tls.Dial("tcp", c.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	conn := protocol.NewConn(nc, protocol.Peer{}, protocol.DefaultLimits())
	defer func() { _ = conn.Close() }()
	if _, err := nc.Write(bytes.Repeat([]byte{0xff}, 4096)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, receive(t, conn), protocol.CodeProtocol)
}

func TestImpersonatedCoordinator(t *testing.T) {
	c, impostor := start(t), start(t)
	id := c.enrolled(t, "p0")
	_, err := id.Dial(t.Context(), impostor.addr)
	wantCode(t, err, protocol.CodeUntrusted)

	join := c.join(t, "p1")
	join.Addr = impostor.addr
	fresh := open(t, t.TempDir(), "")
	wantCode(t, fresh.Enroll(t.Context(), join), protocol.CodeUntrusted)
	if fresh.Enrolled() {
		t.Error("enrolled with an impostor")
	}

	// The folder stays with the authority that it joined.
	wantCode(t, id.Enroll(t.Context(), impostor.join(t, "p0")), protocol.CodeUntrusted)
}

// An impostor whose certificate has expired besides is an impostor all the same.
func TestExpiredImpostor(t *testing.T) {
	past := new(clock)
	past.advance(-200 * 24 * time.Hour)
	impostor, err := identity.OpenAuthority(t.TempDir(), identity.WithClock(past.now))
	if err != nil {
		t.Fatal(err)
	}
	_, err = start(t).enrolled(t, "p0").Dial(t.Context(), serve(t, impostor, quiet()))
	wantCode(t, err, protocol.CodeUntrusted)
}

// Not everything that the right authority signed may answer in the coordinator's
// place: a participant's certificate may not, nor half of a coordinator's.
func TestParticipantAsCoordinator(t *testing.T) {
	c := start(t)
	dir := t.TempDir()
	if err := open(t, dir, "p0").Enroll(t.Context(), c.join(t, "p0")); err != nil {
		t.Fatal(err)
	}
	participant := keyPair(t, filepath.Join(dir, "certificate.crt"), filepath.Join(dir, "identity.key"))
	participant.Certificate = append(participant.Certificate, readDER(t, filepath.Join(dir, "authority.crt")))
	tests := map[string]tls.Certificate{
		"participant": participant,
		"other name":  coordinatorPair(t, c.dir, "p0", x509.ExtKeyUsageServerAuth),
		"other usage": coordinatorPair(t, c.dir, "coordinator.cola", x509.ExtKeyUsageClientAuth),
	}
	for name, pair := range tests {
		t.Run(name, func(t *testing.T) {
			addr, _ := record(t, pair)
			_, err := open(t, dir, "").Dial(t.Context(), addr)
			wantCode(t, err, protocol.CodeUntrusted)
			join := c.join(t, "p2")
			join.Addr = addr
			wantCode(t, open(t, t.TempDir(), "").Enroll(t.Context(), join), protocol.CodeUntrusted)
		})
	}
}

func TestCoordinatorCertificateIsRenewed(t *testing.T) {
	c := start(t, identity.WithValidity(5*365*24*time.Hour))
	id := open(t, t.TempDir(), "p0", identity.WithClock(c.clock.now))
	if err := id.Enroll(t.Context(), c.join(t, "p0")); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		c.clock.advance(80 * 24 * time.Hour)
		if name, err := visit(t.Context(), id, c.addr); name != "p0" {
			t.Fatalf("%q, %v", name, err)
		}
	}
	// A coordinator that does not renew, because its clock stands, is found out.
	fast := new(clock)
	fast.advance(200 * 24 * time.Hour)
	other := start(t)
	err := open(t, t.TempDir(), "p0", identity.WithClock(fast.now)).Enroll(t.Context(), other.join(t, "p0"))
	wantCode(t, err, protocol.CodeCertificateExpired)
}

func TestUnreachable(t *testing.T) {
	c := start(t)
	id := c.enrolled(t, "p0")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { // something that is not a coordinator
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(nc, "220 mail.example ready\r\n")
			_ = nc.Close()
		}
	}()
	_, err = id.Dial(t.Context(), l.Addr().String())
	wantCode(t, err, protocol.CodeUnreachable)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = id.Dial(t.Context(), l.Addr().String())
	wantCode(t, err, protocol.CodeUnreachable)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = id.Dial(ctx, c.addr)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestListenFaults(t *testing.T) {
	c := start(t)
	tests := []struct {
		addr string
		code protocol.Code
	}{
		{c.addr, protocol.CodePortInUse},
		{"192.0.2.1:7433", protocol.CodePortInUse},
		{"127.0.0.1", protocol.CodeUsage},
		{"127.0.0.1:no-such-service", protocol.CodeUsage},
		{"127.0.0.1:99999", protocol.CodeUsage},
	}
	for _, tt := range tests {
		_, err := c.Listen(tt.addr, quiet())
		if fault := wantCode(t, err, tt.code); !bytes.Contains([]byte(fault.Cause), []byte(tt.addr)) {
			t.Errorf("the cause does not name %s: %v", tt.addr, fault)
		}
	}
	_, err := c.Listen("127.0.0.1:0", identity.ListenConfig{})
	wantCode(t, err, protocol.CodeUsage)
}

// Strangers that say nothing are cut off, and meanwhile hold up others no longer.
func TestSilentStrangers(t *testing.T) {
	c := start(t)
	id := c.enrolled(t, "p0")
	cfg := quiet()
	cfg.HandshakeTimeout, cfg.MaxPending = time.Second, 1
	addr := serve(t, c.Authority, cfg)

	beforeTLS, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = beforeTLS.Close() }()
	if n, err := beforeTLS.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("a silent stranger was told %d bytes, %v", n, err)
	}

	afterTLS := stranger(t, addr) // waits for the slot, shakes hands, is silent
	if name, err := visit(t.Context(), id, addr); name != "p0" {
		t.Errorf("%q, %v", name, err)
	}
	if m, err := afterTLS.Receive(); err == nil {
		if _, ok := m.(*protocol.Error); !ok {
			t.Errorf("a silent stranger was answered by %T", m)
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	c := start(t)
	id := c.enrolled(t, "p0")
	l, err := c.Listen("127.0.0.1:0", quiet())
	if err != nil {
		t.Fatal(err)
	}
	silent, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	waiting, err := id.Dial(t.Context(), l.Addr()) // authenticated, never accepted
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = waiting.Close() }()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
	if _, err := waiting.Receive(); err == nil {
		t.Error("a connection outlived the listener that never yielded it")
	}
}
