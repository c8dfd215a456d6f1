package cli

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/gradientlearning/cola/protocol"
)

func TestVersionOf(t *testing.T) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	settings := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "abc123"}, {Key: "vcs.modified", Value: modified}}
	}
	for _, tc := range []struct {
		name   string
		linked string
		info   *debug.BuildInfo
		want   Version
	}{
		{"nothing known", "", nil, Version{Version: "devel"}},
		{"a checkout", "", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: settings("true")}, Version{Version: "devel", Revision: "abc123+"}},
		{"a module", "", &debug.BuildInfo{Main: debug.Module{Version: "v0.1.0"}}, Version{Version: "0.1.0"}},
		{"a release", "0.2.0", &debug.BuildInfo{Main: debug.Module{Version: "v0.1.0"}, Settings: settings("false")}, Version{Version: "0.2.0", Revision: "abc123"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.Protocol.Min, tc.want.Protocol.Max = protocol.MinVersion, protocol.MaxVersion
			tc.want.Go, tc.want.Platform = runtime.Version(), platform
			got := versionOf(tc.linked, tc.info)
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if s := got.String(); s != "cola "+tc.want.Version+" "+platform {
				t.Errorf("called %q", s)
			}
		})
	}
}
