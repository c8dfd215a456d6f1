package linalg

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// TruncatedSVD returns B (out, r) and A (r, in) whose product is the matrix of rank r that is
// nearest to w (out, in) in the Frobenius norm, by the r largest of its singular values σ:
// B = U_r·√S_r and A = √S_r·V_rᵀ (Eckart–Young). Each column of U_r has its largest element
// positive. kept is the share of the energy, Σ_r σ²/Σ σ²; the relative error ‖w − B·A‖/‖w‖ is
// √(1 − kept). It is 1 of a matrix of zeros. Arithmetic is in float64. Errors are a rank
// below 1 or above min(out, in) and elements that are not finite.
func TruncatedSVD(w *Tensor, rank int) (b, a *Tensor, kept float64, err error) {
	out, in := w.Rows(), w.Cols()
	if rank < 1 || rank > min(out, in) {
		return nil, nil, 0, fmt.Errorf("rank %d of a matrix of %d × %d: use 1 to %d", rank, out, in, min(out, in))
	}
	dense, err := toDense("w", w)
	if err != nil {
		return nil, nil, 0, err
	}
	var svd mat.SVD
	if !svd.Factorize(dense, mat.SVDThin) {
		return nil, nil, 0, errors.New("the singular value decomposition does not converge")
	}
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	left, right := mat.NewDense(out, rank, nil), mat.NewDense(rank, in, nil)
	part, total := 0.0, 0.0
	for k, s := range svd.Values(nil) {
		total += s * s
		if k >= rank {
			continue
		}
		part += s * s
		root := math.Sqrt(s) * signOf(&u, k)
		for i := range out {
			left.Set(i, k, root*u.At(i, k))
		}
		for j := range in {
			right.Set(k, j, root*v.At(j, k))
		}
	}
	if b, err = fromDense("B", left); err != nil {
		return nil, nil, 0, err
	}
	if a, err = fromDense("A", right); err != nil {
		return nil, nil, 0, err
	}
	if total == 0 {
		return b, a, 1, nil
	}
	return b, a, part / total, nil
}
