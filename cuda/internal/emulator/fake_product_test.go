package emulator

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"
)

// Values of cublasLt.h.
const (
	blasInvalidValue = 7
	blasNotSupported = 15
	float32Type      = 0
	bfloat16Type     = 14
)

// matrix is one in columns, as libcublasLt sees it, or a batch of them.
type matrix struct {
	t             int
	rows, columns int
	stride, step  int
	values        []float64 // of the whole memory
	at            uintptr
	layout        uintptr
}

func (m *matrix) get(index, i, j int) float64 { return m.values[index*m.step+j*m.stride+i] }

// operation is a product, with a plan for it.
type operation struct {
	transA, transB int32
	alpha, beta    float32
	in, out        int
	m, n, k        int
	pad, batch     int // elements between columns, and products
	epilogue       int32
}

// blas is what is made for an operation.
type blas struct {
	*driver
	stream, handle, desc, pref uintptr
	a, b, c, d                 *matrix
	bias, aux                  *matrix
	workspace                  uintptr
	heuristic                  [96]byte
}

func newBLAS(t *testing.T, o operation) *blas {
	t.Helper()
	b := &blas{driver: newDriver(t)}
	b.stream = b.driver.stream()
	b.want(0, "cublasLtCreate", uintptr(unsafe.Pointer(&b.handle)))
	t.Cleanup(func() { b.call("cublasLtDestroy", b.handle) })
	b.want(0, "cublasLtMatmulDescCreate", uintptr(unsafe.Pointer(&b.desc)), 68, float32Type)
	t.Cleanup(func() { b.call("cublasLtMatmulDescDestroy", b.desc) })
	swap := func(yes int32, rows, columns int) (int, int) {
		if yes != 0 {
			return columns, rows
		}
		return rows, columns
	}
	rows, columns := swap(o.transA, o.m, o.k)
	b.a = b.matrix(o.in, rows, columns, o.pad, o.batch)
	rows, columns = swap(o.transB, o.k, o.n)
	b.b = b.matrix(o.in, rows, columns, o.pad, o.batch)
	b.c = b.matrix(o.out, o.m, o.n, o.pad, o.batch)
	b.d = b.matrix(o.out, o.m, o.n, o.pad, o.batch)
	b.bias = b.matrix(o.out, o.m, 1, 0, 1)
	b.aux = b.matrix(o.out, o.m, o.n, (8-o.m%8)%8, 1)
	auxStride := int64(b.aux.stride)
	b.set(3, unsafe.Pointer(&o.transA), 4)
	b.set(4, unsafe.Pointer(&o.transB), 4)
	b.set(7, unsafe.Pointer(&o.epilogue), 4)
	b.set(8, unsafe.Pointer(&b.bias.at), 8)
	b.set(11, unsafe.Pointer(&b.aux.at), 8)
	b.set(12, unsafe.Pointer(&auxStride), 8)
	b.workspace = b.memory(1 << 20)
	b.want(0, "cublasLtMatmulPreferenceCreate", uintptr(unsafe.Pointer(&b.pref)))
	t.Cleanup(func() { b.call("cublasLtMatmulPreferenceDestroy", b.pref) })
	bytes, alignment := uint64(1<<20), uint32(4)
	b.want(0, "cublasLtMatmulPreferenceSetAttribute", b.pref, 1, uintptr(unsafe.Pointer(&bytes)), 8)
	for i := range 4 {
		b.want(0, "cublasLtMatmulPreferenceSetAttribute", b.pref, uintptr(5+i), uintptr(unsafe.Pointer(&alignment)), 4)
	}
	b.want(blasInvalidValue, "cublasLtMatmulPreferenceSetAttribute", b.pref, 2, uintptr(unsafe.Pointer(&bytes)), 8)
	return b
}

func (b *blas) set(attribute int, value unsafe.Pointer, size int) {
	b.t.Helper()
	b.want(0, "cublasLtMatmulDescSetAttribute", b.desc, uintptr(attribute), uintptr(value), uintptr(size))
	b.want(blasInvalidValue, "cublasLtMatmulDescSetAttribute", b.desc, uintptr(attribute), uintptr(value), uintptr(size-1))
}

