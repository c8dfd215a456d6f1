package identity_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/protocol"
	"github.com/gradientlearning/cola/protocol/identity"
)

func TestEnrolAndDial(t *testing.T) {
	c := start(t)
	names, err := c.Enrolled()
	if err != nil || len(names) != 0 {
		t.Errorf("enrolled before anybody was: %q, %v", names, err)
	}
	dir := filepath.Join(t.TempDir(), "identity")
	id := open(t, dir, "")
	if id.Enrolled() || id.Name() != "" || id.Joined() != (identity.Join{}) {
		t.Errorf("a new identity says that it joined %+v as %q", id.Joined(), id.Name())
	}
	_, err = id.Dial(t.Context(), c.addr)
	wantCode(t, err, protocol.CodeUsage)

	join := c.join(t, "p0")
	join.Gossip = "abcdefghijklmnopqrstuvwxya"
	if err := id.Enroll(t.Context(), join); err != nil {
		t.Fatal(err)
	}
	checkModes(t, dir)
	for _, id := range []*identity.Identity{id, open(t, dir, "p0"), open(t, dir, "")} {
		name, err := visit(t.Context(), id, c.addr)
		if err != nil || name != "p0" || id.Name() != "p0" || !id.Enrolled() {
			t.Errorf("the coordinator knows %q as %q: %v", id.Name(), name, err)
		}
		want := identity.Join{Addr: c.addr, Authority: c.Fingerprint(), Name: "p0", Gossip: join.Gossip}
		if diff := cmp.Diff(want, id.Joined()); diff != "" {
			t.Error(diff)
		}
	}
	c.enrolled(t, "p")
	c.enrolled(t, "p-1")
	names, err = c.Enrolled()
	if diff := cmp.Diff([]string{"p", "p-1", "p0"}, names); diff != "" || err != nil {
		t.Errorf("enrolled %s, %v", diff, err)
	}
	_, err = identity.OpenIdentity(dir, "p1")
	wantCode(t, err, protocol.CodeNameMismatch)
	_, err = identity.OpenIdentity(t.TempDir(), "a/b")
	wantCode(t, err, protocol.CodeUsage)
}

func TestTokenRefused(t *testing.T) {
	c := start(t)
	dir := t.TempDir()
	id := open(t, dir, "p0")
	good := c.join(t, "")

	wrong := good
	wrong.Token = "abcdefghijklmnopqrstuvwxya"
	wantCode(t, id.Enroll(t.Context(), wrong), protocol.CodeTokenRefused)
	wrong.Token = "not a token"
	wantCode(t, id.Enroll(t.Context(), wrong), protocol.CodeTokenRefused)
	if id.Enrolled() {
		t.Error("a refused participant is enrolled")
	}

	if err := id.Enroll(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "joined.json")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, open(t, dir, "p9").Enroll(t.Context(), good), protocol.CodeTokenRefused) // the same key, another name
	fault := wantCode(t, open(t, t.TempDir(), "p1").Enroll(t.Context(), good), protocol.CodeTokenRefused)
	if fault.Participant != "p1" {
		t.Errorf("the fault names participant %q", fault.Participant)
	}

	late := c.join(t, "")
	c.clock.advance(8 * 24 * time.Hour)
	wantCode(t, open(t, t.TempDir(), "p2").Enroll(t.Context(), late), protocol.CodeTokenRefused)

	short, err := c.Invite("", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c.clock.advance(2 * time.Hour)
	late.Token = short
	wantCode(t, open(t, t.TempDir(), "p2").Enroll(t.Context(), late), protocol.CodeTokenRefused)
}

func TestTokenBoundToName(t *testing.T) {
	c := start(t)
	join := c.join(t, "p0")
	other := open(t, t.TempDir(), "p1")
	wantCode(t, other.Enroll(t.Context(), join), protocol.CodeNameMismatch) // found here
	join.Name = ""
	wantCode(t, other.Enroll(t.Context(), join), protocol.CodeNameMismatch) // found there
	wantCode(t, open(t, t.TempDir(), "").Enroll(t.Context(), join), protocol.CodeUsage)
	if err := open(t, t.TempDir(), "p0").Enroll(t.Context(), join); err != nil {
		t.Errorf("the refusals used the token up: %v", err)
	}
}

