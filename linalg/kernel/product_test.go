package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// The ways a product's sums can start.
const (
	fromNothing = iota // init is nil
	fromRows           // a row of init for each row of c
	fromOneRow         // one row for all: ldi = 0
	fromItself         // init is c
	starts
)

// A problem is a product of (m, k) and (k, n), and what it has to be. Since no element may
// depend on what is computed beside it, the upper left part of the result is also what a
// product of fewer rows and columns has to be.
type problem struct {
	m, n, k    int
	a, b, init []float32 // row after row
	want       [starts][]float32
}

// newProblem returns one of normally distributed numbers, among which are NaN, Inf, signed
// zeros and denormals if special is set.
func newProblem(seed uint64, m, n, k int, special bool) *problem {
	r := rand.New(rand.NewPCG(seed, uint64(m*1_000_000+n*1000+k)))
	p := &problem{m: m, n: n, k: k, a: normal(r, m*k), b: normal(r, k*n), init: normal(r, m*n)}
	if special {
		for _, x := range [][]float32{p.a, p.b, p.init} {
			sprinkle(r, x)
		}
	}
	packed := make([]float32, kernel.PackedLen(k, n))
	kernel.Pack(packed, p.b, k, n, n, 1)
	for start := range p.want {
		p.want[start] = make([]float32, m*n)
		init, ldi := p.init, n
		switch start {
		case fromNothing:
			init, ldi = nil, 0
		case fromOneRow:
			ldi = 0
		}
		kernel.MultiplyLoop(p.want[start], n, init, ldi, kernel.Rows(p.a, k), packed, m, n, k)
	}
	return p
}

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// sprinkle replaces about one number in 60 by one that is special, and as many by one so
// small that its products are denormal.
func sprinkle(r *rand.Rand, x []float32) {
	special := []float32{
		float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)),
		math.MaxFloat32, 0x1p-149, -0x1p-140, 0x1.fffffcp-127,
	}
	for i := range x {
		switch r.IntN(60) {
		case 0:
			x[i] = special[r.IntN(len(special))]
		case 1:
			x[i] *= 0x1p-70
		}
	}
}

// A layout is how the matrices of a product lie in memory.
type layout struct {
	start      int
	transposed bool // a lies column after column
	pad        int  // elements between the rows of everything
	shift      int  // elements before the first one
}

func (l layout) String() string {
	return fmt.Sprintf("start %d, transposed %v, pad %d, shift %d", l.start, l.transposed, l.pad, l.shift)
}

// randomLayout returns one of all, by the hash of a shape.
func randomLayout(m, n, k int) layout {
	h := uint(m*31+n)*uint(0x9e3779b1) + uint(k)*uint(0x85ebca6b)
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 12
	return layout{start: int(h % starts), transposed: h>>2&1 == 0, pad: int(h >> 3 % 4), shift: int(h >> 5 % 5)}
}

// surround is what stands where nothing may be read that has an influence: around a and init.
var surround = float32(math.NaN())

// canary is what stands where nothing may be written: around c and between its rows.
const canary = -1234.5678

// embed lays the upper left (rows, cols) of x, which has rows of ld elements, into a larger
// array of fill, and returns the array, the part that begins with x, and its row's length.
func (l layout) embed(x []float32, ld, rows, cols int, fill float32) (all, part []float32, stride int) {
	stride = cols + l.pad
	all = make([]float32, l.shift+rows*stride+l.shift+1)
	for i := range all {
		all[i] = fill
	}
	part = all[l.shift:]
	for i := range rows {
		copy(part[i*stride:][:cols], x[i*ld:][:cols])
	}
	return all, part, stride
}

// left returns the upper part of a, m rows, as this layout has it.
func (l layout) left(p *problem, m int) kernel.Operand {
	if !l.transposed {
		_, data, stride := l.embed(p.a, p.k, m, p.k, surround)
		return kernel.Rows(data, stride)
	}
	turned := make([]float32, p.k*m)
	for i := range m {
		for q := range p.k {
			turned[q*m+i] = p.a[i*p.k+q]
		}
	}
	_, data, stride := l.embed(turned, m, p.k, m, surround)
	return kernel.Columns(data, stride)
}

// packed returns the first n columns of b, packed, and NaN in what fills the last panel up:
// no element of c may depend on that.
func packed(p *problem, n int) []float32 {
	b := make([]float32, kernel.PackedLen(p.k, n))
	kernel.Pack(b, p.b, p.k, n, p.n, 1)
	for i := range p.k {
		for j := n; j%kernel.Panel != 0; j++ {
			b[(j/kernel.Panel*p.k+i)*kernel.Panel+j%kernel.Panel] = surround
		}
	}
	return b
}

