package cuda

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/gradientlearning/cola/linalg"
)

// hostMatrix is a matrix on both sides, as far as a test needs it.
type hostMatrix struct {
	matrix
	values []float64 // as the GPU has them, rounded; all of the memory, with what lies between rows
}

// random puts a matrix of a type on the GPU, with rows stride apart, in a batch of so many.
func random(t *testing.T, c *context, r *rand.Rand, dtype linalg.DType, rows, cols, stride, batch int) hostMatrix {
	t.Helper()
	h := hostMatrix{matrix: matrix{dtype: dtype, rows: rows, cols: cols, stride: stride, step: int64(rows * stride)}}
	f := linalg.New(linalg.F32, batch*rows*stride)
	for i := range f.F32() {
		f.F32()[i] = float32(r.NormFloat64())
	}
	stored := f.Convert(dtype)
	for _, v := range stored.Convert(linalg.F32).F32() {
		h.values = append(h.values, float64(v))
	}
	data := linalg.Bytes(stored)
	h.at = block(t, c, int64(len(data)))
	in(t, c, func() error { return c.upload(h.at, data) })
	return h
}

// fetch brings a matrix back.
func (h *hostMatrix) fetch(t *testing.T, c *context) []float64 {
	t.Helper()
	stored := linalg.New(h.dtype, len(h.values))
	in(t, c, func() error { return c.download(linalg.Bytes(stored), h.at) })
	var values []float64
	for _, v := range stored.Convert(linalg.F32).F32() {
		values = append(values, float64(v))
	}
	return values
}

func (h *hostMatrix) element(b, i, j int, transposed bool) float64 {
	if transposed {
		i, j = j, i
	}
	return h.values[b*int(h.step)+i*h.stride+j]
}

// TestProducts holds every kind of product against a loop in float64.
func TestProducts(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	r := rand.New(rand.NewPCG(1, 2))
	const m, n, k, batch, gap = 5, 8, 6, 3, 8
	for _, in := range []linalg.DType{linalg.F32, linalg.BF16} {
		for _, out := range []linalg.DType{linalg.F32, in} {
			for kind := range 1 << 6 {
				transA, transB := kind&1 != 0, kind&2 != 0
				beta, bias, gelu := kind&4 != 0, kind&8 != 0, kind&16 != 0
				batched := 1
				if kind&32 != 0 {
					batched = batch
				}
				if gelu && !bias || bias && batched > 1 {
					continue
				}
				name := fmt.Sprintf("%v to %v, transA %v, transB %v, beta %v, bias %v, gelu %v, batch %d", in, out, transA, transB, beta, bias, gelu, batched)
				shape := func(rows, cols int, transposed bool) (int, int) {
					if transposed {
						return cols, rows
					}
					return rows, cols
				}
				ar, ac := shape(m, k, transA)
				br, bc := shape(k, n, transB)
				a := random(t, c, r, in, ar, ac, ac+gap, batched)
				b := random(t, c, r, in, br, bc, bc, batched)
				d := random(t, c, r, out, m, n, n+gap, batched)
				residual := random(t, c, r, out, m, n, n, batched)
				added := random(t, c, r, out, 1, n, n, 1)
				before := random(t, c, r, out, m, n, n, 1)
				p := &product{a: a.matrix, b: b.matrix, transA: transA, transB: transB, alpha: 0.5, d: d.matrix, batch: batched}
				if beta {
					p.beta, p.c = 2, residual.matrix
				}
				if bias {
					p.bias = added.at
				}
				if gelu {
					p.aux = before.matrix
				}
				if err := c.try(name, func() error { return c.blas.multiply(p) }); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				got, gotBefore := d.fetch(t, c), before.fetch(t, c)
				for at, v := range got { // what lies between rows stays
					i, j := at/(n+gap)%m, at%(n+gap)
					bt := at / (m * (n + gap))
					want := 0.0
					if j >= n {
						want = d.values[at]
					} else {
						for l := range k {
							want += 0.5 * a.element(bt, i, l, transA) * b.element(bt, l, j, transB)
						}
						if beta {
							want += 2 * residual.element(bt, i, j, false)
						}
						if bias {
							want += added.values[j]
						}
						if gelu {
							near(t, name+", before", gotBefore[i*n+j], want, out)
							want = 0.5 * want * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(want+0.044715*want*want*want)))
						}
					}
					near(t, fmt.Sprintf("%s, element %d of row %d", name, j, i), v, want, out)
				}
			}
		}
	}
}

