package linalg

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// ErrSingular says that xᵀx + λI has no inverse.
var ErrSingular = errors.New("xᵀx + λI is singular: raise the ridge λ, or give more rows than columns")

// Ridge returns the ΔW (out, in) that minimises
//
//	½ ‖x·ΔWᵀ + η·g‖² + ½ λ ‖ΔW‖²,   ΔW = −η · gᵀx · (xᵀx + λI)⁻¹
//
// for x (n, in) and g (n, out): the closed form of the gradient-learning regression for
// a linear adapter. Arithmetic is in float64, by Cholesky. It is an error where
// xᵀx + λI is singular (it wraps [ErrSingular]), λ is negative, or a number is not finite.
func Ridge(x, g *Tensor, eta, lambda float64) (*Tensor, error) {
	gram, err := gramCholesky(x, lambda)
	if err != nil {
		return nil, err
	}
	dw, err := ridge(gram, x, g, eta)
	if err != nil {
		return nil, err
	}
	return fromDense("the ridge solution", dw)
}

// ridge solves (xᵀx + λI)·ΔWᵀ = −η·xᵀg.
func ridge(gram *mat.Cholesky, x, g *Tensor, eta float64) (*mat.Dense, error) {
	if x.Rows() != g.Rows() {
		panic(fmt.Sprintf("linalg: x %v and g %v have different rows", x.shape, g.shape))
	}
	if x.Rows() == 0 {
		return mat.NewDense(g.Cols(), x.Cols(), nil), nil
	}
	gm, err := toDense("g", g)
	if err != nil {
		return nil, err
	}
	xm, err := toDense("x", x)
	if err != nil {
		return nil, err
	}
	var xg, solution mat.Dense
	xg.Mul(xm.T(), gm)
	xg.Scale(-eta, &xg)
	if err := gram.SolveTo(&solution, &xg); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSingular, err)
	}
	if sum := mat.Norm(&solution, 1); !finite(sum) {
		return nil, errors.New("the ridge solution is not finite: lower the learning rate or raise the ridge λ")
	}
	return mat.DenseCopyOf(solution.T()), nil
}

// maxCondition bounds the condition number of xᵀx + λI. Beyond it, columns of x differ
// from dependent ones by no more than float32 rounds (2⁻²⁴, squared), and ΔW is noise.
const maxCondition = 1e14

// gramCholesky factors xᵀx + λI.
func gramCholesky(x *Tensor, lambda float64) (*mat.Cholesky, error) {
	if !finite(lambda) || lambda < 0 {
		return nil, fmt.Errorf("ridge λ = %v: use a finite number from 0 up", lambda)
	}
	in := x.Cols()
	gram := mat.NewSymDense(in, nil)
	if x.Rows() > 0 {
		xm, err := toDense("x", x)
		if err != nil {
			return nil, err
		}
		gram.SymOuterK(1, xm.T())
	}
	for i := range in {
		gram.SetSym(i, i, gram.At(i, i)+lambda)
	}
	var c mat.Cholesky
	if !c.Factorize(gram) || c.Cond() > maxCondition {
		return nil, ErrSingular
	}
	return &c, nil
}

// toDense widens a host tensor of at least one element to a matrix.
func toDense(name string, t *Tensor) (*mat.Dense, error) {
	data := make([]float64, t.Len())
	for i, v := range t.F32() {
		f := float64(v)
		if !finite(f) {
			return nil, notFinite(name, i/t.Cols(), f)
		}
		data[i] = f
	}
	return mat.NewDense(t.Rows(), t.Cols(), data), nil
}

// fromDense narrows a matrix to a host tensor.
func fromDense(name string, m *mat.Dense) (*Tensor, error) {
	rows, cols := m.Dims()
	t := New(F32, rows, cols)
	for i := range t.f32 {
		v := float32(m.At(i/cols, i%cols))
		if !finite(float64(v)) {
			return nil, notFinite(name, i/cols, m.At(i/cols, i%cols))
		}
		t.f32[i] = v
	}
	return t, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func notFinite(name string, row int, v float64) error {
	return fmt.Errorf("row %d of %s holds %v, not a finite float32: lower the learning rate or raise the ridge λ", row, name, v)
}
