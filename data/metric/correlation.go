package metric

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Pearson returns the linear correlation of predictions with the true values, −1 to 1:
//
//	Σ (x_i − x̄)·(y_i − ȳ) / √(Σ (x_i − x̄)² · Σ (y_i − ȳ)²)
//
// It is NaN where either side is constant or has a value that is not finite, and needs two
// examples. It is SciPy's pearsonr, and GLUE's "pearson".
func Pearson(predictions, values []float64) (float64, error) {
	if err := correlated(predictions, values); err != nil {
		return 0, err
	}
	x, y := unit(predictions), unit(values)
	sum := 0.0
	for i := range x {
		sum += float64(x[i] * y[i])
	}
	return max(-1, min(1, sum)), nil
}

// Spearman returns the correlation of the ranks of predictions with the ranks of the true
// values, −1 to 1: [Pearson] of the ranks, 1 for the smallest, where equal values share the
// mean of their ranks. It is NaN where either side is constant or has a NaN, and needs two
// examples. It is SciPy's spearmanr, and GLUE's "spearmanr".
func Spearman(predictions, values []float64) (float64, error) {
	if err := correlated(predictions, values); err != nil {
		return 0, err
	}
	return Pearson(ranks(predictions), ranks(values))
}

func correlated(predictions, values []float64) error {
	if err := paired(len(predictions), len(values)); err != nil {
		return err
	}
	if len(predictions) < 2 {
		return fmt.Errorf("%w: a correlation needs two examples", ErrInput)
	}
	return nil
}

// unit returns values less their mean and of length 1, or NaNs where that is not possible.
func unit(values []float64) []float64 {
	out := make([]float64, len(values))
	if slices.Min(values) == slices.Max(values) { // a mean that is rounded would leave a difference
		fill(out, math.NaN())
		return out
	}
	mean := 0.0
	for _, v := range values {
		mean += v
	}
	mean /= float64(len(values))
	largest := 0.0
	for i, v := range values {
		out[i] = v - mean
		largest = max(largest, math.Abs(out[i]))
	}
	squares := 0.0
	for i := range out {
		out[i] /= largest // so that squares neither overflow nor vanish
		squares += float64(out[i] * out[i])
	}
	length := math.Sqrt(squares)
	for i := range out {
		out[i] /= length
	}
	return out
}

func fill(values []float64, v float64) {
	for i := range values {
		values[i] = v
	}
}

// ranks returns the rank of each value, 1 for the smallest, the mean rank for equal ones;
// NaNs where there is a NaN.
func ranks(values []float64) []float64 {
	out := make([]float64, len(values))
	if slices.ContainsFunc(values, math.IsNaN) {
		fill(out, math.NaN())
		return out
	}
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	for lo := 0; lo < len(order); {
		hi := lo + 1
		for hi < len(order) && values[order[hi]] == values[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			out[i] = float64(lo+1+hi) / 2
		}
		lo = hi
	}
	return out
}