// near wants as many digits as a type has.
func near(t *testing.T, what string, got, want float64, dtype linalg.DType) {
	t.Helper()
	tolerance := 1e-5
	if dtype == linalg.BF16 {
		tolerance = 1.0 / 128
	}
	if !(math.Abs(got-want) <= tolerance*(1+math.Abs(want))) {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

func TestPlansAreKept(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	c.o.strict = false
	r := rand.New(rand.NewPCG(1, 3))
	a, b := random(t, c, r, linalg.F32, 16, 16, 16, 1), random(t, c, r, linalg.F32, 16, 16, 16, 1)
	d, bias := random(t, c, r, linalg.F32, 16, 16, 16, 1), random(t, c, r, linalg.F32, 1, 32, 32, 1)
	p := &product{a: a.matrix, b: b.matrix, alpha: 1, d: d.matrix, bias: bias.at}
	multiply := func() {
		if err := c.blas.multiply(p); err != nil {
			t.Fatal(err)
		}
	}
	in(t, c, func() error {
		if n := testing.AllocsPerRun(20, multiply); n != 0 {
			t.Errorf("%v allocations for a product that was seen before", n)
		}
		first := len(c.blas.plans)
		p.a, p.alpha = b.matrix, 2 // other addresses and factors are the same kind of product
		multiply()
		if len(c.blas.plans) != first || first != 1 {
			t.Errorf("%d plans, then %d, want 1", first, len(c.blas.plans))
		}
		p.bias = bias.at + 4*16 // another place, as far aligned
		multiply()
		p.bias = bias.at + 4 // not so far
		multiply()
		p.transA = true
		multiply()
		if got := len(c.blas.plans); got != 4 {
			t.Errorf("%d plans for four kinds of products", got)
		}
		return nil
	})
	got := d.fetch(t, c)
	want := bias.values[1+3]
	for l := range 16 {
		want += 2 * b.element(0, l, 2, false) * b.element(0, l, 3, false)
	}
	near(t, "an element", got[2*16+3], want, linalg.F32)
}

func TestNoAlgorithmIsAnAnswer(t *testing.T) {
	fake := fakeDriver(t)
	c := strictly(t)
	r := rand.New(rand.NewPCG(1, 4))
	a, d := random(t, c, r, linalg.BF16, 8, 8, 8, 1), random(t, c, r, linalg.BF16, 8, 8, 8, 1)
	p := &product{a: a.matrix, b: a.matrix, alpha: 1, d: d.matrix, bias: a.at}
	fake.Set("algorithms", 0)
	multiply := func() error { return c.blas.multiply(p) }
	for range 2 {
		if err := c.try("Linear", multiply); !errors.Is(err, errNoAlgorithm) {
			t.Errorf("the error is %v", err)
		}
	}
	p.bias = 0
	in(t, c, multiply)
	fake.Set("algorithms", 1)
	for call, code := range map[string]int{"cublasLtMatmulAlgoGetHeuristic": 7, "cublasLtMatmul": 15} {
		p.bias = a.at
		p.a.rows, p.d.rows = p.a.rows-1, p.d.rows-1 // another plan
		fake.Fail(call, 1, code)
		if err := c.try("Linear", multiply); !errors.Is(err, errNoAlgorithm) {
			t.Errorf("after %d from %s the error is %v", code, call, err)
		}
	}
	p.bias = 0
	empty := *p
	empty.a.rows, empty.d.rows = 0, 0
	in(t, c, func() error { return c.blas.multiply(&empty) })
	fake.Fail("cublasLtMatmul", 1, 13)
	err := c.try("Linear", multiply)
	if e, ok := errors.AsType[*Error](err); !ok || e.Lib != libBLAS || e.Name != "CUBLAS_STATUS_EXECUTION_FAILED" || e.Op != "Linear" {
		t.Errorf("the error is %#v", err)
	}
}

func TestProductsThatDoNotFitPanic(t *testing.T) {
	useDriver(t)
	c := strictly(t)
	f := func(dtype linalg.DType, rows, cols int) matrix { return matrix{dtype: dtype, rows: rows, cols: cols} }
	for want, p := range map[string]*product{
		"cuda: product of (2,3) and (2,5) into (2,5)":   {a: f(linalg.F32, 2, 3), b: f(linalg.F32, 2, 5), d: f(linalg.F32, 2, 5)},
		"cuda: product of (2,3)ᵀ and (5,2)ᵀ into (2,5)": {a: f(linalg.F32, 2, 3), b: f(linalg.F32, 5, 2), d: f(linalg.F32, 2, 5), transA: true, transB: true},
		"cuda: product of f32 and bf16 into f32":        {a: f(linalg.F32, 2, 3), b: f(linalg.BF16, 3, 5), d: f(linalg.F32, 2, 5)},
		"cuda: product of f32 and f32 into bf16":        {a: f(linalg.F32, 2, 3), b: f(linalg.F32, 3, 5), d: f(linalg.BF16, 2, 5)},
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("panicked with %v, want %s", got, want)
				}
			}()
			_ = c.blas.multiply(p)
		}()
	}
}

// TestLayoutOfC holds Go's structures against the sizes that cublasLt.h gives them.
func TestLayoutOfC(t *testing.T) {
	if got := unsafe.Sizeof(heuristicResult{}); got != 96 {
		t.Errorf("cublasLtMatmulHeuristicResult_t has 96 bytes, and ours %d", got)
	}
}

// TestRealBLAS opens NVIDIA's library, where it is, and asks it what needs no GPU.
func TestRealBLAS(t *testing.T) {
	b, err := loadBLAS(0)
	if err != nil {
		t.Skipf("libcublasLt is not here: %v", err)
	}
	err = b.check("", 15)
	if e, ok := errors.AsType[*Error](err); !ok || e.Name != "CUBLAS_STATUS_NOT_SUPPORTED" {
		t.Errorf("status 15 is %v", err)
	}
	t.Logf("%s, version %d", b.lib.Path, b.version)
}
