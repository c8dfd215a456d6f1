package emulator

import (
	"math"
	"testing"
)

// The functions of devrt_math.h, as it numbers them in testdata/good.cu, against float64.
var functions = []struct {
	name   string
	want   func(float64) float64
	lo, hi float64 // where they are looked at closely
}{
	{"math_exp", math.Exp, -20, 5},
	{"math_exp2", math.Exp2, -20, 5},
	{"math_log", math.Log, 1e-3, 100},
	{"math_tanh", math.Tanh, -10, 10},
	{"math_sqrt", math.Sqrt, 0, 100},
	{"math_rsqrt", func(x float64) float64 { return 1 / math.Sqrt(x) }, 1e-3, 100},
}

func TestMathematics(t *testing.T) {
	library := buildTestdata(t, false)
	for number, f := range functions {
		const n = 20000
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(f.lo + (f.hi-f.lo)*float64(i)/n)
		}
		// Every exponent, both signs, and what is no number.
		special := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 88.7, 88.8, -87.3, -103, -104, 127.99, 128, -149, -150}
		x = append(x, special...)
		for e := range uint32(255) {
			x = append(x, math.Float32frombits(e<<23|0x123456), math.Float32frombits(1<<31|e<<23|0x123456))
		}
		y := make([]float32, len(x))
		Launch(t, library, "mathematics", grid(7), grid(64), 0, Ascending, y, x, int32(number), int64(len(x)))
		worst, at := 0.0, float32(0)
		for i, v := range x {
			got, want := float64(y[i]), f.want(float64(v))
			wrong := math.Abs(got-want) / (1 + math.Abs(want))
			switch {
			case math.IsNaN(want) && math.IsNaN(got), got == float64(float32(want)):
				wrong = 0
			case math.IsNaN(wrong) || math.IsInf(float64(float32(want)), 0) != math.IsInf(got, 0):
				wrong = math.Inf(1)
			}
			if wrong > worst {
				worst, at = wrong, v
			}
		}
		if worst > 1e-6 {
			t.Errorf("%s is off by %.2g at %v", f.name, worst, at)
		}
	}
}

// Floats become bfloat16 by rounding to nearest, ties to even; NaN stays NaN.
func TestConversion(t *testing.T) {
	library := buildTestdata(t, false)
	x := append(numbers(997), float32(math.NaN()), math.Float32frombits(0x7f800001), math.Float32frombits(0xffffffff),
		float32(math.Inf(1)), math.MaxFloat32, math.Float32frombits(0x3f808000), math.Float32frombits(0x3f818000),
		math.Float32frombits(0x3f808001), 0, float32(math.Copysign(0, -1)), 1e-40)
	for _, kernel := range []string{"convert", "convert16"} {
		y, back := make([]uint16, len(x)), make([]float32, len(x))
		LaunchAll(t, library, kernel, grid(3), grid(64), 0, y, back, x, int64(len(x)))
		for i, v := range x {
			want := toBF16(x[i : i+1])[0]
			if v != v {
				want = 0x7fff
			}
			if y[i] != want || math.Float32bits(back[i]) != uint32(want)<<16 {
				t.Errorf("%s: %v (%#x) becomes %#x and %v, want %#x", kernel, v, math.Float32bits(v), y[i], back[i], want)
			}
		}
	}
}
