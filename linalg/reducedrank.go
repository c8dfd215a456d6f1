package linalg

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// ReducedRank returns B (out, r) and A (r, in) whose product is the map of rank r that is
// nearest to the target x·wᵀ − η·g of one gradient-learning step, in the norm that x
// and the ridge define:
//
//	W* = w − η·gᵀx·(xᵀx + λI)⁻¹,  xᵀx + λI = L·Lᵀ
//	min over rank r of ‖(B·A − W*)·L‖_F:  B·A = U_r·U_rᵀ·W*
//
// with U_r the leading left singular vectors of W*·L (Eckart–Young). B = U_r·√S_r and
// A = √S_r⁻¹·U_rᵀ·W* share the singular values evenly; each column of U_r has its largest
// element positive. x is (n, in), g (n, out), w (out, in). Arithmetic is in float64.
// Errors are those of [Ridge], and a rank below 1 or above min(out, in).
func ReducedRank(x, g, w *Tensor, eta, lambda float64, rank int) (b, a *Tensor, err error) {
	out, in := w.Rows(), w.Cols()
	if rank < 1 || rank > min(out, in) {
		return nil, nil, fmt.Errorf("rank %d of a map from %d to %d: use 1 to %d", rank, in, out, min(out, in))
	}
	gram, err := gramCholesky(x, lambda)
	if err != nil {
		return nil, nil, err
	}
	target, err := ridge(gram, x, g, eta)
	if err != nil {
		return nil, nil, err
	}
	current, err := toDense("w", w)
	if err != nil {
		return nil, nil, err
	}
	target.Add(target, current)
	u, s, err := leading(gram, target, rank)
	if err != nil {
		return nil, nil, err
	}
	return factors(u, s, target)
}

// leading returns U_r and S_r of target·L. Each column of U_r has the sign that makes its
// element of largest magnitude positive.
func leading(gram *mat.Cholesky, target *mat.Dense, rank int) (u *mat.Dense, s []float64, err error) {
	var l mat.TriDense
	gram.LTo(&l)
	var whitened mat.Dense
	whitened.Mul(target, &l)
	var svd mat.SVD
	if !svd.Factorize(&whitened, mat.SVDThinU) {
		return nil, nil, errors.New("the singular value decomposition does not converge: lower the learning rate or raise the ridge λ")
	}
	var all mat.Dense
	svd.UTo(&all)
	out, _ := all.Dims()
	u = mat.DenseCopyOf(all.Slice(0, out, 0, rank))
	for k := range rank {
		sign := signOf(u, k)
		for i := range out {
			u.Set(i, k, sign*u.At(i, k))
		}
	}
	return u, svd.Values(nil)[:rank], nil
}

// factors returns B = U_r·√S_r and A = √S_r⁻¹·U_rᵀ·W*. Where the target has a lower rank
// than asked for, the directions left over are zero in both.
func factors(u *mat.Dense, s []float64, target *mat.Dense) (b, a *Tensor, err error) {
	var projected mat.Dense
	projected.Mul(u.T(), target)
	root, inverse := make([]float64, len(s)), make([]float64, len(s))
	for k, v := range s {
		if v > s[0]*0x1p-50 { // what is below is rounding
			root[k], inverse[k] = math.Sqrt(v), 1/math.Sqrt(v)
		}
	}
	var left, right mat.Dense
	left.Mul(u, mat.NewDiagDense(len(root), root))
	right.Mul(mat.NewDiagDense(len(inverse), inverse), &projected)
	if b, err = fromDense("B", &left); err != nil {
		return nil, nil, err
	}
	if a, err = fromDense("A", &right); err != nil {
		return nil, nil, err
	}
	return b, a, nil
}

// signOf returns the sign of the element of column k that is largest in magnitude.
func signOf(u *mat.Dense, k int) float64 {
	rows, _ := u.Dims()
	largest := 0.0
	for i := range rows {
		if v := u.At(i, k); math.Abs(v) > math.Abs(largest) {
			largest = v
		}
	}
	return math.Copysign(1, largest)
}
