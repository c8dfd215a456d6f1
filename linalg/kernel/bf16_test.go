package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// widened returns the float32 that a bfloat16 is.
func widened(x uint16) float32 { return math.Float32frombits(uint32(x) << 16) }

// nearestBF16 looks for the nearest of the two bfloat16s beside x; of two as near, the one
// whose last bit is 0. Above the greatest comes 2¹²⁸, which stands for Inf.
func nearestBF16(x float32) uint16 {
	below := uint16(math.Float32bits(x) >> 16)
	switch v := float64(x); {
	case math.IsNaN(v):
		return 0x7fc0
	case math.IsInf(v, 0):
		return below
	}
	value := func(bits uint16) float64 {
		if bits&0x7fff == 0x7f80 {
			return math.Copysign(0x1p128, float64(x))
		}
		return float64(widened(bits))
	}
	low, high := math.Abs(float64(x)-value(below)), math.Abs(value(below+1)-float64(x))
	if low < high || low == high && below&1 == 0 {
		return below
	}
	return below + 1
}

// sameBF16 is [same] for bfloat16.
func sameBF16(x, y uint16) bool { return same(widened(x), widened(y)) }

// bits returns random numbers of which each bit is random, and some that lie halfway.
func bits(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		v := r.Uint32()
		if i%3 == 0 {
			v = v&0xffff_0000 | 0x8000
		}
		x[i] = math.Float32frombits(v)
	}
	return x
}

// TestRoundBF16 rounds rows and columns of any bits.
func TestRoundBF16(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 0))
	eachLevel(t, func(t *testing.T) {
		for _, m := range []int{0, 1, 2, 31, 33} {
			for _, k := range []int{0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100} {
				for _, transposed := range []bool{false, true} {
					data := bits(r, 3+(m+2)*(k+2))
					a := kernel.Rows(data[3:], k+2)
					if transposed {
						a = kernel.Columns(data[3:], m+2)
					}
					terms := kernel.Terms(k)
					all := make([]uint16, 1+m*terms+1)
					for i := range all {
						all[i] = 0x4242
					}
					kernel.RoundBF16(all[1:1+m*terms], a, m, k)
					for at, got := range all[1 : 1+m*terms] {
						i, p, want := at/terms, at%terms, uint16(0)
						if p < k {
							want = nearestBF16(a.Data[i*int(a.RowStride)+p*int(a.ColStride)])
						}
						if !sameBF16(got, want) {
							t.Fatalf("(%d, %d), transposed %v: element (%d, %d) is %04x, want %04x", m, k, transposed, i, p, got, want)
						}
					}
					if all[0] != 0x4242 || all[len(all)-1] != 0x4242 {
						t.Fatalf("(%d, %d): something is written beside the rows", m, k)
					}
				}
			}
		}
	})
}

// TestPackBF16 holds both orders of b against the formula.
func TestPackBF16(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 0))
	eachLevel(t, func(t *testing.T) {
		for _, k := range []int{0, 1, 2, 3, 16, 31, 32, 33, 70} {
			for _, n := range []int{1, 2, 15, 16, 17, 31, 32, 33, 64, 70} {
				for _, strides := range [][2]int{{n + 1, 1}, {1, k + 1}} {
					b, terms := bits(r, (k+1)*(n+1)), kernel.Terms(k)
					dst := make([]uint16, kernel.PackedLenBF16(k, n))
					for i := range dst {
						dst[i] = 0x4242
					}
					kernel.PackBF16(dst, b, k, n, strides[0], strides[1])
					for i := range terms {
						for j := range (n + kernel.Panel - 1) / kernel.Panel * kernel.Panel {
							got, want := dst[(j/kernel.Panel*terms+i/2*2)*kernel.Panel+j%kernel.Panel*2+i%2], uint16(0)
							if i < k && j < n {
								want = nearestBF16(b[i*strides[0]+j*strides[1]])
							}
							if !sameBF16(got, want) {
								t.Fatalf("(%d, %d): element (%d, %d) is %04x, want %04x", k, n, i, j, got, want)
							}
						}
					}
				}
			}
		}
	})
}

