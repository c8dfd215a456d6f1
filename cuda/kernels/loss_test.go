package kernels_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

func TestCrossEntropy(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, shape := range append(shapes, [2]int{2, 50257}) {
			for _, spread := range []float64{1, 40, 1e4} { // exp overflows float32 from 89 on
				n, classes := shape[0], shape[1]
				z, labels, scale := r.numbers(dtype, n*classes, spread), r.integers(n, classes), r.numbers(linalg.F32, n, 1)
				if n > 2 {
					labels[1] = linalg.Ignored
				}
				lw, dw := make([]float64, n), make([]float64, n*classes)
				reference.CrossEntropy(lw, dw, z.wide(), ints(labels), scale.wide(), n, classes)
				lossSize := absolute(lw)
				for i := range lossSize {
					lossSize[i]++
				}
				what := fmt.Sprintf("CrossEntropy %v, logits up to %v", shape, spread)
				alone, loss := poisoned(linalg.F32, n), poisoned(linalg.F32, n)
				b.launch(name("cola_cross_entropy", dtype), oneRow, threads(classes), alone, nil, z, labels, nil, int64(n), int32(classes))
				b.check(what+" loss alone", alone, lw, lossSize, function)
				for _, d := range []numbers{poisoned(dtype, n*classes), z} { // in place at last
					b.launch(name("cola_cross_entropy", dtype), oneRow, threads(classes), loss, d, z, labels, scale, int64(n), int32(classes))
					b.check(what+" loss", loss, lw, lossSize, function)
					b.check(what+" dlogits", d, dw, repeated(n*classes, 1), function)
				}
			}
		}
	})
}

// TestCrossEntropyExtremes makes sure that what is not finite shows in its own row as it does
// in float64, wherever in the row it is.
func TestCrossEntropyExtremes(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	forTypes(t, func(b bench, dtype linalg.DType) {
		const classes = 1500 // two warps
		for _, at := range []int{0, 3, 700, classes - 1} {
			for _, v := range []float64{inf, -inf, nan} {
				for _, rest := range []float64{1, -inf} {
					z := repeated(classes, rest)
					z[at] = v
					x := hold(dtype, append(repeated(classes, 0), z...))
					labels, scale := []int32{0, 5}, hold(linalg.F32, []float64{1, 1})
					lw, dw := make([]float64, 2), make([]float64, 2*classes)
					reference.CrossEntropy(lw, dw, x.wide(), ints(labels), scale.wide(), 2, classes)
					loss, d := poisoned(linalg.F32, 2), poisoned(dtype, 2*classes)
					b.launch(name("cola_cross_entropy", dtype), oneRow, threads(classes), loss, d, x, labels, scale, int64(2), int32(classes))
					what := fmt.Sprintf("%v at %d among %v", v, at, rest)
					b.check(what+" loss", loss, lw, repeated(2, 10), function)
					b.check(what+" dlogits", d, dw, repeated(2*classes, 1), function)
				}
			}
		}
	})
}

// TestCrossEntropyLabel gives a row NaN for a label that is no class, and reads nothing.
func TestCrossEntropyLabel(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		const n, classes = 3, 10
		loss, d := poisoned(linalg.F32, n), poisoned(dtype, n*classes)
		z, scale := newSource().numbers(dtype, n*classes, 1), hold(linalg.F32, repeated(n, 1))
		b.launch(name("cola_cross_entropy", dtype), oneRow, 32, loss, d, z, []int32{classes, 1, -7}, scale, int64(n), int32(classes))
		for i, v := range append(loss.wide(), d.wide()...) {
			row := i
			if i >= n {
				row = (i - n) / classes
			}
			if math.IsNaN(v) != (row != 1) {
				t.Fatalf("a number of row %d is %v", row, v)
			}
		}
	})
}

func TestSquaredError(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, n := range []int{1, 7, 600} {
			pred, target, scale := r.numbers(dtype, n, 1), r.numbers(linalg.F32, n, 1), r.numbers(linalg.F32, n, 1)
			loss, alone, d := poisoned(linalg.F32, n), poisoned(linalg.F32, n), poisoned(dtype, n)
			lw, dw := make([]float64, n), make([]float64, n)
			reference.SquaredError(lw, dw, pred.wide(), target.wide(), scale.wide())
			b.launch(name("cola_squared_error", dtype), elements, 256, loss, d, pred, target, scale, int64(n))
			b.launch(name("cola_squared_error", dtype), elements, 256, alone, nil, pred, target, nil, int64(n))
			b.check("SquaredError", loss, lw, repeated(n, 4), 4*unit)
			b.check("SquaredError alone", alone, lw, repeated(n, 4), 4*unit)
			b.check("SquaredError gradient", d, dw, repeated(n, 4), 4*unit)
		}
	})
}

func TestArgmax(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, shape := range append(shapes, [2]int{4, 2000}) {
			n, c := shape[0], shape[1]
			values := r.numbers(dtype, n*c, 4).wide()
			for i := range values {
				values[i] = math.Round(values[i]) // many are equal
				if n > 2 && i/c == 2 {
					values[i] = math.Inf(-1)
				}
			}
			if n > 1 { // NaN is larger than nothing, and nothing than NaN
				values[c] = math.NaN()
				values[c/2] = math.NaN()
			}
			x, index, want := hold(dtype, values), make([]int32, n), make([]int, n)
			reference.Argmax(want, x.wide(), c)
			b.launch(name("cola_argmax", dtype), oneRow, threads(c), index, x, int64(n), int32(c))
			b.checkInts(fmt.Sprintf("Argmax %v", shape), index, want)
		}
	})
}
