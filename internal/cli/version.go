package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/gradientlearning/cola/protocol"
)

// version is set by the linker for a release:
// -ldflags "-X github.com/gradientlearning/cola/internal/cli.version=1.2.3".
var version string

// Version says what this binary is.
type Version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source, "+" behind it if it was changed
	Go       string `json:"go"`
	Platform string `json:"platform"` // "linux/amd64"
	Protocol struct {
		Min uint16 `json:"min"`
		Max uint16 `json:"max"`
	} `json:"protocol"` // versions that it speaks
}

// ReadVersion returns the version that the linker was given, else the module's, else
// "devel".
func ReadVersion() Version {
	info, _ := debug.ReadBuildInfo() // nil without modules, which versionOf handles
	return versionOf(version, info)
}

func versionOf(linked string, info *debug.BuildInfo) Version {
	v := Version{Version: linked, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	v.Protocol.Min, v.Protocol.Max = protocol.MinVersion, protocol.MaxVersion
	if info != nil {
		if v.Version == "" && info.Main.Version != "(devel)" {
			v.Version = strings.TrimPrefix(info.Main.Version, "v")
		}
		changed := ""
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.modified":
				if s.Value == "true" {
					changed = "+"
				}
			}
		}
		if v.Revision != "" {
			v.Revision += changed
		}
	}
	if v.Version == "" {
		v.Version = "devel"
	}
	return v
}

// String returns what the command calls itself, on the wire too: "cola 0.1.0 linux/amd64".
func (v Version) String() string { return fmt.Sprintf("cola %s %s", v.Version, v.Platform) }