// check multiplies the upper m rows of a and the n columns of b, and compares.
func (p *problem) check(t *testing.T, l layout, m, n int, b []float32) {
	t.Helper()
	all, c, ldc := l.embed(p.init, p.n, m, n, canary)
	init, ldi := c, ldc
	switch l.start {
	case fromNothing:
		init, ldi = nil, 0
	case fromRows:
		_, init, ldi = l.embed(p.init, p.n, m, n, surround)
	case fromOneRow:
		_, init, _ = l.embed(p.init, p.n, 1, n, surround)
		ldi = 0
	}
	meets := []kernel.Meeting{{Data: p.init, Stride: p.n}, {Data: p.init, Stride: p.n}}[:l.shift%3]
	kernel.Multiply(c, ldc, init, ldi, l.left(p, m), b, m, n, p.k, meets...)

	for at, got := range all {
		i, j := (at-l.shift)/ldc, (at-l.shift)%ldc
		want := float32(canary)
		if at >= l.shift && i < m && j < n {
			want = p.want[l.start][i*p.n+j]
		}
		if !same(got, want) {
			t.Fatalf("%s: (%d, %d)·(%d, %d), %v: element (%d, %d) is %x, want %x", kernel.Current(), m, p.k, p.k, n, l, i, j, got, want)
		}
	}
}

// eachLevel runs a test at every level that the processor has.
func eachLevel(t *testing.T, do func(t *testing.T)) {
	t.Helper()
	for _, l := range kernel.Levels() {
		restore, err := kernel.Use(l)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(l.String(), do)
		restore()
	}
}

// depths are the inner dimensions that the tests go through.
func depths() []int {
	var ks []int
	for k := range 71 {
		ks = append(ks, k)
	}
	return append(ks, 768, 1000)
}

// TestMultiplyShapes goes through all small shapes, each in one of the layouts.
func TestMultiplyShapes(t *testing.T) {
	const rows, cols = 30, 70
	problems := map[int]*problem{}
	for _, k := range depths() {
		problems[k] = newProblem(7, rows, cols, k, k%2 == 1)
	}
	eachLevel(t, func(t *testing.T) {
		step := 1
		if testing.Short() {
			step = 17
		}
		if kernel.Current() == kernel.Generic {
			step *= 29 // it is the loop that the others are held against
		}
		shape := 0
		for _, k := range depths() {
			for n := 1; n <= cols; n++ {
				b := packed(problems[k], n)
				for m := 1; m <= rows; m++ {
					if shape++; shape%step == 0 {
						problems[k].check(t, randomLayout(m, n, k), m, n, b)
					}
				}
			}
		}
	})
}

// TestMultiplyLayouts goes through all layouts, each at the shapes where tiles and panels end.
func TestMultiplyLayouts(t *testing.T) {
	p := newProblem(8, 29, 65, 37, true)
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 48, 63, 64, 65} {
			b := packed(p, n)
			for _, m := range []int{1, 5, 6, 7, 8, 9, 13, 14, 15, 16, 28, 29} {
				for l := (layout{}); l.start < starts; l.start++ {
					for _, l.transposed = range []bool{false, true} {
						for _, l.pad = range []int{0, 1, 16} {
							for _, l.shift = range []int{0, 1, 3} {
								p.check(t, l, m, n, b)
							}
						}
					}
				}
			}
			if testing.Short() && n > 32 {
				break
			}
		}
	})
}

// TestMultiplyBlocks takes products that are cut in all three dimensions, and one whose rows
// compete for places in the cache.
func TestMultiplyBlocks(t *testing.T) {
	shapes := []struct{ m, n, k, pad int }{{257, 70, 1601, 3}, {29, 40, 3307, 0}, {73, 401, 2048, 0}}
	if testing.Short() {
		shapes = []struct{ m, n, k, pad int }{{227, 33, 801, 3}, {17, 385, 1024, 0}}
	}
	for i, s := range shapes {
		p := newProblem(uint64(90+i), s.m, s.n, s.k, false)
		eachLevel(t, func(t *testing.T) {
			b := packed(p, s.n)
			for start := range starts {
				p.check(t, layout{start: start, transposed: start%2 == 1, pad: s.pad, shift: 1}, s.m, s.n, b)
			}
		})
	}
}

