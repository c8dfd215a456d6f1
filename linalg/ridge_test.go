package linalg_test

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradientlearning/cola/linalg"
)

// dense widens a tensor, for formulations that are independent of the solvers'.
func dense(t *linalg.Tensor) *mat.Dense {
	m := mat.NewDense(t.Rows(), t.Cols(), nil)
	for i, v := range t.F32() {
		m.Set(i/t.Cols(), i%t.Cols(), float64(v))
	}
	return m
}

// ridgeByInverse is −η·gᵀx·(xᵀx+λI)⁻¹, as it is written.
func ridgeByInverse(t *testing.T, x, g *linalg.Tensor, eta, lambda float64) *mat.Dense {
	t.Helper()
	var gram, inverse, gx, dw mat.Dense
	gram.Mul(dense(x).T(), dense(x))
	for i := range x.Cols() {
		gram.Set(i, i, gram.At(i, i)+lambda)
	}
	if err := inverse.Inverse(&gram); err != nil {
		t.Fatal(err)
	}
	gx.Mul(dense(g).T(), dense(x))
	dw.Mul(&gx, &inverse)
	dw.Scale(-eta, &dw)
	return &dw
}

// ridgeByQR is the least-squares solution of [x; √λ·I]·ΔWᵀ = [−η·g; 0].
func ridgeByQR(t *testing.T, x, g *linalg.Tensor, eta, lambda float64) *mat.Dense {
	t.Helper()
	n, in, out := x.Rows(), x.Cols(), g.Cols()
	left, right := mat.NewDense(n+in, in, nil), mat.NewDense(n+in, out, nil)
	left.Copy(dense(x))
	for i := range in {
		left.Set(n+i, i, math.Sqrt(lambda))
	}
	target := dense(g)
	target.Scale(-eta, target)
	right.Copy(target)
	var qr mat.QR
	qr.Factorize(left)
	var dw mat.Dense
	if err := qr.SolveTo(&dw, false, right); err != nil {
		t.Fatal(err)
	}
	return mat.DenseCopyOf(dw.T())
}

// near compares matrices, relative to the norm of what is wanted.
func near(t *testing.T, what string, got, want mat.Matrix, bound float64) {
	t.Helper()
	var diff mat.Dense
	diff.Sub(got, want)
	if off := mat.Norm(&diff, 2) / max(mat.Norm(want, 2), 1e-300); !(off <= bound) {
		t.Errorf("%s is off by %.3g of its norm, allowed is %.3g", what, off, bound)
	}
}

func TestRidge(t *testing.T) {
	for _, c := range []struct {
		name        string
		n, in, out  int
		eta, lambda float64
	}{
		{"more rows than columns", 40, 7, 3, 0.1, 0.5},
		{"without a ridge", 40, 7, 3, 0.1, 0},
		{"as many rows as columns", 9, 9, 2, 1, 1e-2},
		{"singular without the ridge", 3, 12, 4, 0.7, 1e-3},
		{"one of everything", 1, 1, 1, 2, 1},
		{"a strong ridge", 10, 6, 5, 0.1, 1e6},
		{"blocks of the factorisation", 150, 130, 70, 0.01, 0.1},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, g := random(1, c.n, c.in), random(2, c.n, c.out)
			dw, err := linalg.Ridge(x, g, c.eta, c.lambda)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(dw.Shape(), []int{c.out, c.in}) {
				t.Fatalf("ΔW is %v, want (%d, %d)", dw.Shape(), c.out, c.in)
			}
			near(t, "ΔW against the inverse", dense(dw), ridgeByInverse(t, x, g, c.eta, c.lambda), 1e-6)
			near(t, "ΔW against QR", dense(dw), ridgeByQR(t, x, g, c.eta, c.lambda), 1e-6)
		})
	}
}

