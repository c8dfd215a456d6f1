package identity_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/protocol"
	"github.com/gradientlearning/cola/protocol/identity"
)

const (
	token = "abcdefghijklmnopqrstuvwxya"
	ca    = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	line  = "cola://coordinator.example:7433/" + token + "?ca=" + ca
)

func TestJoinRoundTrip(t *testing.T) {
	tests := map[string]identity.Join{
		line: {Addr: "coordinator.example:7433", Token: token, Authority: ca},
		"cola://10.0.0.7:7433/" + token + "?ca=" + ca + "&gossip=" + token + "&name=p0": {
			Addr: "10.0.0.7:7433", Token: token, Authority: ca, Name: "p0", Gossip: token,
		},
		"cola://[::1]:7433/" + token + "?ca=" + ca + "&name=clinic-3.b_2": {
			Addr: "[::1]:7433", Token: token, Authority: ca, Name: "clinic-3.b_2",
		},
	}
	for text, want := range tests {
		got, err := identity.ParseJoin("  " + text + "\n")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		if got.String() != text {
			t.Errorf("printed as %s, want %s", got, text)
		}
	}
}

func TestJoinLettersOfEitherCase(t *testing.T) {
	got, err := identity.ParseJoin("cola://h:1/" + strings.ToUpper(token) + "?ca=" + strings.ToUpper(ca))
	if err != nil {
		t.Fatal(err)
	}
	if got.Token != token || got.Authority != ca {
		t.Errorf("not normalised: %+v", got)
	}
}

func TestJoinMalformed(t *testing.T) {
	tests := []struct{ line, says string }{
		{"", "empty"},
		{"https" + line[4:], "cola://"},
		{"cola:" + token, "more than"},
		{strings.Replace(line, "://", "://user@", 1), "more than"},
		{line + "#x", "more than"},
		{"cola://host/" + token + "?ca=" + ca, "host:port"},
		{"cola://:7433/" + token + "?ca=" + ca, "no host"},
		{"cola://a,b:7433/" + token + "?ca=" + ca, "no host"},
		{"cola://[fe80::1%25eth0]:7433/" + token + "?ca=" + ca, "no host"},
		{"cola://host:0/" + token + "?ca=" + ca, "port"},
		{"cola://host:70000/" + token + "?ca=" + ca, "port"},
		{"cola://host:x/" + token + "?ca=" + ca, "port"},
		{"cola://host:7433/?ca=" + ca, "token"},
		{"cola://host:7433/" + token[1:] + "?ca=" + ca, "token"},
		{"cola://host:7433/" + token + "/x?ca=" + ca, "token"},
		{"cola://host:7433/" + token, `"ca"`},
		{"cola://host:7433/" + token + "?ca=", `"ca"`},
		{"cola://host:7433/" + token + "?ca=" + ca[1:], `"ca"`},
		{"cola://host:7433/" + token + "?ca=" + ca[1:] + "g", `"ca"`},
		{line + "&ca=" + ca, "2 times"},
		{line + "&nmae=p0", `"nmae"`},
		{line + "&name=", `"name"`},
		{line + "&name=-p0", `"name"`},
		{line + "&name=coordinator", `"name"`},
		{line + "&gossip=x", `"gossip"`},
		{line + "&name=%zz", "parameters"},
		{"cola://host:7433/%zz" + token, "escape"},
	}
	for _, tt := range tests {
		_, err := identity.ParseJoin(tt.line)
		if err == nil {
			t.Errorf("%s: accepted", tt.line)
			continue
		}
		fault := wantCode(t, err, protocol.CodeUsage)
		if !strings.Contains(fault.Cause, tt.says) {
			t.Errorf("%s: %q does not say %q", tt.line, fault.Cause, tt.says)
		}
		if strings.Contains(fault.Error(), token) {
			t.Errorf("the message gives the token away: %v", fault)
		}
	}
}

func FuzzParseJoin(f *testing.F) {
	f.Add(line)
	f.Add("cola://[::1]:7433/" + token + "?ca=" + ca + "&gossip=" + token + "&name=p0")
	f.Add("cola://10.0.0.7:7433/" + strings.ToUpper(token) + "?name=p%30&ca=" + ca)
	f.Add("cola://[fe80::1%25eth0]:1/" + token + "?ca=" + ca)
	f.Add("cola:opaque?ca")
	f.Fuzz(func(t *testing.T, text string) {
		join, err := identity.ParseJoin(text)
		if err != nil {
			if code := protocol.AsFault(err).Code; code != protocol.CodeUsage {
				t.Fatalf("code %q", code)
			}
			return
		}
		again, err := identity.ParseJoin(join.String())
		if err != nil {
			t.Fatalf("%q is read but its own form %q is not: %v", text, join, err)
		}
		if again != join {
			t.Fatalf("%q: %+v became %+v", text, join, again)
		}
	})
}

func TestAdvertisedAddr(t *testing.T) {
	for _, kept := range []string{"10.0.0.7:7433", "host.example:7433", "[::1]:80", "127.0.0.1:1", "no address"} {
		if got := identity.AdvertisedAddr(kept); got != kept {
			t.Errorf("%s became %s", kept, got)
		}
	}
	for _, open := range []string{":7433", "0.0.0.0:7433", "[::]:7433"} {
		got, err := netip.ParseAddrPort(identity.AdvertisedAddr(open))
		if err != nil || !got.Addr().Is4() || got.Addr().IsUnspecified() || got.Port() != 7433 {
			t.Errorf("%s became %v, %v", open, got, err)
		}
	}
}