// A participant killed after its token was consumed and before it had its certificate
// comes back with its key and the same line, perhaps to a restarted coordinator.
func TestEnrolAgainAfterCrash(t *testing.T) {
	c := start(t)
	dir := t.TempDir()
	join := c.join(t, "p0")
	if err := open(t, dir, "").Enroll(t.Context(), join); err != nil {
		t.Fatal(err)
	}
	for _, lost := range []string{"joined.json", "certificate.crt", "authority.crt"} {
		if err := os.Remove(filepath.Join(dir, lost)); err != nil {
			t.Fatal(err)
		}
		restarted := startIn(t, c.dir)
		join.Addr = restarted.addr
		id, err := identity.OpenIdentity(dir, "")
		if lost != "joined.json" { // not what a crash leaves, and mended as the fault says
			wantCode(t, err, protocol.CodeStateLost)
			if err := os.Remove(filepath.Join(dir, "joined.json")); err != nil {
				t.Fatal(err)
			}
			id = open(t, dir, "")
		} else if err != nil {
			t.Fatal(err)
		}
		if id.Enrolled() {
			t.Fatalf("enrolled without %s", lost)
		}
		if err := id.Enroll(t.Context(), join); err != nil {
			t.Fatalf("without %s: %v", lost, err)
		}
		if name, err := visit(t.Context(), id, restarted.addr); name != "p0" {
			t.Errorf("without %s: %q, %v", lost, name, err)
		}
	}
	// The coordinator was killed between its two records.
	for _, lost := range []string{filepath.Join(c.dir, "enrolled/p0.json"), filepath.Join(dir, "joined.json")} {
		if err := os.Remove(lost); err != nil {
			t.Fatal(err)
		}
	}
	join.Addr = c.addr
	wantCode(t, open(t, t.TempDir(), "p0").Enroll(t.Context(), join), protocol.CodeTokenRefused)
	id := open(t, dir, "")
	if err := id.Enroll(t.Context(), join); err != nil {
		t.Fatal(err)
	}
	if name, err := visit(t.Context(), id, c.addr); name != "p0" {
		t.Errorf("half enrolled: %q, %v", name, err)
	}
	join.Addr = "127.0.0.1:1" // nobody is asked when there is nothing to ask for
	if err := open(t, dir, "").Enroll(t.Context(), join); err != nil {
		t.Errorf("the same line at the next start: %v", err)
	}
}