// Equal columns make xᵀx singular exactly: the ridge shares the weight between them.
func TestRidgeOfEqualColumns(t *testing.T) {
	x := linalg.FromF32([]float32{1, 1, 2, 2, -1, -1}, 3, 2)
	g := linalg.FromF32([]float32{1, 2, -1}, 3, 1)
	dw, err := linalg.Ridge(x, g, 1, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	// gᵀx = (6, 6), xᵀx + λI = [[6.5, 6], [6, 6.5]]: both weights are −6/12.5.
	for _, v := range dw.F32() {
		if math.Abs(float64(v)+6/12.5) > 1e-6 {
			t.Errorf("ΔW is %v, want −0.48 twice", dw.F32())
		}
	}
	if _, err := linalg.Ridge(x, g, 1, 0); !errors.Is(err, linalg.ErrSingular) {
		t.Errorf("without a ridge: error %v, want ErrSingular", err)
	}
}

// Columns that depend on each other leave pivots of rounding errors, which Cholesky may
// take for numbers: ΔW must not be made of them.
func TestRidgeOfDependentColumns(t *testing.T) {
	for seed := range uint64(100) {
		x, g := random(seed, 100, 4), random(seed+100, 100, 2)
		for i := range 100 {
			row := x.F32()[4*i : 4*i+4]
			row[3] = 2*row[1] + row[0]/4 - row[2]
		}
		if dw, err := linalg.Ridge(x, g, 1, 0); !errors.Is(err, linalg.ErrSingular) {
			t.Errorf("seed %d: ΔW %v, error %v, want ErrSingular", seed, dw, err)
		}
		if _, err := linalg.Ridge(x, g, 1, 1e-6); err != nil {
			t.Errorf("seed %d with a small ridge: %v", seed, err)
		}
	}
}

func TestRidgeWithoutRows(t *testing.T) {
	x, g := linalg.New(linalg.F32, 0, 3), linalg.New(linalg.F32, 0, 2)
	dw, err := linalg.Ridge(x, g, 1, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(dw.Shape(), []int{2, 3}) || slices.ContainsFunc(dw.F32(), func(v float32) bool { return v != 0 }) {
		t.Errorf("ΔW of no rows is %v %v, want zeros", dw.Shape(), dw.F32())
	}
}

// solverErrors are inputs that both solvers refuse.
func solverErrors() map[string]struct {
	x, g        *linalg.Tensor
	eta, lambda float64
	says        string
} {
	x, g := random(1, 8, 3), random(2, 8, 2)
	with := func(t *linalg.Tensor, v float64) *linalg.Tensor {
		c := t.Clone()
		c.F32()[c.Cols()*4+1] = float32(v)
		return c
	}
	return map[string]struct {
		x, g        *linalg.Tensor
		eta, lambda float64
		says        string
	}{
		"fewer rows than columns": {random(1, 2, 3), random(1, 2, 2), 1, 0, "raise the ridge"},
		"no rows, no ridge":       {linalg.New(linalg.F32, 0, 3), linalg.New(linalg.F32, 0, 2), 1, 0, "singular"},
		"negative ridge":          {x, g, 1, -0.1, "λ = -0.1"},
		"ridge NaN":               {x, g, 1, math.NaN(), "λ = NaN"},
		"ridge infinite":          {x, g, 1, math.Inf(1), "λ = +Inf"},
		"x NaN":                   {with(x, math.NaN()), g, 1, 1, "row 4 of x holds NaN"},
		"x infinite":              {with(x, math.Inf(-1)), g, 1, 1, "row 4 of x holds -Inf"},
		"g NaN":                   {x, with(g, math.NaN()), 1, 1, "row 4 of g holds NaN"},
		"rate NaN":                {x, g, math.NaN(), 1, "not finite"},
		"result above float32":    {x, g, 1e300, 1, "lower the learning rate"},
	}
}

func TestRidgeErrors(t *testing.T) {
	for name, c := range solverErrors() {
		dw, err := linalg.Ridge(c.x, c.g, c.eta, c.lambda)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: ΔW %v, error %v, want one that says %q", name, dw, err, c.says)
		}
	}
	mustPanic(t, "Ridge", func() { _, _ = linalg.Ridge(random(1, 3, 2), random(1, 4, 2), 1, 1) }, "different rows")
}

// withThreads runs do with several values of GOMAXPROCS and wants the same numbers each time.
func withThreads(t *testing.T, do func() []float32) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first []float32
	for _, threads := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(threads)
		got := do()
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Errorf("with GOMAXPROCS %d the bits are not those of 1", threads)
		}
	}
}

func TestRidgeIsDeterministic(t *testing.T) {
	x, g := random(1, 300, 150), random(2, 300, 90)
	withThreads(t, func() []float32 {
		dw, err := linalg.Ridge(x, g, 0.1, 0.1)
		if err != nil {
			t.Fatal(err)
		}
		return dw.F32()
	})
}