// matrix makes one with random numbers, in the device's memory too.
func (b *blas) matrix(kind, rows, columns, pad, batch int) *matrix {
	b.t.Helper()
	m := &matrix{t: kind, rows: rows, columns: columns, stride: rows + pad}
	m.step = (m.stride*columns + 5) &^ 1
	m.values = make([]float64, batch*m.step)
	r := rand.New(rand.NewPCG(uint64(rows), uint64(columns)))
	halves, words := make([]uint16, len(m.values)), make([]float32, len(m.values))
	for i := range m.values {
		v := float32(r.NormFloat64())
		if kind == bfloat16Type {
			halves[i] = uint16(math.Float32bits(v) >> 16)
			v = math.Float32frombits(uint32(halves[i]) << 16)
		}
		words[i], m.values[i] = v, float64(v)
	}
	data, bytes := unsafe.Pointer(&words[0]), 4*len(words)
	if kind == bfloat16Type {
		data, bytes = unsafe.Pointer(&halves[0]), 2*len(halves)
	}
	m.at = b.memory(bytes)
	b.want(0, "cuMemcpyHtoDAsync_v2", m.at, uintptr(data), uintptr(bytes), b.stream)
	b.want(0, "cublasLtMatrixLayoutCreate", uintptr(unsafe.Pointer(&m.layout)), uintptr(kind), uintptr(rows), uintptr(columns), uintptr(m.stride))
	b.t.Cleanup(func() { b.call("cublasLtMatrixLayoutDestroy", m.layout) })
	count, step := int32(batch), int64(m.step)
	b.want(0, "cublasLtMatrixLayoutSetAttribute", m.layout, 5, uintptr(unsafe.Pointer(&count)), 4)
	b.want(0, "cublasLtMatrixLayoutSetAttribute", m.layout, 6, uintptr(unsafe.Pointer(&step)), 8)
	return m
}

// read returns what the device has of a matrix now.
func (b *blas) read(m *matrix) *matrix {
	b.t.Helper()
	now := *m
	now.values = make([]float64, len(m.values))
	if m.t == bfloat16Type {
		words := b.download(m.at, (len(m.values)+1)/2, b.stream)
		halves := unsafe.Slice((*uint16)(unsafe.Pointer(&words[0])), len(m.values))
		for i, v := range fromBF16(halves) {
			now.values[i] = float64(v)
		}
		return &now
	}
	for i, v := range b.download(m.at, len(m.values), b.stream) {
		now.values[i] = float64(v)
	}
	return &now
}

func (b *blas) choose() int {
	b.t.Helper()
	var found int32
	return b.call("cublasLtMatmulAlgoGetHeuristic", b.handle, b.desc, b.a.layout, b.b.layout, b.c.layout, b.d.layout, b.pref, 1,
		uintptr(unsafe.Pointer(&b.heuristic)), uintptr(unsafe.Pointer(&found)))
}

func (b *blas) multiply(alpha, beta float32) int {
	b.t.Helper()
	return b.call("cublasLtMatmul", b.handle, b.desc, uintptr(unsafe.Pointer(&alpha)), b.a.at, b.a.layout, b.b.at, b.b.layout,
		uintptr(unsafe.Pointer(&beta)), b.c.at, b.c.layout, b.d.at, b.d.layout, uintptr(unsafe.Pointer(&b.heuristic)),
		b.workspace, 1<<20, b.stream)
}

func TestProducts(t *testing.T) {
	var all []operation
	for _, kinds := range [][2]int{{float32Type, float32Type}, {bfloat16Type, bfloat16Type}, {bfloat16Type, float32Type}} {
		for trans := range int32(4) {
			o := operation{transA: trans & 1, transB: trans >> 1, alpha: 1, in: kinds[0], out: kinds[1], m: 7, n: 6, k: 9, batch: 1, epilogue: 1}
			all = append(all, o)
			o.pad, o.batch, o.alpha, o.beta, o.m, o.n, o.k = 3, 3, 0.5, 2, 8, 5, 33
			all = append(all, o)
		}
		for _, epilogue := range []int32{4, 160, 164} {
			all = append(all, operation{alpha: 1, beta: 1, in: kinds[0], out: kinds[1], m: 11, n: 3, k: 5, batch: 1, epilogue: epilogue})
		}
	}
	for _, o := range all {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) { testProduct(t, o) })
	}
}