// cola invite is another process than the coordinator.
func TestInvitationFromAnotherProcess(t *testing.T) {
	c := start(t)
	other, err := identity.OpenAuthority(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := other.Invite("p0", 0)
	if err != nil {
		t.Fatal(err)
	}
	join := identity.Join{Addr: c.addr, Token: token, Authority: other.Fingerprint(), Name: "p0"}
	if err := open(t, t.TempDir(), "").Enroll(t.Context(), join); err != nil {
		t.Error(err)
	}
}

func TestNameTaken(t *testing.T) {
	c := start(t)
	owner := c.enrolled(t, "p0")
	join := c.join(t, "")
	dir := t.TempDir()
	fault := wantCode(t, open(t, dir, "p0").Enroll(t.Context(), join), protocol.CodeNameTaken)
	if fault.Participant != "p0" {
		t.Errorf("the fault names participant %q", fault.Participant)
	}
	if err := open(t, dir, "p1").Enroll(t.Context(), join); err != nil {
		t.Errorf("the refusal used the token up: %v", err)
	}
	if name, err := visit(t.Context(), owner, c.addr); name != "p0" {
		t.Errorf("the owner is now %q: %v", name, err)
	}
}

func TestRenewal(t *testing.T) {
	c := start(t, identity.WithValidity(24*time.Hour))
	dir := t.TempDir()
	id := open(t, dir, "p0", identity.WithClock(c.clock.now))
	old := c.join(t, "p0")
	if err := id.Enroll(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	c.clock.advance(48 * time.Hour)
	if id.Enrolled() {
		t.Error("enrolled with an expired certificate")
	}
	_, err := id.Dial(t.Context(), c.addr)
	wantCode(t, err, protocol.CodeCertificateExpired)
	if err := id.Enroll(t.Context(), c.join(t, "p0")); err != nil {
		t.Fatal(err)
	}
	id = open(t, dir, "", identity.WithClock(c.clock.now))
	if name, err := visit(t.Context(), id, c.addr); name != "p0" || !id.Enrolled() {
		t.Errorf("after renewal: %q, %v", name, err)
	}
}

func TestCertificateNeverOutlivesAuthority(t *testing.T) {
	c := start(t, identity.WithValidity(50*365*24*time.Hour))
	dir := t.TempDir()
	if err := open(t, dir, "p0").Enroll(t.Context(), c.join(t, "p0")); err != nil {
		t.Fatal(err)
	}
	leaf := readCertificate(t, filepath.Join(dir, "certificate.crt"))
	authority := readCertificate(t, filepath.Join(dir, "authority.crt"))
	if !leaf.NotAfter.Equal(authority.NotAfter) {
		t.Errorf("the certificate is valid until %v, its authority until %v", leaf.NotAfter, authority.NotAfter)
	}
}

func TestForget(t *testing.T) {
	c := start(t)
	dir := t.TempDir()
	join := c.join(t, "")
	id := open(t, dir, "p0")
	if err := id.Enroll(t.Context(), join); err != nil {
		t.Fatal(err)
	}
	spare := c.join(t, "p0")
	other := c.enrolled(t, "p1")
	if err := c.Forget("p0"); err != nil {
		t.Fatal(err)
	}
	names, err := c.Enrolled()
	if diff := cmp.Diff([]string{"p1"}, names); diff != "" || err != nil {
		t.Errorf("enrolled %s, %v", diff, err)
	}
	_, err = visit(t.Context(), id, c.addr)
	wantCode(t, err, protocol.CodeUntrusted)
	if err := os.Remove(filepath.Join(dir, "joined.json")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, open(t, dir, "p0").Enroll(t.Context(), join), protocol.CodeTokenRefused)
	wantCode(t, open(t, dir, "p0").Enroll(t.Context(), spare), protocol.CodeTokenRefused)
	if name, err := visit(t.Context(), other, c.addr); name != "p1" {
		t.Errorf("another participant was forgotten too: %q, %v", name, err)
	}

	successor := c.enrolled(t, "p0")
	if name, err := visit(t.Context(), successor, c.addr); name != "p0" {
		t.Errorf("the name cannot be enrolled again: %q, %v", name, err)
	}
	_, err = visit(t.Context(), id, c.addr)
	wantCode(t, err, protocol.CodeUntrusted)

	if err := c.Forget("nobody"); err != nil {
		t.Error(err)
	}
	wantCode(t, c.Forget("../ca/ca"), protocol.CodeUsage)
}

func TestIdentityBroken(t *testing.T) {
	c := start(t)
	dir := t.TempDir()
	if err := open(t, dir, "p0").Enroll(t.Context(), c.join(t, "p0")); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := open(t, other, "p1").Enroll(t.Context(), start(t).join(t, "p1")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, file string
		content    []byte // nil: the file is removed
		code       protocol.Code
	}{
		{"key gone", "identity.key", nil, protocol.CodeStateLost},
		{"key garbage", "identity.key", []byte("x"), protocol.CodeStateCorrupt},
		{"another's key", "identity.key", readFile(t, filepath.Join(other, "identity.key")), protocol.CodeStateCorrupt},
		{"certificate garbage", "certificate.crt", []byte("x"), protocol.CodeStateCorrupt},
		{"another authority", "authority.crt", readFile(t, filepath.Join(other, "authority.crt")), protocol.CodeStateCorrupt},
		{"record garbage", "joined.json", []byte("x"), protocol.CodeStateCorrupt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, tt.file)
			saved := readFile(t, path)
			defer writeFile(t, path, saved)
			if tt.content == nil {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				writeFile(t, path, tt.content)
			}
			_, err := identity.OpenIdentity(dir, "")
			wantCode(t, err, tt.code)
		})
	}
	if _, err := visit(t.Context(), open(t, dir, ""), c.addr); err != nil {
		t.Errorf("restored, it does not work: %v", err)
	}
}
