package cuda_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/linalg"
)

func TestTransfer(t *testing.T) {
	useGPU(t)
	d := newDevice(t, cuda.Options{})
	for _, dtype := range []linalg.DType{linalg.F32, linalg.BF16, linalg.F16} {
		host := normal(1, dtype, 5, 3, 7)
		x := put(d, host)
		same(t, "there and back", get(d, x), host)
		same(t, "rows of rows", get(d, d.Rows(d.Rows(x, 1, 5), 2, 4)), host.RowRange(3, 5))
		same(t, "fetched", must[*linalg.Tensor](t)(d.Fetch(x, dtype)()), host)
	}
	zeros := d.New(linalg.I32, 3000)
	same(t, "new", get(d, zeros), linalg.New(linalg.I32, 3000))
	empty := d.Empty(linalg.F32, 0, 4)
	same(t, "nothing", must[*linalg.Tensor](t)(d.Fetch(empty, linalg.BF16)()), linalg.New(linalg.BF16, 0, 4))
	d.Free(empty)
	if name := d.Name(); !strings.HasPrefix(name, "cuda:0 (") || zeros.Memory().Device() != "cuda:0" {
		t.Errorf("the device is %q, its memory that of %q", name, zeros.Memory().Device())
	}
	noError(t, d)
}

// A fetch sees the tensor as it was, whatever becomes of it, also where more is under way than
// pinned memory holds, and whoever waits first.
func TestFetch(t *testing.T) {
	useGPU(t)
	d := newDevice(t, cuda.Options{Pinned: 1 << 20})
	const rows, cols = 300, 1000
	var waits []func() (*linalg.Tensor, error)
	var want []*linalg.Tensor
	for i := range 6 {
		host := normal(uint64(i), linalg.F32, rows, cols)
		x, as := put(d, host), []linalg.DType{linalg.F32, linalg.BF16}[i%2]
		waits, want = append(waits, d.Fetch(x, as)), append(want, host.Convert(as))
		d.Zero(x)
		d.Free(x)
	}
	done := make(chan *linalg.Tensor, len(waits))
	for i := range waits {
		i = len(waits) - 1 - i
		go func() {
			got, err := waits[i]()
			if err != nil {
				t.Error(err)
			}
			done <- got
		}()
		same(t, "fetched", <-done, want[i])
	}
	noError(t, d)
}

func TestFree(t *testing.T) {
	useGPU(t)
	d := newDevice(t, cuda.Options{})
	panics := func(want string, do func()) {
		t.Helper()
		defer func() {
			if text, _ := recover().(string); !strings.Contains(text, want) {
				t.Errorf("%q: want %q", text, want)
			}
		}()
		do()
	}
	x := d.Empty(linalg.F32, 4, 2)
	panics("view", func() { d.Free(d.Rows(x, 0, 2)) })
	d.Free(x)
	panics("freed before", func() { d.Free(x) })
	panics("not on", func() { d.Zero(linalg.New(linalg.F32, 1)) })
	panics("rows 3 to 5", func() { d.Rows(d.Empty(linalg.F32, 4, 2), 3, 5) })
	noError(t, d)
}

// What nobody frees and nothing reaches is lent again, and steps that free what they take make
// the driver allocate once.
func TestMemoryComesBack(t *testing.T) {
	fake := newFake(t)
	fake.MemoryLimit(100 << 20) // 32 MiB of which are cuBLASLt's
	d := newDevice(t, cuda.Options{})
	for range 20 {
		d.Empty(linalg.F32, 5<<20)
	}
	noError(t, d)
	kept := d.Empty(linalg.F32, 10<<20)
	noError(t, d)
	if lost := d.Empty(linalg.F32, 10<<20); lost.Len() != 10<<20 {
		t.Error("a tensor without memory has no shape")
	}
	err := d.Err()
	if !errors.Is(err, linalg.ErrOutOfMemory) || !strings.Contains(err.Error(), "40.0 MiB asked for") {
		t.Errorf("too much: %v", err)
	}
	noError(t, d) // it was forgotten
	runtime.KeepAlive(kept)
	d.Free(kept)
	d.Free(d.Empty(linalg.F32, 12<<20))
	noError(t, d)
	if err := d.Trim(); err != nil {
		t.Error(err)
	}
	if free, total, err := d.Memory(); err != nil || total != 100<<20 || free < 60<<20 {
		t.Errorf("%d of %d bytes are free, %v", free, total, err)
	}
}

func TestProducts(t *testing.T) {
	useGPU(t)
	d, cpu := newDevice(t, cuda.Options{}), linalg.NewCPU()
	const n, in, out = 6, 24, 16
	for _, types := range [][3]linalg.DType{ // of c, a and b
		{linalg.F32, linalg.F32, linalg.F32}, {linalg.F32, linalg.BF16, linalg.BF16}, {linalg.BF16, linalg.BF16, linalg.BF16},
		{linalg.BF16, linalg.BF16, linalg.F32}, {linalg.F32, linalg.F32, linalg.BF16}, {linalg.BF16, linalg.F32, linalg.F32},
	} {
		tolerance := 1e-5
		for _, dtype := range types {
			if dtype == linalg.BF16 {
				tolerance = 1e-2
			}
		}
		for i := range 16 {
			op := linalg.MatMul{TransA: i&1 > 0, TransB: i&2 > 0, Accumulate: i&4 > 0, Alpha: float32(i&8) / 4}
			shape := func(rows, cols int, transposed bool) []int {
				if transposed {
					return []int{cols, rows}
				}
				return []int{rows, cols}
			}
			c := normal(1, types[0], n, out)
			a, b := normal(2, types[1], shape(n, in, op.TransA)...), normal(3, types[2], shape(in, out, op.TransB)...)
			want := c.Convert(linalg.F32).Clone()
			cpu.MatMul(want, a.Convert(linalg.F32), b.Convert(linalg.F32), op)
			got := put(d, c)
			d.MatMul(got, put(d, a), put(d, b), op)
			near(t, "MatMul", get(d, got), want, tolerance)
		}
	}
	noError(t, d)
}

