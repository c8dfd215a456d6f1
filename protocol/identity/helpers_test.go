package identity_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gradientlearning/cola/protocol"
	"github.com/gradientlearning/cola/protocol/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is the real time with an offset that a test sets.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// coordinator is an authority that listens on loopback and answers every Hello by a
// Bye with the participant's authenticated name.
type coordinator struct {
	*identity.Authority
	dir, addr string
	clock     *clock
}

func start(t *testing.T, opts ...identity.Option) *coordinator {
	t.Helper()
	return startIn(t, t.TempDir(), opts...)
}

func startIn(t *testing.T, dir string, opts ...identity.Option) *coordinator {
	t.Helper()
	c := &coordinator{dir: dir, clock: new(clock)}
	var err error
	c.Authority, err = identity.OpenAuthority(dir, append(opts, identity.WithClock(c.clock.now))...)
	if err != nil {
		t.Fatal(err)
	}
	c.addr = serve(t, c.Authority, quiet())
	return c
}

// quiet is the default configuration without its log.
func quiet() identity.ListenConfig {
	cfg := identity.DefaultListenConfig()
	cfg.Logger = slog.New(slog.DiscardHandler)
	return cfg
}

func serve(t *testing.T, a *identity.Authority, cfg identity.ListenConfig) (addr string) {
	t.Helper()
	l, err := a.Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := conn.Receive(); err == nil {
				_ = conn.Send(&protocol.Bye{Reason: conn.Peer().Name})
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return l.Addr()
}

// join returns a join line's content with a new token.
func (c *coordinator) join(t *testing.T, name string) identity.Join {
	t.Helper()
	token, err := c.Invite(name, 0)
	if err != nil {
		t.Fatal(err)
	}
	return identity.Join{Addr: c.addr, Token: token, Authority: c.Fingerprint(), Name: name}
}

// enrolled returns an identity in a new folder that has joined.
func (c *coordinator) enrolled(t *testing.T, name string) *identity.Identity {
	t.Helper()
	id := open(t, t.TempDir(), name)
	if err := id.Enroll(t.Context(), c.join(t, name)); err != nil {
		t.Fatal(err)
	}
	return id
}

func open(t *testing.T, dir, name string, opts ...identity.Option) *identity.Identity {
	t.Helper()
	id, err := identity.OpenIdentity(dir, name, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// session says Hello over a connection and returns the name that the coordinator
// knows the peer by, or the fault that it sent.
func session(conn *protocol.Conn) (string, error) {
	defer func() { _ = conn.Close() }()
	if err := conn.Send(&protocol.Hello{MinVersion: 2, MaxVersion: 2}); err != nil {
		return "", err
	}
	reply, err := conn.Receive()
	if err != nil {
		return "", err
	}
	switch m := reply.(type) {
	case *protocol.Bye:
		return m.Reason, nil
	case *protocol.Error:
		return "", m.Fault()
	default:
		return "", protocol.Faultf(protocol.CodeProtocol, "", "unexpected %T", m)
	}
}

func visit(ctx context.Context, id *identity.Identity, addr string) (string, error) {
	conn, err := id.Dial(ctx, addr)
	if err != nil {
		return "", err
	}
	return session(conn)
}

// stranger connects with TLS that trusts anybody and shows certificates as it likes.
func stranger(t *testing.T, addr string, certificates ...tls.Certificate) *protocol.Conn {
	t.Helper()
	nc, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, Certificates: certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return protocol.NewConn(nc, protocol.Peer{Addr: addr}, protocol.DefaultLimits())
}

// keyPair reads what an identity or authority keeps on disk.
func keyPair(t *testing.T, certificate, key string) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func readDER(t *testing.T, path string) []byte {
	t.Helper()
	block, _ := pem.Decode(readFile(t, path))
	if block == nil {
		t.Fatalf("%s is not PEM", path)
	}
	return block.Bytes
}

func readCertificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(readDER(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantCode fails unless err is a fault with this code that says how to mend it.
func wantCode(t *testing.T, err error, code protocol.Code) *protocol.Fault {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want code %q", code)
	}
	fault := protocol.AsFault(err)
	if fault.Code != code {
		t.Fatalf("code %q, want %q: %v", fault.Code, code, err)
	}
	if fault.Fix == "" || fault.Cause == "" {
		t.Fatalf("the fault does not say what to do: %v", err)
	}
	return fault
}

// checkModes fails for every file or folder in dir that others may read.
func checkModes(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatalf("there is no file in %s", dir)
	}
}
