package cuda

import (
	"errors"
	"testing"

	"github.com/gradientlearning/cola/cuda/internal/dl"
)

// TestBuildWithoutCUDA is what builds with -tags nocuda, and for other systems, run.
func TestBuildWithoutCUDA(t *testing.T) {
	if _, err := dl.Open(""); !errors.Is(err, dl.ErrUnsupported) {
		t.Skip("this build opens libraries")
	}
	if _, err := open(0, environment()); !errors.Is(err, ErrUnavailable) || !errors.Is(err, dl.ErrUnsupported) {
		t.Errorf("opening a GPU: %v", err)
	}
	r := Discover()
	if want := (Component{Library: libDriver, Problem: dl.ErrUnsupported.Error(), Fix: "use a release of cola for linux on amd64 or arm64"}); r.Usable() || r.Driver != want {
		t.Errorf("the driver is %+v, want %+v", r.Driver, want)
	}
}
