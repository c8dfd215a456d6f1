package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/cuda/internal/emulator"
	"github.com/gradientlearning/cola/linalg"
)

// What the tests of kernels have in common: numbers of the types that a kernel is made for,
// launches by every schedule, and comparison with the float64 loops of linalg/reference.

// numbers are the elements of a kernel's operand, as a GPU's memory holds them.
type numbers struct {
	dtype  linalg.DType
	single []float32
	half   []uint16
}

// hold returns values in a type, rounded to it.
func hold(dtype linalg.DType, values []float64) numbers {
	t := linalg.New(linalg.F32, len(values))
	for i, v := range values {
		t.F32()[i] = float32(v)
	}
	if dtype == linalg.F32 {
		return numbers{dtype: dtype, single: t.F32()}
	}
	return numbers{dtype: dtype, half: t.Convert(dtype).Bits()}
}

// arg is the operand of a launch; nil for nothing.
func (x numbers) arg() any {
	switch {
	case x.single != nil:
		return x.single
	case x.half != nil:
		return x.half
	}
	return nil
}

// wide returns the values, exactly.
func (x numbers) wide() []float64 {
	out := make([]float64, max(len(x.single), len(x.half)))
	for i := range out {
		switch x.dtype {
		case linalg.BF16:
			out[i] = float64(linalg.F32FromBF16(x.half[i]))
		case linalg.F16:
			out[i] = float64(linalg.F32FromF16(x.half[i]))
		default:
			out[i] = float64(x.single[i])
		}
	}
	return out
}

func (x numbers) clone() numbers {
	return numbers{x.dtype, slices.Clone(x.single), slices.Clone(x.half)}
}

// poisoned returns n NaNs for a kernel to write over.
func poisoned(dtype linalg.DType, n int) numbers {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	return hold(dtype, values)
}

// source makes random numbers.
type source struct{ *rand.Rand }

func newSource() source { return source{rand.New(rand.NewPCG(3, 4))} }

// numbers returns n of them, up to bound.
func (r source) numbers(dtype linalg.DType, n int, bound float64) numbers {
	values := make([]float64, n)
	for i := range values {
		values[i] = bound * (2*r.Float64() - 1)
	}
	return hold(dtype, values)
}

// integers returns n of them below bound.
func (r source) integers(n, bound int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(r.IntN(bound))
	}
	return out
}

func ints(x []int32) []int {
	out := make([]int, len(x))
	for i, v := range x {
		out[i] = int(v)
	}
	return out
}

// bench launches kernels.
type bench struct {
	testing.TB
	library string
}

func newBench(t testing.TB) bench {
	t.Helper()
	return bench{t, emulator.Build(t, emulator.Options{})}
}

// forTypes runs a test for each type of hidden representations.
func forTypes(t *testing.T, run func(b bench, dtype linalg.DType)) {
	t.Helper()
	for _, dtype := range []linalg.DType{linalg.F32, linalg.BF16} {
		t.Run(dtype.String(), func(t *testing.T) { run(newBench(t), dtype) })
	}
}

// launch runs a kernel by every schedule, which must leave the same bits. Arguments may be
// numbers.
func (b bench) launch(kernel string, grid [2]int, threads int, args ...any) {
	b.Helper()
	for i, a := range args {
		if x, ok := a.(numbers); ok {
			args[i] = x.arg()
		}
	}
	emulator.LaunchAll(b, b.library, kernel, [3]int{grid[0], grid[1], 1}, [3]int{threads, 1, 1}, 0, args...)
}

// Kinds of grids, smaller than package cuda makes them, so that threads have more than one
// piece of work each.
var (
	elements = [2]int{2, 1}
	oneRow   = [2]int{2, 1}
	cells    = [2]int{2, 1}
)

// threads is what package cuda gives a block that has a row alone.
func threads(cols int) int { return min(32*max(1, (cols+1023)/1024), 512) }

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// The unit roundoff of float32, and the error of a function relative to 1 + |result|.
const (
	unit     = 0x1p-24
	function = 1e-6
)

// check holds what a kernel left against what is wanted: off by bound·size at most, and by
// half of the last place of the type. A nil size stands for an exact result.
func (b bench) check(what string, got numbers, want, size []float64, bound float64) {
	b.Helper()
	for i, g := range got.wide() {
		w, allowed := want[i], 0.0
		if size != nil {
			allowed = bound * size[i]
		}
		if got.dtype == linalg.BF16 {
			allowed += 0x1p-8 * math.Abs(w)
		}
		same := math.IsNaN(w) && math.IsNaN(g) || math.IsInf(w, 0) && g == w
		if !same && !(math.Abs(g-w) <= allowed) {
			b.Fatalf("%s: element %d is %v, want %v: off by %.3g, allowed is %.3g", what, i, g, w, math.Abs(g-w), allowed)
		}
	}
}

// checkInts is check for indices.
func (b bench) checkInts(what string, got []int32, want []int) {
	b.Helper()
	for i, g := range got {
		if int(g) != want[i] {
			b.Fatalf("%s: element %d is %d, want %d", what, i, g, want[i])
		}
	}
}

func absolute(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = math.Abs(v)
	}
	return out
}

func repeated(n int, v float64) []float64 { return slices.Repeat([]float64{v}, n) }

// lengths are of flat arrays: less than a pack, not a multiple of one, and many.
var lengths = []int{1, 7, 33, 100, 769, 5000}

// shapes are rows and columns, narrow and wide, of packs and not.
var shapes = [][2]int{{1, 1}, {3, 33}, {5, 100}, {2, 768}, {3, 769}, {3, 1032}, {2, 4096}}

func name(kernel string, types ...linalg.DType) string {
	for _, d := range types {
		kernel += fmt.Sprintf("_%v", d)
	}
	return kernel
}
