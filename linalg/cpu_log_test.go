package linalg_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// The logarithm keeps to its bound for numbers of every size, and says what it must at the ends.
func TestLogarithm(t *testing.T) {
	for bits := uint32(1); bits < math.Float32bits(float32(math.Inf(1))); bits += 9_973 {
		x := math.Float32frombits(bits)
		if got, want := linalg.Logarithm(x), math.Log(float64(x)); !(math.Abs(got-want) <= 1e-14*math.Abs(want)) {
			t.Fatalf("log %v is %v, want %v", x, got, want)
		}
	}
	nan, inf := float32(math.NaN()), math.Inf(1)
	for x, want := range map[float32]float64{0: -inf, 1: 0, float32(inf): inf} {
		if got := linalg.Logarithm(x); got != want {
			t.Errorf("log %v is %v, want %v", x, got, want)
		}
	}
	for _, x := range []float32{nan, -1, float32(-inf)} {
		if got := linalg.Logarithm(x); got == got {
			t.Errorf("log %v is %v", x, got)
		}
	}
}
