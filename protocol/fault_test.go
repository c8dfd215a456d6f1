package protocol_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gradientlearning/cola/protocol"
)

func TestExitStatuses(t *testing.T) {
	seen := map[int]protocol.Code{}
	for _, code := range []protocol.Code{
		protocol.CodeUsage, protocol.CodeBadJob, protocol.CodeJobMismatch, protocol.CodeBadData, protocol.CodeTokenRefused,
		protocol.CodeCertificateExpired, protocol.CodeNameMismatch, protocol.CodeNameTaken, protocol.CodeUntrusted, protocol.CodeJobFull,
		protocol.CodeDiskFull, protocol.CodeStateCorrupt, protocol.CodeStateLocked, protocol.CodeStateLost, protocol.CodePortInUse,
		protocol.CodeUnreachable, protocol.CodeVersion, protocol.CodeProtocol, protocol.CodeDiverged, protocol.CodeVerifyFailed, protocol.CodeInternal,
	} {
		status := code.ExitStatus()
		if status < 1 || status > 125 {
			t.Errorf("%s: exit status %d is not a command's own", code, status)
		}
		if other, taken := seen[status]; taken {
			t.Errorf("%s and %s both exit with %d", code, other, status)
		}
		seen[status] = code
	}
	if protocol.Code("unheard-of").ExitStatus() != protocol.CodeInternal.ExitStatus() {
		t.Error("an unknown code does not exit as an internal one")
	}
}

func TestFault(t *testing.T) {
	f := protocol.Faultf(protocol.CodeDiskFull, "make room", "write %s: %w", "commit", io.ErrShortWrite)
	f.Participant, f.Round = "ada", 7
	if got := f.Error(); got != "participant ada: round 7: write commit: short write [disk-full]; to mend it: make room" {
		t.Errorf("error %q", got)
	}
	if !errors.Is(f, io.ErrShortWrite) {
		t.Error("the error underneath is lost")
	}
	if diff := cmp.Diff(f, f.Message().Fault(), cmpopts.IgnoreFields(protocol.Fault{}, "Err")); diff != "" {
		t.Errorf("over the wire (-sent +received):\n%s", diff)
	}
	if got := protocol.AsFault(fmt.Errorf("outside: %w", f)); got != f {
		t.Errorf("AsFault finds %v", got)
	}
	if got := protocol.AsFault(io.EOF); got.Code != protocol.CodeInternal || got.Cause != "EOF" || got.Fix == "" || !errors.Is(got, io.EOF) {
		t.Errorf("AsFault makes %+v", got)
	}
}

func TestNegotiate(t *testing.T) {
	for _, c := range []struct {
		low, high, least uint16
		want             uint16
	}{
		{2, 2, 2, 2}, {1, 9, 2, 3}, {0, 2, 2, 2}, {3, 9, 2, 3}, {2, 3, 3, 3}, {2, 2, 3, 0}, {4, 9, 2, 0}, {0, 1, 2, 0}, {3, 1, 2, 0},
	} {
		got, err := protocol.Negotiate(&protocol.Hello{MinVersion: c.low, MaxVersion: c.high, Software: "cola 9"}, c.least)
		if got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%d to %d, at least %d: %d, %v", c.low, c.high, c.least, got, err)
		}
		if err != nil && protocol.AsFault(err).Code != protocol.CodeVersion {
			t.Errorf("%d to %d: %v", c.low, c.high, err)
		}
	}
}

func TestValidName(t *testing.T) {
	for _, name := range []string{"a", "p0", "Ada-Lovelace_2.local", strings.Repeat("x", 64)} {
		if err := protocol.ValidName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", ".", "..", ".hidden", "-flag", "a/b", "a b", "ä", "a\n", strings.Repeat("x", 65)} {
		if protocol.ValidName(name) == nil {
			t.Errorf("%q is a name", name)
		}
	}
}

func TestKindNames(t *testing.T) {
	for _, m := range examples() {
		if name := m.Kind().String(); strings.Contains(name, "kind") || fmt.Sprintf("%T", m) != "*protocol."+name {
			t.Errorf("%T is called %q", m, name)
		}
	}
	if got := protocol.Kind(99).String(); got != "message kind 99" {
		t.Errorf("an unknown kind is called %q", got)
	}
}
