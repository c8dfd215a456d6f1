package row_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg/row"
)

// curves are the functions of one number, and 1·their slopes.
var curves = map[string]struct {
	value func(y, x []float32)
	slope func(dx, g, x []float32)
}{
	"GELU": {row.GELU, row.GELUBackward}, "GELUTanh": {row.GELUTanh, row.GELUTanhBackward}, "Tanh": {row.Tanh, row.TanhBackward},
	"SiLU": {
		func(y, x []float32) { row.Swish(y, x, 1) },
		func(dx, g, x []float32) { row.SwishBackward(dx, g, x, 1) },
	},
	"QuickGELU": {
		func(y, x []float32) { row.Swish(y, x, 1.702) },
		func(dx, g, x []float32) { row.SwishBackward(dx, g, x, 1.702) },
	},
}

// exactly is an activation and its derivative with all digits that float64 has, in the tails
// too.
type exactly struct{ value, slope func(x float64) float64 }

func activationsExactly() map[string]exactly {
	sigma := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	swish := func(x float64) float64 { return sigma(x) + x*sigma(x)*sigma(-x) }
	phi := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	inner := func(x float64) float64 { return 2 * math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x) }
	return map[string]exactly{
		"GELU": {
			func(x float64) float64 { return x * phi(x) },
			func(x float64) float64 { return phi(x) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi) },
		},
		"GELUTanh": {
			func(x float64) float64 { return x * sigma(inner(x)) },
			func(x float64) float64 {
				u := inner(x)
				return sigma(u) + x*sigma(u)*sigma(-u)*2*math.Sqrt(2/math.Pi)*(1+3*0.044715*x*x)
			},
		},
		"SiLU":      {func(x float64) float64 { return x * sigma(x) }, swish},
		"Tanh":      {math.Tanh, func(x float64) float64 { return 1 / (math.Cosh(x) * math.Cosh(x)) }},
		"QuickGELU": {func(x float64) float64 { return x * sigma(1.702*x) }, func(x float64) float64 { return swish(1.702 * x) }},
	}
}

// everywhere returns numbers of every size from 1e-30 to 100, of both signs, close together.
func everywhere() []float32 {
	var xs []float32
	for bits := math.Float32bits(1e-30); bits < math.Float32bits(100); bits += 4_999 {
		x := math.Float32frombits(bits)
		xs = append(xs, x, -x)
	}
	return xs
}

// Functions of one number are as near to what is exact as is said here: by so much relative to
// 1 + |y|, and at the left, where they are small, relative to y.
func TestAccuracy(t *testing.T) {
	xs := everywhere()
	ones, y := make([]float32, len(xs)), make([]float32, len(xs))
	for i := range ones {
		ones[i] = 1
	}
	worst := func(name string, bound, least float64, want func(float64) float64) {
		t.Helper()
		for i, x := range xs {
			w := want(float64(x))
			size := least + math.Abs(w)
			if x < -5 {
				size = 1 + math.Abs(w)
			}
			if off := math.Abs(float64(y[i])-w) / size; !(off <= bound) {
				t.Fatalf("%s of %v is %v, want %v: off by %.3g of %.3g, allowed are %v", name, x, y[i], w, off, size, bound)
			}
		}
	}
	exact := activationsExactly()
	for name, c := range curves {
		c.value(y, xs)
		worst(name, 1e-7, 1, exact[name].value)
		worst(name, 2.5e-6, 0, exact[name].value)
		c.slope(y, ones, xs)
		worst("the slope of "+name, 1.2e-7, 1, exact[name].slope)
	}
}

// The exponential is within 8e-8 of itself, and knows its ends.
func TestExp(t *testing.T) {
	exp := func(x float32) float32 { return row.ExpSum(make([]float32, 1), []float32{x}, 0) }
	for x := float32(-86.98); x <= 88.7228; x += 0.00317 {
		want := math.Exp(float64(x))
		if off := math.Abs(float64(exp(x))/want - 1); !(off <= 8e-8) {
			t.Fatalf("exp(%v) is %v, want %v: off by %.3g", x, exp(x), want, off)
		}
	}
	inf := float32(math.Inf(1))
	for x, want := range map[float32]float32{0: 1, -87: 0, 88.8: inf, -inf: 0, inf: inf} {
		if got := exp(x); got != want {
			t.Errorf("exp(%v) is %v, want %v", x, got, want)
		}
	}
	if got := exp(float32(math.NaN())); got == got {
		t.Errorf("exp(NaN) is %v", got)
	}
}

// Sums and norms are as near to float64 as float32 sums of 16 parts are.
func TestSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 15, 16, 17, 768, 3001} {
		x, y := make([]float32, n), make([]float32, n)
		sum, dot, square, size := 0.0, 0.0, 0.0, 0.0
		for i := range x {
			x[i], y[i] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
			a, b := float64(x[i]), float64(y[i])
			sum, dot, square = sum+a, dot+a*b, square+(a-0.5)*(a-0.5)
			size += math.Abs(a) + math.Abs(a*b) + (a-0.5)*(a-0.5)
		}
		bound := size * 0x1p-24 * float64(n/16+8)
		for what, pair := range map[string][2]float64{
			"Sum": {float64(row.Sum(x)), sum}, "Dot": {float64(row.Dot(x, y)), dot}, "Deviations": {float64(row.Deviations(x, 0.5)), square},
		} {
			if math.Abs(pair[0]-pair[1]) > bound {
				t.Errorf("%s of %d elements is %v, want %v", what, n, pair[0], pair[1])
			}
		}
	}
}

// Adam's step is the formula's.
func TestAdam(t *testing.T) {
	w, m, v, g := []float32{1, -2}, []float32{0.1, 0.2}, []float32{0.01, 0.02}, []float32{0.5, -0.25}
	row.Adam{Keep: 0.99, Decay: 0.1, Beta1: 0.9, Beta2: 0.999, Rate: 0.01, Root: 2, Epsilon: 1e-8}.Step(w, m, v, g)
	for i, start := range [][4]float64{{1, 0.1, 0.01, 0.5}, {-2, 0.2, 0.02, -0.25}} {
		d := start[3] + 0.1*start[0]
		first, second := 0.9*start[1]+0.1*d, 0.999*start[2]+0.001*d*d
		want := 0.99*start[0] - 0.01*first/(math.Sqrt(second)*2+1e-8)
		for _, pair := range [][2]float64{{float64(w[i]), want}, {float64(m[i]), first}, {float64(v[i]), second}} {
			if math.Abs(pair[0]-pair[1]) > 1e-6 {
				t.Errorf("element %d: %v, want %v", i, pair[0], pair[1])
			}
		}
	}
}