// roundedB returns b packed in bfloat16, and what it is in float32.
func (p *problem) roundedB() (narrow []uint16, wide []float32) {
	narrow = make([]uint16, kernel.PackedLenBF16(p.k, p.n))
	kernel.PackBF16(narrow, p.b, p.k, p.n, p.n, 1)
	wide = make([]float32, len(p.b))
	for i, v := range p.b {
		wide[i] = widened(nearestBF16(v))
	}
	return narrow, wide
}

// TestMultiplyWidened has the bits of a product with what b is in float32.
func TestMultiplyWidened(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, m := range []int{1, 7, 8, 15, 33} {
			for _, n := range []int{1, 8, 31, 32, 33, 65} {
				for _, k := range []int{0, 1, 2, 31, 32, 33, 70, 801} {
					if k > 100 && testing.Short() && (m != 8 || n != 33) {
						continue
					}
					p := newProblem(22, m, n, k, k == 70)
					narrow, wide := p.roundedB()
					b := make([]float32, kernel.PackedLen(k, n))
					kernel.Pack(b, wide, k, n, n, 1)
					for start := range starts {
						a := layout{transposed: start%2 == 1}.left(p, m)
						got, want := append([]float32(nil), p.init...), append([]float32(nil), p.init...)
						multiply := func(c []float32, do func(c, init []float32, ldi int)) {
							switch start {
							case fromNothing:
								do(c, nil, 0)
							case fromRows:
								do(c, p.init, n)
							case fromOneRow:
								do(c, p.init, 0)
							case fromItself:
								do(c, c, n)
							}
						}
						multiply(got, func(c, init []float32, ldi int) { kernel.MultiplyWidened(c, n, init, ldi, a, narrow, m, n, k) })
						multiply(want, func(c, init []float32, ldi int) { kernel.MultiplyLoop(c, n, init, ldi, a, b, m, n, k) })
						for i := range want {
							if !same(got[i], want[i]) {
								t.Fatalf("(%d, %d)·(%d, %d), start %d: element %d is %x, want %x", m, k, k, n, start, i, got[i], want[i])
							}
						}
					}
				}
			}
		}
	})
}

// TestMultiplyBF16 holds the processor's own products against float64, of the rounded
// factors: each term may be rounded twice, in whatever order they are added up.
func TestMultiplyBF16(t *testing.T) {
	eachLevel(t, func(t *testing.T) { kernel.EachBF16(func() { multipliesBF16(t) }) })
}

func multipliesBF16(t *testing.T) {
	for _, m := range []int{1, 15, 16, 17, 32, 33} {
		for _, n := range []int{1, 16, 17, 32, 33, 65} {
			for _, k := range []int{0, 1, 2, 31, 33, 801} {
				p := newProblem(23, m, n, k, false)
				b, wide := p.roundedB()
				terms := kernel.Terms(k)
				a := make([]uint16, kernel.RowsBF16(m)*terms)
				for i := range a {
					a[i] = 0x7fc0 // rows beyond m may hold anything
				}
				kernel.RoundBF16(a, kernel.Rows(p.a, k), m, k)
				c := make([]float32, m*n+1)
				c[m*n] = canary
				kernel.MultiplyBF16(c, n, p.init, n, a, b, m, n, k)
				for i := range m {
					for j := range n {
						want := float64(p.init[i*n+j])
						size := math.Abs(want)
						for q := range k {
							term := float64(widened(a[i*terms+q])) * float64(wide[q*n+j])
							want += term
							size += math.Abs(term)
						}
						if got := float64(c[i*n+j]); !(math.Abs(got-want) <= float64(2*k+1)*0x1p-24*size) {
							t.Fatalf("(%d, %d)·(%d, %d): element (%d, %d) is %v, want %v", m, k, k, n, i, j, got, want)
						}
					}
				}
				if c[m*n] != canary {
					t.Fatalf("(%d, %d)·(%d, %d): something is written behind c", m, k, k, n)
				}
			}
		}
	}
}
