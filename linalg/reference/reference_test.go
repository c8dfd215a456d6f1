package reference_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// The oracle is held against numbers worked out by hand, small enough to follow.

var nan, inf = math.NaN(), math.Inf(1)

func expect(t *testing.T, what string, got []float64, want ...float64) {
	t.Helper()
	same := func(a, b float64) bool { return math.Abs(a-b) <= 1e-12 || a == b || math.IsNaN(a) && math.IsNaN(b) }
	if !slices.EqualFunc(got, want, same) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestProducts(t *testing.T) {
	a, at := []float64{1, 2, 3, 4, 5, 6}, []float64{1, 4, 2, 5, 3, 6} // (2, 3) and (3, 2)
	b, bt := []float64{1, 0, 2, -1, 0, 3}, []float64{1, 2, 0, 0, -1, 3}
	// ⎡1 2 3⎤   ⎡1  0⎤   ⎡ 5  7⎤
	// ⎣4 5 6⎦ · ⎢2 −1⎥ = ⎣14 13⎦
	//           ⎣0  3⎦
	for _, c := range []struct {
		transA, transB bool
		a, b           []float64
	}{{false, false, a, b}, {true, false, at, b}, {false, true, a, bt}, {true, true, at, bt}} {
		c4 := []float64{nan, nan, nan, nan}
		reference.MatMul(c4, c.a, c.b, 2, 2, 3, c.transA, c.transB, 1, false)
		expect(t, "MatMul", c4, 5, 7, 14, 13)
		reference.MatMul(c4, c.a, c.b, 2, 2, 3, c.transA, c.transB, -2, true)
		expect(t, "MatMul accumulated", c4, -5, -7, -14, -13)
	}

	y := make([]float64, 4)
	reference.Linear(y, a, bt, nil, 2, 3, 2)
	expect(t, "Linear", y, 5, 7, 14, 13)
	reference.Linear(y, a, bt, []float64{10, 20}, 2, 3, 2)
	expect(t, "Linear with a bias", y, 15, 27, 24, 33)

	dx := slices.Repeat([]float64{nan}, 6)
	reference.LinearBackward(dx, []float64{1, 0, 2, 1}, bt, 2, 3, 2, false)
	expect(t, "LinearBackward", dx, 1, 2, 0, 2, 3, 3)
	reference.LinearBackward(dx, []float64{1, 0, 2, 1}, bt, 2, 3, 2, true)
	expect(t, "LinearBackward accumulated", dx, 2, 4, 0, 4, 6, 6)

	db := []float64{nan, nan}
	reference.AddBiasBackward(db, []float64{1, 2, 3, 4}, 2, false)
	expect(t, "AddBiasBackward", db, 4, 6)
	reference.AddBiasBackward(db, []float64{1, 2, 3, 4}, 2, true)
	expect(t, "AddBiasBackward accumulated", db, 8, 12)
}

func TestElementwise(t *testing.T) {
	y := []float64{1, 2}
	reference.Axpy(y, 3, []float64{10, -1})
	expect(t, "Axpy", y, 31, -1)
	reference.Scale(y, -2)
	expect(t, "Scale", y, -62, 2)

	r := make([]float64, 5)
	reference.ReLU(r, []float64{-1, 0, 2, nan, -inf})
	expect(t, "ReLU", r, 0, 0, 2, nan, 0)
	d := slices.Repeat([]float64{nan}, 5)
	reference.ReLUBackward(d, []float64{1, 2, 3, 4, 5}, r)
	expect(t, "ReLUBackward", d, 0, 0, 3, 0, 0)
}

func TestUnfold(t *testing.T) {
	// One image of two lines and two channels, (1, 10) (2, 20) over (3, 30) (4, 40), kernel 2,
	// padding 1, stride 2: four patches, each with one pixel in a corner.
	conv := linalg.Conv{Height: 2, Width: 2, Channels: 2, Kernel: 2, Stride: 2, Padding: 1}
	x := []float64{1, 10, 2, 20, 3, 30, 4, 40}
	cols := slices.Repeat([]float64{nan}, 4*8)
	reference.Unfold(cols, x, 1, conv)
	expect(t, "Unfold", cols,
		0, 0, 0, 1, 0, 0, 0, 10,
		0, 0, 2, 0, 0, 0, 20, 0,
		0, 3, 0, 0, 0, 30, 0, 0,
		4, 0, 0, 0, 40, 0, 0, 0)
	dx := slices.Repeat([]float64{nan}, 8)
	reference.UnfoldBackward(dx, cols, 1, conv, false)
	expect(t, "UnfoldBackward", dx, x...)

	// Two patches of a 2×3 image that share its middle column.
	conv = linalg.Conv{Height: 2, Width: 3, Channels: 1, Kernel: 2, Stride: 1}
	cols = make([]float64, 2*4)
	reference.Unfold(cols, []float64{1, 2, 3, 4, 5, 6}, 1, conv)
	expect(t, "Unfold overlapping", cols, 1, 2, 4, 5, 2, 3, 5, 6)
	dx = slices.Repeat([]float64{1}, 6)
	reference.UnfoldBackward(dx, cols, 1, conv, true)
	expect(t, "UnfoldBackward accumulated", dx, 2, 5, 4, 5, 11, 7)
}

func TestPools(t *testing.T) {
	// Two images of 3×2 with one channel and windows of 2: the last line is dropped.
	x := []float64{1, 5, 5, 0, 9, 9, nan, 7, nan, 8, 9, 9}
	y, at := make([]float64, 2), make([]int, 2)
	reference.MaxPool(y, at, x, 2, 3, 2, 1, 2)
	expect(t, "MaxPool", y, 5, nan)
	if !slices.Equal(at, []int{1, 0}) {
		t.Errorf("MaxPool takes its maxima at %v", at)
	}
	dx := slices.Repeat([]float64{nan}, 12)
	reference.MaxPoolBackward(dx, []float64{3, 4}, at, 2)
	expect(t, "MaxPoolBackward", dx, 0, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0)

	m := make([]float64, 2)
	reference.MeanPool(m, []float64{1, 10, 2, 20, 6, 60}, 1, 3, 2)
	expect(t, "MeanPool", m, 3, 30)
	d := slices.Repeat([]float64{nan}, 6)
	reference.MeanPoolBackward(d, []float64{3, 6}, 1, 3, 2)
	expect(t, "MeanPoolBackward", d, 1, 2, 1, 2, 1, 2)
}

func TestCrossEntropy(t *testing.T) {
	// exp(log 1), exp(log 2), exp(log 5): probabilities 1/8, 2/8, 5/8. The second row is the
	// same one moved up by a number whose exponential overflows.
	row := []float64{0, math.Log(2), math.Log(5)}
	z := slices.Concat(row, row)
	for i := range row {
		z[3+i] += 1024
	}
	loss, d := make([]float64, 2), make([]float64, 6)
	reference.CrossEntropy(loss, d, z, []int{2, 0}, []float64{1, -4}, 2, 3)
	expect(t, "loss", loss, math.Log(8.0/5), math.Log(8))
	expect(t, "dlogits", d, 1./8, 2./8, -3./8, 28./8, -1, -20./8)

	reference.CrossEntropy(loss, nil, []float64{0, inf, nan, 1}, []int{0, 1}, nil, 2, 2)
	expect(t, "loss of what is not finite", loss, nan, nan)
}