func TestLinear(t *testing.T) {
	fake := newFake(t)
	for _, algorithms := range []int64{1, 0} { // cuBLASLt does epilogues, or none
		fake.Set("algorithms", algorithms)
		d, cpu := newDevice(t, cuda.Options{}), linalg.NewCPU()
		const n, in = 5, 24
		for _, out := range []int{16, 11} {
			testLinear(t, d, cpu, n, in, out)
		}
		noError(t, d)
	}
}

func testLinear(t *testing.T, d *cuda.Device, cpu linalg.Device, n, in, out int) {
	t.Helper()
	w := normal(1, linalg.F32, out, in)
	for _, precision := range []linalg.Precision{linalg.F32Products, linalg.BF16Weights, linalg.BF16Products} {
		tolerance, hidden := 1e-5, d.Hidden(precision)
		if hidden == linalg.BF16 {
			tolerance = 2e-2
		}
		near, far := cpu.Pack(w, precision), d.Pack(put(d, w), precision)
		if far.Bytes() != cuda.PackedBytes(out, in, precision) {
			t.Errorf("%v: %d bytes are packed", precision, far.Bytes())
		}
		x, g := normal(2, hidden, n, in), normal(3, hidden, n, out)
		bias, residual := normal(4, linalg.F32, out), normal(5, hidden, n, out)
		for i := range 16 {
			e, f := linalg.Epilogue{}, linalg.Epilogue{}
			if i&1 > 0 {
				e.Bias, f.Bias = bias, put(d, bias)
			}
			if i&2 > 0 {
				e.Residual, f.Residual = residual.Convert(linalg.F32), put(d, residual)
			}
			if i&4 > 0 {
				e.Activation = []linalg.Activation{linalg.GELU, linalg.GELUTanh}[i>>3]
				f.Activation = e.Activation
				e.Saved, f.Saved = linalg.New(linalg.F32, n, out), d.Empty(hidden, n, out)
			}
			want, got := linalg.New(linalg.F32, n, out), d.Empty(hidden, n, out)
			cpu.Linear(want, x.Convert(linalg.F32), near, e)
			d.Linear(got, put(d, x), far, f)
			check(t, d, precision.String()+" y", got, want, tolerance)
			if e.Saved != nil { // each device's own, for its own way back
				behind := normal(7, linalg.F32, in, out)
				b, c := linalg.Backward{Activation: e.Activation, Saved: e.Saved}, linalg.Backward{Activation: f.Activation, Saved: f.Saved}
				want, got := linalg.New(linalg.F32, n, out), d.Empty(hidden, n, out)
				cpu.LinearBackward(want, x.Convert(linalg.F32), cpu.Pack(behind, precision), b)
				d.LinearBackward(got, put(d, x), d.Pack(put(d, behind), precision), c)
				check(t, d, precision.String()+" back through f", got, want, tolerance)
			}
		}
		for _, accumulate := range []bool{false, true} {
			dx := normal(6, hidden, n, in)
			want, got := dx.Convert(linalg.F32).Clone(), put(d, dx)
			cpu.LinearBackward(want, g.Convert(linalg.F32), near, linalg.Backward{Accumulate: accumulate})
			d.LinearBackward(got, put(d, g), far, linalg.Backward{Accumulate: accumulate})
			check(t, d, precision.String()+" dx", got, want, tolerance)
		}
	}
}

func check(t *testing.T, d linalg.Device, what string, got, want *linalg.Tensor, tolerance float64) {
	t.Helper()
	near(t, what, get(d, got), want, tolerance)
}

// A GPU that multiplies no bfloat16 keeps matrices so, and computes in float32.
func TestBeforeAmpere(t *testing.T) {
	newFake(t).Set("capability", 75)
	d := newDevice(t, cuda.Options{})
	if got := d.Hidden(linalg.BF16Products); got != linalg.F32 {
		t.Errorf("values are kept in %v", got)
	}
	x, w := put(d, normal(1, linalg.F32, 5, 12)), put(d, normal(2, linalg.F32, 7, 12))
	var results [2][]float32
	for i, precision := range []linalg.Precision{linalg.BF16Products, linalg.BF16Weights} {
		y := d.Empty(linalg.F32, 5, 7)
		d.Linear(y, x, d.Pack(w, precision), linalg.Epilogue{})
		results[i] = get(d, y).F32()
	}
	if !slices.Equal(results[0], results[1]) {
		t.Errorf("bf16 is %v, bf16-weights %v", results[0], results[1])
	}
	noError(t, d)
}
