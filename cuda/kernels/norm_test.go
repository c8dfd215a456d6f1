package kernels_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

const epsilon = float32(1e-5)

// wideRow is more than the threads of a block hold.
var wideRow = [2]int{1, 32*512 + 77}

func TestLayerNorm(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, shape := range append(shapes, wideRow) {
			n, c := shape[0], shape[1]
			x, weight, bias := r.numbers(dtype, n*c, 1), r.numbers(linalg.F32, c, 1), r.numbers(linalg.F32, c, 1)
			for _, shift := range []numbers{bias, {}} {
				var bw []float64
				if shift.single != nil {
					bw = shift.wide()
				}
				want, statsWant := make([]float64, n*c), make([]float64, 2*n)
				reference.LayerNorm(want, statsWant, x.wide(), weight.wide(), bw, n, float64(epsilon))
				y, stats := poisoned(dtype, n*c), poisoned(linalg.F32, 2*n)
				b.launch(name("cola_layer_norm", dtype), oneRow, threads(c), y, stats, x, weight, shift, int64(n), int32(c), epsilon)
				what := fmt.Sprintf("LayerNorm %v bias %v", shape, bw != nil)
				size := make([]float64, n*c)
				for i := range size {
					size[i] = 4 * math.Max(1, statsWant[2*(i/c)+1]) // numbers are up to 1, before r
				}
				b.check(what, y, want, size, float64(c+12)*unit)
				for i := range n {
					statsWant[2*i+1] /= statsWant[2*i+1] // of r, which may be large, the relative error
					stats.single[2*i+1] = float32(float64(stats.single[2*i+1]) / layerRoot(x.wide()[i*c:(i+1)*c]))
				}
				b.check(what+" stats", stats, statsWant, repeated(2*n, 4), float64(c+12)*unit)
			}
		}
	})
}

// layerRoot returns 1/√(variance + eps) of a row.
func layerRoot(row []float64) float64 {
	ones, stats := repeated(len(row), 1), make([]float64, 2)
	reference.LayerNorm(make([]float64, len(row)), stats, row, ones, nil, 1, float64(epsilon))
	return stats[1]
}

func TestRMSNorm(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, shape := range append(shapes, wideRow) {
			n, c := shape[0], shape[1]
			x, weight := r.numbers(dtype, n*c, 1), r.numbers(linalg.F32, c, 1)
			want, statsWant := make([]float64, n*c), make([]float64, n)
			reference.RMSNorm(want, statsWant, x.wide(), weight.wide(), n, float64(epsilon))
			y, stats := poisoned(dtype, n*c), poisoned(linalg.F32, n)
			b.launch(name("cola_rms_norm", dtype), oneRow, threads(c), y, stats, x, weight, int64(n), int32(c), epsilon)
			b.check(fmt.Sprintf("RMSNorm %v", shape), y, want, absolute(want), float64(c+8)*unit)
			b.check(fmt.Sprintf("RMSNorm %v stats", shape), stats, statsWant, statsWant, float64(c+8)*unit)
		}
	})
}

func TestNormBackward(t *testing.T) {
	norms := []struct {
		kernel    string
		stats     int
		reference func(dx, g, x, stats, weight []float64, n int, accumulate bool)
	}{
		{"cola_layer_norm_backward", 2, reference.LayerNormBackward},
		{"cola_rms_norm_backward", 1, reference.RMSNormBackward},
	}
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, norm := range norms {
			for _, shape := range append(shapes, wideRow) {
				n, c := shape[0], shape[1]
				x, g, weight := r.numbers(dtype, n*c, 1), r.numbers(dtype, n*c, 1), r.numbers(linalg.F32, c, 1)
				stats := r.numbers(linalg.F32, norm.stats*n, 1) // any will do
				for _, accumulate := range []bool{false, true} {
					dx, want := poisoned(dtype, n*c), make([]float64, n*c)
					if accumulate {
						dx = r.numbers(dtype, n*c, 1)
						want = dx.wide()
					}
					norm.reference(want, g.wide(), x.wide(), stats.wide(), weight.wide(), n, accumulate)
					b.launch(name(norm.kernel, dtype), oneRow, threads(c), dx, g, x, stats, weight, int64(n), int32(c), flag(accumulate))
					what := fmt.Sprintf("%s %v accumulate %v", norm.kernel, shape, accumulate)
					b.check(what, dx, want, repeated(n*c, 8), float64(c+12)*unit)
				}
			}
		}
	})
}

// TestNormNaN makes sure that what is no number shows in its own row, and in no other.
func TestNormNaN(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		const n, c = 3, 100
		values := newSource().numbers(dtype, n*c, 1).wide()
		values[c+7] = math.NaN()
		y, stats := poisoned(dtype, n*c), poisoned(linalg.F32, 2*n)
		b.launch(name("cola_layer_norm", dtype), oneRow, 32, y, stats, hold(dtype, values), hold(linalg.F32, repeated(c, 1)), nil, int64(n), int32(c), epsilon)
		for i, v := range y.wide() {
			if math.IsNaN(v) != (i/c == 1) {
				t.Fatalf("element %d of row %d is %v", i%c, i/c, v)
			}
		}
	})
}
