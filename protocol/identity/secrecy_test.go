package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/gradientlearning/cola/protocol"
)

// Whatever a participant sends, inside TLS and outside, its key is not in it.
func TestKeyNeverLeaves(t *testing.T) {
	c := start(t)
	dir := t.TempDir()
	id := open(t, dir, "")
	join := c.join(t, "p0")

	pair := coordinatorPair(t, c.dir, "coordinator.cola", x509.ExtKeyUsageServerAuth)
	inside, sent := record(t, pair)
	spied := join
	spied.Addr = inside
	wantCode(t, id.Enroll(t.Context(), spied), protocol.CodeUnreachable)
	plain := sent()
	if !bytes.Contains(plain, []byte(join.Token)) {
		t.Fatal("the token is not in what was recorded: the test sees nothing")
	}
	if err := id.Enroll(t.Context(), join); err != nil {
		t.Fatal(err)
	}
	inside, sent = record(t, pair)
	if conn, err := id.Dial(t.Context(), inside); err == nil {
		_, _ = session(conn)
	}
	plain = append(plain, sent()...)

	pkcs8 := readDER(t, filepath.Join(dir, "identity.key"))
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		t.Fatal(err)
	}
	seed := key.(ed25519.PrivateKey).Seed()
	for form, secret := range map[string][]byte{
		"seed": seed, "first half": seed[:16], "second half": seed[16:],
		"base64": []byte(base64.StdEncoding.EncodeToString(seed)), "hex": []byte(hex.EncodeToString(seed)),
		"PEM": []byte(base64.StdEncoding.EncodeToString(pkcs8)),
	} {
		if bytes.Contains(plain, secret) {
			t.Errorf("the private key (%s) left the machine", form)
		}
	}
}

// coordinatorPair makes a coordinator's certificate from the authority's folder.
func coordinatorPair(t *testing.T, dir, dns string, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	authority := keyPair(t, filepath.Join(dir, "ca/ca.crt"), filepath.Join(dir, "ca/ca.key"))
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{dns},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{usage},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority.Leaf, public, authority.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, authority.Certificate[0]}, PrivateKey: key}
}

// record is a TLS endpoint for one connection that keeps what it is sent, decrypted,
// and hangs up when the other side has sent something or gone.
func record(t *testing.T, pair tls.Certificate) (addr string, sent func() []byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan []byte, 1)
	go func() {
		var all bytes.Buffer
		defer func() { result <- all.Bytes() }()
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			nc := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert})
			_ = raw.SetReadDeadline(time.Now().Add(10 * time.Second))
			first := make([]byte, 1<<16)
			n, err := nc.Read(first)
			all.Write(first[:n])
			if err == nil { // the rest; then the other side waits for an answer that never comes
				_ = raw.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
				_, _ = io.Copy(&all, nc)
			}
			_ = nc.Close()
		}
	}()
	var recorded []byte
	sent = func() []byte {
		if l.Close() == nil {
			recorded = <-result
		}
		return recorded
	}
	t.Cleanup(func() { sent() })
	return l.Addr().String(), sent
}
