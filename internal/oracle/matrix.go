package oracle

import (
	"fmt"
	"math"
	"slices"
)

// Matrix is a dense, row-major array of float64.
type Matrix struct {
	Rows, Cols int
	Data       []float64
}

// NewMatrix returns a (rows, cols) matrix of zeros.
func NewMatrix(rows, cols int) Matrix {
	return Matrix{Rows: rows, Cols: cols, Data: make([]float64, rows*cols)}
}

// Row returns row i, sharing the elements.
func (m Matrix) Row(i int) []float64 { return m.Data[i*m.Cols : (i+1)*m.Cols] }

// Clone returns a copy.
func (m Matrix) Clone() Matrix {
	m.Data = slices.Clone(m.Data)
	return m
}

// AddScaled computes m += s·a, element by element.
func (m Matrix) AddScaled(s float64, a Matrix) {
	if len(m.Data) != len(a.Data) {
		panic(fmt.Sprintf("oracle: (%d, %d) added to (%d, %d)", a.Rows, a.Cols, m.Rows, m.Cols))
	}
	for i, v := range a.Data {
		m.Data[i] += s * v
	}
}

// mulT returns x·wᵀ (n, out) from x (n, in) and w (out, in).
func mulT(x, w Matrix) Matrix {
	if x.Cols != w.Cols {
		panic(fmt.Sprintf("oracle: x (%d, %d) times the transpose of w (%d, %d)", x.Rows, x.Cols, w.Rows, w.Cols))
	}
	y := NewMatrix(x.Rows, w.Rows)
	for i := range y.Rows {
		xi, yi := x.Row(i), y.Row(i)
		for o := range yi {
			sum := 0.0
			for k, wk := range w.Row(o) {
				sum += xi[k] * wk
			}
			yi[o] = sum
		}
	}
	return y
}

// mul returns g·w (n, in) from g (n, out) and w (out, in).
func mul(g, w Matrix) Matrix {
	if g.Cols != w.Rows {
		panic(fmt.Sprintf("oracle: g (%d, %d) times w (%d, %d)", g.Rows, g.Cols, w.Rows, w.Cols))
	}
	dx := NewMatrix(g.Rows, w.Cols)
	for i := range g.Rows {
		di := dx.Row(i)
		for o, s := range g.Row(i) {
			addScaledRow(di, s, w.Row(o))
		}
	}
	return dx
}

// tmul returns gᵀ·x (out, in) from g (n, out) and x (n, in).
func tmul(g, x Matrix) Matrix {
	if g.Rows != x.Rows {
		panic(fmt.Sprintf("oracle: transpose of g (%d, %d) times x (%d, %d)", g.Rows, g.Cols, x.Rows, x.Cols))
	}
	dw := NewMatrix(g.Cols, x.Cols)
	for i := range g.Rows {
		xi := x.Row(i)
		for o, s := range g.Row(i) {
			addScaledRow(dw.Row(o), s, xi)
		}
	}
	return dw
}

// addScaledRow computes y += s·x and skips a zero s: behind ReLU and max-pool most are.
func addScaledRow(y []float64, s float64, x []float64) {
	if s == 0 {
		return
	}
	for k, v := range x {
		y[k] += s * v
	}
}

// columnSums returns Σ over rows (1, cols).
func columnSums(g Matrix) Matrix {
	sums := NewMatrix(1, g.Cols)
	for i := range g.Rows {
		addScaledRow(sums.Data, 1, g.Row(i))
	}
	return sums
}

// Difference returns ‖a−b‖/‖a‖ over all elements of all matrices of the two lists
// together (Frobenius norm). Two zeros do not differ. A result that is not finite, a
// zero a beside another b, or lists of different shapes count as
// [math.MaxFloat64]: the largest difference, and still a number.
func Difference(a, b []Matrix) float64 {
	if len(a) != len(b) {
		return math.MaxFloat64
	}
	norm, apart := 0.0, 0.0
	for i := range a {
		if a[i].Rows != b[i].Rows || a[i].Cols != b[i].Cols {
			return math.MaxFloat64
		}
		for j, v := range a[i].Data {
			d := v - b[i].Data[j]
			norm += v * v
			apart += d * d
		}
	}
	if norm == 0 && apart == 0 {
		return 0
	}
	if r := math.Sqrt(apart / norm); !math.IsNaN(r) && !math.IsInf(r, 0) {
		return r
	}
	return math.MaxFloat64
}