// TestMultiplyStrides takes an a of which neither the rows nor the columns lie in one piece.
func TestMultiplyStrides(t *testing.T) {
	const n, m, k, step = 19, 11, 23, 3
	p := newProblem(10, m, n, k, true)
	data := make([]float32, m*k*step)
	for i := range data {
		data[i] = surround
	}
	for i, v := range p.a {
		data[i*step] = v
	}
	eachLevel(t, func(t *testing.T) {
		c := make([]float32, m*n)
		kernel.Multiply(c, n, nil, 0, kernel.Operand{Data: data, RowStride: int32(k * step), ColStride: int32(step)}, packed(p, n), m, n, k)
		for i, got := range c {
			if want := p.want[fromNothing][i]; !same(got, want) {
				t.Fatalf("element %d is %x, want %x", i, got, want)
			}
		}
	})
}

// TestMultiplyNothing has no row or no column: nothing is read and nothing written.
func TestMultiplyNothing(t *testing.T) {
	eachLevel(t, func(*testing.T) {
		kernel.Multiply(nil, 0, nil, 0, kernel.Operand{}, nil, 0, 5, 3)
		kernel.Multiply(nil, 0, nil, 0, kernel.Operand{RowStride: 3, ColStride: 1}, nil, 5, 0, 3)
	})
}

// TestMultiplyAccuracy holds the sums against float64: each of k+1 roundings is by less than
// 2⁻²⁴ of what the terms' absolute values add up to.
func TestMultiplyAccuracy(t *testing.T) {
	const m, n = 17, 41
	for _, k := range []int{1, 2, 63, 768, 3072} {
		p := newProblem(11, m, n, k, false)
		eachLevel(t, func(t *testing.T) {
			c := make([]float32, m*n)
			kernel.Multiply(c, n, p.init, n, kernel.Rows(p.a, k), packed(p, n), m, n, k)
			for i := range m {
				for j := range n {
					want := float64(p.init[i*n+j])
					size := math.Abs(want)
					for q := range k {
						term := float64(p.a[i*k+q]) * float64(p.b[q*n+j])
						want += term
						size += math.Abs(term)
					}
					if got := float64(c[i*n+j]); math.Abs(got-want) > float64(k+1)*0x1p-24*size {
						t.Fatalf("k %d: element (%d, %d) is %v, want %v", k, i, j, got, want)
					}
				}
			}
		})
	}
}

// TestPack holds both orders of b, with rows longer than b's, against the formula.
func TestPack(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 0))
	eachLevel(t, func(t *testing.T) {
		for k := range 40 {
			for _, n := range []int{1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 47, 63, 64, 65, 70, 96, 100} {
				for shift := range 3 {
					for _, ld := range []int{0, 5} {
						checkPack(t, normal(r, shift+(k+5)*(n+5)), shift, k, n, n+ld, 1)
						checkPack(t, normal(r, shift+(k+5)*(n+5)), shift, k, n, 1, k+ld)
					}
				}
			}
		}
	})
}

func checkPack(t *testing.T, data []float32, shift, k, n, rs, cs int) {
	t.Helper()
	size := kernel.PackedLen(k, n)
	all := make([]float32, size+2)
	for i := range all {
		all[i] = canary
	}
	dst, b := all[1:][:size], data[shift:]
	if k > 0 {
		b = b[:(k-1)*rs+(n-1)*cs+1]
	}
	kernel.Pack(dst, b, k, n, rs, cs)
	for at, got := range dst {
		panel, i, j := at/(k*kernel.Panel), at/kernel.Panel%k, at%kernel.Panel
		want := float32(0)
		if j += panel * kernel.Panel; j < n {
			want = b[i*rs+j*cs]
		}
		if !same(got, want) {
			t.Fatalf("(%d, %d) with strides %d and %d: element %d of panel %d, row %d, is %v, want %v", k, n, rs, cs, j, panel, i, got, want)
		}
	}
	if all[0] != canary || all[size+1] != canary {
		t.Fatalf("(%d, %d): Pack wrote beside its panels", k, n)
	}
}

func FuzzMultiply(f *testing.F) {
	f.Add(uint64(1), byte(14), byte(32), uint16(16), byte(0), false)
	f.Add(uint64(2), byte(6), byte(17), uint16(1), byte(0x35), true)
	f.Add(uint64(3), byte(8), byte(8), uint16(769), byte(0x7a), false)
	f.Add(uint64(4), byte(1), byte(33), uint16(0), byte(0xff), true)
	f.Fuzz(func(t *testing.T, seed uint64, rows, cols byte, depth uint16, how byte, special bool) {
		m, n, k := 1+int(rows)%64, 1+int(cols)%100, int(depth)%1024
		l := layout{start: int(how) % starts, transposed: how>>2&1 == 1, pad: int(how >> 3 % 4), shift: int(how >> 5)}
		p := newProblem(seed, m, n, k, special)
		eachLevel(t, func(t *testing.T) { p.check(t, l, m, n, packed(p, n)) })
	})
}