func testProduct(t *testing.T, o operation) {
	b := newBLAS(t, o)
	if code := b.choose(); code != 0 {
		t.Fatalf("no algorithm: %d", code)
	}
	if code := b.multiply(o.alpha, o.beta); code != 0 {
		t.Fatalf("cublasLtMatmul returns %d", code)
	}
	d, aux := b.read(b.d), b.read(b.aux)
	for index := range o.batch {
		for j := range o.n {
			for i := range o.m {
				want := o.element(b, index, i, j)
				if o.epilogue&128 != 0 {
					near(t, "aux", aux.get(0, i, j), want, b.aux.t)
					want = 0.5 * want * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(want+0.044715*want*want*want)))
				}
				near(t, fmt.Sprintf("element %d, %d of %d", i, j, index), d.get(index, i, j), want, b.d.t)
			}
		}
		// Nothing is written between columns, nor between matrices.
		for at := o.m; o.pad > 0 && at < b.d.stride; at++ {
			if got, want := d.get(index, at, 0), b.d.get(index, at, 0); got != want {
				t.Errorf("between columns is %v, and was %v", got, want)
			}
		}
	}
}

// element is one of alpha·op(A)·op(B) + beta·C + bias, in float64.
func (o operation) element(b *blas, index, i, j int) float64 {
	sum := 0.0
	for l := range o.k {
		x, y := b.a.get, b.b.get
		ai, aj, bi, bj := i, l, l, j
		if o.transA != 0 {
			ai, aj = l, i
		}
		if o.transB != 0 {
			bi, bj = j, l
		}
		sum += x(index, ai, aj) * y(index, bi, bj)
	}
	sum = float64(o.alpha)*sum + float64(o.beta)*b.c.get(index, i, j)
	if o.epilogue&4 != 0 {
		sum += b.bias.get(0, i, 0)
	}
	return sum
}

func near(t *testing.T, what string, got, want float64, kind int) {
	t.Helper()
	tolerance := 1e-5
	if kind == bfloat16Type {
		tolerance = 1. / 256
	}
	if !(math.Abs(got-want) <= tolerance*(1+math.Abs(want))) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// What libcublasLt refuses, and what it cannot know.
func TestProductFailures(t *testing.T) {
	plain := operation{alpha: 1, in: float32Type, out: float32Type, m: 7, n: 6, k: 9, batch: 1, epilogue: 1}
	fused := plain
	fused.epilogue = 164
	t.Run("no algorithm", func(t *testing.T) {
		b := newBLAS(t, fused)
		b.fake.Set("algorithms", 0)
		if code := b.choose(); code != blasNotSupported {
			t.Errorf("the heuristic returns %d", code)
		}
		epilogue := int32(8)
		b.set(7, unsafe.Pointer(&epilogue), 4)
		b.fake.Set("algorithms", 1)
		if code := b.choose(); code != blasNotSupported {
			t.Errorf("the heuristic returns %d for an epilogue that is not emulated", code)
		}
	})
	t.Run("another product's algorithm", func(t *testing.T) {
		b := newBLAS(t, plain)
		if code := b.multiply(1, 0); code != blasInvalidValue {
			t.Errorf("without an algorithm it returns %d", code)
		}
		b.choose()
		epilogue := int32(4)
		b.set(7, unsafe.Pointer(&epilogue), 4)
		if code := b.multiply(1, 0); code != blasInvalidValue {
			t.Errorf("with the algorithm of another product it returns %d", code)
		}
	})
	t.Run("shapes", func(t *testing.T) {
		b := newBLAS(t, plain)
		b.a, b.b = b.b, b.a
		if code := b.choose(); code != blasInvalidValue {
			t.Errorf("the heuristic returns %d", code)
		}
	})
	t.Run("alignment", func(t *testing.T) {
		b := newBLAS(t, plain)
		alignment := uint32(16)
		b.want(0, "cublasLtMatmulPreferenceSetAttribute", b.pref, 5, uintptr(unsafe.Pointer(&alignment)), 4)
		b.choose()
		b.a.at += 4
		if code := b.multiply(1, 0); code != blasInvalidValue {
			t.Errorf("it returns %d", code)
		}
	})
	for name, harm := range map[string]func(b *blas){
		"B, 216 bytes at 0x": func(b *blas) { b.b.at += 32 },
		"D overlaps A":       func(b *blas) { b.d.at = b.a.at },
		"bias, 28 bytes at ": func(b *blas) { wrong := b.bias.at + 32; b.set(8, unsafe.Pointer(&wrong), 8) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBLAS(t, fused)
			b.choose()
			harm(b)
			if code := b.multiply(1, 0); code != 0 {
				t.Fatalf("cublasLtMatmul returns %d, before its turn", code)
			}
			b.want(illegalAddress, "cuStreamSynchronize", b.stream)
			if got := b.words(illegalAddress); !strings.Contains(got, "cublasLtMatmul: "+name) {
				t.Errorf("the words are %q", got)
			}
			b.fake.Reset()
		})
	}
}
