package linalg_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// format describes a 16-bit float by its widths, for an oracle that shares nothing with
// the implementation.
type format struct {
	name             string
	mantissa, lowest int // bits after the point; exponent of the smallest normal number
	largest          float64
	narrow           func(float32) uint16
	widen            func(uint16) float32
}

var formats = []format{
	{"bf16", 7, -126, 0x1.FEp127, linalg.BF16FromF32, linalg.F32FromBF16},
	{"f16", 10, -14, 65504, linalg.F16FromF32, linalg.F32FromF16},
}

// nearest rounds v to the format by dividing by the spacing of its numbers there and
// rounding the quotient to even, all of which is exact in float64.
func (f format) nearest(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	exponent := max(math.Ilogb(v), f.lowest)
	spacing := math.Ldexp(1, exponent-f.mantissa)
	rounded := math.RoundToEven(v/spacing) * spacing
	if math.Abs(rounded) > f.largest {
		return math.Inf(int(math.Copysign(1, v)))
	}
	return rounded
}

func TestNarrowRoundsToNearestEven(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, f := range formats {
		check := func(v float32) {
			got, want := float64(f.widen(f.narrow(v))), f.nearest(float64(v))
			if math.IsNaN(want) != math.IsNaN(got) || !math.IsNaN(want) && math.Float64bits(got) != math.Float64bits(want) {
				t.Errorf("%s of %v (%#08x) is %v, want %v", f.name, v, math.Float32bits(v), got, want)
			}
		}
		for range 200000 {
			check(math.Float32frombits(rng.Uint32()))
			check(float32(math.Ldexp(2*rng.Float64()-1, rng.IntN(40)-30))) // where f16 lives
		}
		for b := range 1 << 16 { // every number of the format, and the middle above it
			v := f.widen(uint16(b))
			check(v)
			check(math.Nextafter32(v, float32(math.Inf(1))))
			check(math.Nextafter32(v, float32(math.Inf(-1))))
			middle := (float64(v) + float64(f.widen(uint16(b+1)))) / 2
			check(float32(middle))
		}
		for _, v := range []float32{0x1p-149, -0x1p-149, 65519.996, 65520, -65520, 0x1p-25, 0x1.000002p-25, math.MaxFloat32, float32(math.Inf(-1))} {
			check(v)
		}
	}
}

func TestNarrowKeepsWhatItHolds(t *testing.T) {
	for _, f := range formats {
		for b := range 1 << 16 {
			v := f.widen(uint16(b))
			if got := f.narrow(v); v == v && got != uint16(b) {
				t.Errorf("%s %#04x widens to %v, which narrows to %#04x", f.name, b, v, got)
			}
		}
		// NaN whose payload is in the bits that are cut off must not become an infinity.
		for _, bits := range []uint32{0x7F800001, 0xFF800001, 0x7FFFFFFF} {
			v := f.widen(f.narrow(math.Float32frombits(bits)))
			if v == v || math.Signbit(float64(v)) != (bits>>31 == 1) {
				t.Errorf("%s of the NaN %#08x is %v", f.name, bits, v)
			}
		}
	}
}

func TestConvert(t *testing.T) {
	x := linalg.FromF32([]float32{1, -2.5, 1.0039062, 70000}, 2, 2)
	if x.Convert(linalg.F32) != x {
		t.Error("conversion to its own type copies a tensor")
	}
	b, h := x.Convert(linalg.BF16), x.Convert(linalg.F16)
	for i, v := range x.F32() {
		if got := b.Convert(linalg.F32).F32()[i]; got != linalg.F32FromBF16(linalg.BF16FromF32(v)) {
			t.Errorf("bf16 of %v is %v", v, got)
		}
		if got := h.Convert(linalg.F32).F32()[i]; got != linalg.F32FromF16(linalg.F16FromF32(v)) {
			t.Errorf("f16 of %v is %v", v, got)
		}
	}
	if got := b.Convert(linalg.F16); got.DType() != linalg.F16 || got.Bits()[1] != linalg.F16FromF32(-2.5) {
		t.Errorf("bf16 to f16 gives %v %#x", got.DType(), got.Bits())
	}
	mustPanic(t, "Convert", func() { x.Convert(linalg.I32) }, "f32", "i32")
	mustPanic(t, "Convert", func() { linalg.New(linalg.I32, 1).Convert(linalg.F32) }, "i32")
}

// The spacing trick of nearest is itself held against exact arithmetic.
func TestNearestOracle(t *testing.T) {
	third := new(big.Float).SetPrec(11).SetMode(big.ToNearestEven).SetFloat64(1.0 / 3)
	want, _ := third.Float64()
	if got := formats[1].nearest(1.0 / 3); got != want {
		t.Errorf("the oracle rounds 1/3 to %v, math/big to %v", got, want)
	}
}
