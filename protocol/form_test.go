package protocol_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

func TestForms(t *testing.T) {
	for _, c := range []struct {
		form protocol.Form
		name string
		host linalg.DType
		size int64 // of (3, 70)
	}{
		{protocol.AsF32, "f32", linalg.F32, 840}, {protocol.AsBF16, "bf16", linalg.BF16, 420}, {protocol.AsInt8, "int8", linalg.F32, 3*70 + 3*2*2},
	} {
		got, err := protocol.ParseForm(c.name)
		if err != nil || got != c.form || got.String() != c.name || got.Host() != c.host || got.Size([]int{3, 70}) != c.size {
			t.Errorf("%q: %v (%d), %v, host %v, %d bytes", c.name, got, got, err, got.Host(), got.Size([]int{3, 70}))
		}
	}
	for _, name := range []string{"", "i32", "f16", "INT8"} {
		if _, err := protocol.ParseForm(name); err == nil || !strings.Contains(err.Error(), "int8") {
			t.Errorf("%q: error %v, want one that lists the names", name, err)
		}
	}
}

func TestEncodingNeedsItsVersion(t *testing.T) {
	for _, c := range []struct {
		x, g   protocol.Form
		want   uint16
		inputs protocol.Form
	}{
		{protocol.AsF32, protocol.AsBF16, 2, protocol.AsF32},
		{protocol.AsBF16, protocol.AsInt8, 3, protocol.AsBF16},
		{protocol.AsInt8, protocol.AsF32, 3, protocol.AsBF16},
	} {
		e := protocol.Encoding{X: c.x, G: c.g}
		if e.Version() != c.want || e.Inputs() != c.inputs || e.Validate() != nil {
			t.Errorf("%+v needs version %d, sends inputs as %v: %v", e, e.Version(), e.Inputs(), e.Validate())
		}
	}
	for _, e := range []protocol.Encoding{{}, {X: protocol.AsI32, G: protocol.AsF32}, {X: protocol.AsF32, G: 6}} {
		if e.Validate() == nil {
			t.Errorf("%+v is taken", e)
		}
	}
}

// A section whose float32s are more than a frame may hold is refused, however small it travels,
// and so are lengths that are not those of its shape.
func TestInt8Limits(t *testing.T) {
	frame, err := protocol.Encode(&protocol.Tuples{Sections: []protocol.Section{
		{Name: "x", Tensor: linalg.New(linalg.F32, 4, 640), As: protocol.AsInt8},
		{Name: "g", Tensor: linalg.New(linalg.F32, 4, 64), As: protocol.AsInt8, Compress: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	limits := protocol.DefaultLimits()
	for bytes, want := range map[int64]bool{4 * (4*640 + 4*64): true, 4*(4*640+4*64) - 1: false, 4*4*640 - 1: false} {
		limits.FrameBytes = bytes
		_, err := protocol.Decode(frame, limits)
		if (err == nil) != want {
			t.Errorf("a limit of %d bytes: %v", bytes, err)
		}
	}
	for name, shape := range map[string][]int{
		"too few":  {4, 639},
		"too many": {4, 641},
		"as rows":  {640, 4},
		"huge":     {math.MaxInt32, math.MaxInt32},
		"huger":    {math.MaxInt32, math.MaxInt32, math.MaxInt32, math.MaxInt32},
	} {
		_, err := protocol.Decode(protocol.RawInt8(shape, make([]byte, 4*(640+20))), protocol.DefaultLimits())
		if f, ok := errors.AsType[*protocol.Fault](err); !ok || f.Code != protocol.CodeProtocol {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := protocol.Decode(protocol.RawInt8([]int{4, 640}, make([]byte, 4*(640+20))), protocol.DefaultLimits()); err != nil {
		t.Error(err)
	}
}

// What is not finite is found behind the wire.
func TestInt8ShowsWhatIsNotFinite(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		x := ramp(2, 130)
		x.F32()[65] = float32(bad)
		frame, err := protocol.Encode(&protocol.Tuples{Sections: []protocol.Section{{Name: "x", Tensor: x, As: protocol.AsInt8}}})
		if err != nil {
			t.Fatal(err)
		}
		m, err := protocol.Decode(frame, protocol.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range m.(*protocol.Tuples).Sections[0].Tensor.F32() {
			if math.IsNaN(float64(v)) != (i >= 64 && i < 128) {
				t.Fatalf("%g at 65: element %d arrives as %g", bad, i, v)
			}
		}
	}
}
