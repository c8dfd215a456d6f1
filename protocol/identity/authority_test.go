package identity_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gradientlearning/cola/protocol"
	"github.com/gradientlearning/cola/protocol/identity"
)

func TestAuthorityIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "authority")
	first, err := identity.OpenAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := identity.OpenAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first.Fingerprint() != second.Fingerprint() || len(first.Fingerprint()) != 64 {
		t.Errorf("fingerprints %q and %q", first.Fingerprint(), second.Fingerprint())
	}
	other, err := identity.OpenAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if other.Fingerprint() == first.Fingerprint() {
		t.Error("two authorities have the same fingerprint")
	}
	if _, err := first.Invite("p0", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := first.GossipSecret(); err != nil {
		t.Fatal(err)
	}
	checkModes(t, dir)
}

// cola invite and the coordinator may both be the first to open the folder.
func TestAuthorityIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	prints := make([]string, 8)
	var wg sync.WaitGroup
	for i := range prints {
		wg.Go(func() {
			a, err := identity.OpenAuthority(dir)
			if err != nil {
				t.Error(err)
				return
			}
			prints[i] = a.Fingerprint()
		})
	}
	wg.Wait()
	for _, p := range prints {
		if p != prints[0] || p == "" {
			t.Fatalf("the processes have different authorities: %q", prints)
		}
	}
	leftovers, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(leftovers) > 0 {
		t.Errorf("left behind: %v %v", leftovers, err)
	}
}

func TestAuthorityBroken(t *testing.T) {
	other := t.TempDir()
	if _, err := identity.OpenAuthority(other); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		harm  func(dir string) error
		after time.Duration
		code  protocol.Code
		names string // must be in the message
	}{
		{"key is garbage", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "ca/ca.key"), []byte("garbage"), 0o600)
		}, 0, protocol.CodeStateCorrupt, "ca.key"},
		{"key is PEM of garbage", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "ca/ca.key"), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), 0o600)
		}, 0, protocol.CodeStateCorrupt, "ca.key"},
		{"key is readable by others", func(dir string) error {
			return os.Chmod(filepath.Join(dir, "ca/ca.key"), 0o644)
		}, 0, protocol.CodeStateCorrupt, "chmod 600"},
		{"key is gone", func(dir string) error {
			return os.Remove(filepath.Join(dir, "ca/ca.key"))
		}, 0, protocol.CodeStateLost, "ca.key"},
		{"certificate is cut short", func(dir string) error {
			return os.Truncate(filepath.Join(dir, "ca/ca.crt"), 100)
		}, 0, protocol.CodeStateCorrupt, "ca.crt"},
		{"certificate is PEM of garbage", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "ca/ca.crt"), []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0o600)
		}, 0, protocol.CodeStateCorrupt, "ca.crt"},
		{"certificate is another authority's", func(dir string) error {
			data, err := os.ReadFile(filepath.Join(other, "ca/ca.crt"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "ca/ca.crt"), data, 0o600)
		}, 0, protocol.CodeStateCorrupt, "ca.crt"},
		{"authority is gone, invitations are there", func(dir string) error {
			return os.RemoveAll(filepath.Join(dir, "ca"))
		}, 0, protocol.CodeStateLost, "backup"},
		{"ten years later", func(string) error { return nil }, 11 * 365 * 24 * time.Hour, protocol.CodeCertificateExpired, "new authority"},
		{"before it was made", func(string) error { return nil }, -48 * time.Hour, protocol.CodeCertificateExpired, "clock"},
		{"folder is a file", func(dir string) error {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			return os.WriteFile(dir, nil, 0o600)
		}, 0, protocol.CodeDiskFull, "cannot write"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "authority")
			a, err := identity.OpenAuthority(dir)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Invite("", 0); err != nil {
				t.Fatal(err)
			}
			if err := tt.harm(dir); err != nil {
				t.Fatal(err)
			}
			c := new(clock)
			c.advance(tt.after)
			_, err = identity.OpenAuthority(dir, identity.WithClock(c.now))
			fault := wantCode(t, err, tt.code)
			if !strings.Contains(fault.Error(), tt.names) {
				t.Errorf("the message does not name %q: %v", tt.names, fault)
			}
		})
	}
}

func TestGossipSecret(t *testing.T) {
	dir := t.TempDir()
	a, err := identity.OpenAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, err := a.GossipSecret()
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.GossipSecret()
	if err != nil || second != first || len(first) != 26 {
		t.Errorf("secrets %q and %q, error %v", first, second, err)
	}
	writeFile(t, filepath.Join(dir, "gossip.key"), []byte("short\n"))
	_, err = a.GossipSecret()
	wantCode(t, err, protocol.CodeStateCorrupt)
}

func TestInvite(t *testing.T) {
	c := start(t)
	for range 3 {
		token := c.join(t, "p0").Token
		entries, err := os.ReadDir(filepath.Join(c.dir, "tokens"))
		if err != nil || len(entries) == 0 {
			t.Fatal(entries, err)
		}
		for _, entry := range entries {
			content := string(readFile(t, filepath.Join(c.dir, "tokens", entry.Name())))
			if strings.Contains(content+entry.Name(), token) {
				t.Fatalf("the token %s is on disk in %s", token, entry.Name())
			}
		}
	}
	_, err := c.Invite("../p0", 0)
	wantCode(t, err, protocol.CodeUsage)
	_, err = c.Invite("Coordinator", 0)
	wantCode(t, err, protocol.CodeUsage)
	_, err = c.Invite("p0", -time.Second)
	wantCode(t, err, protocol.CodeUsage)
}

func TestExpiredInvitationsAreRemovedLate(t *testing.T) {
	c := start(t)
	c.enrolled(t, "p0") // leaves an invitation and its redemption
	count := func() int {
		t.Helper()
		entries, err := os.ReadDir(filepath.Join(c.dir, "tokens"))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	c.clock.advance(8 * 24 * time.Hour)
	c.join(t, "p1")
	if got := count(); got != 3 {
		t.Errorf("%d files a day after expiry, want 3", got)
	}
	c.clock.advance(30 * 24 * time.Hour)
	c.join(t, "p2")
	if got := count(); got != 2 {
		t.Errorf("%d files a month after expiry, want 2", got)
	}
}
