package cuda_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// Groups of adapters of many ranks on rows of bfloat16, by tensor cores and, where rows are no
// multiple of 16 bytes, without; rows that no adapter has stay.
func TestLowRankInBFloat16(t *testing.T) {
	useGPU(t)
	d := newDevice(t, cuda.Options{})
	for _, shape := range [][2]int{{64, 64}, {40, 26}, {776, 328}, {37, 33}} {
		in, out := shape[0], shape[1]
		const n = 170
		x, g := put(d, normal(1, linalg.BF16, n, in)), put(d, normal(2, linalg.BF16, n, out))
		y, dx := normal(3, linalg.BF16, n, out), normal(4, linalg.BF16, n, in)
		yw, dxw := widened(y), widened(dx)
		var parts []linalg.LowRank
		lo := 3
		for i, rank := range []int{8, 1, 16, 70, 128} {
			a, b := normal(uint64(10+i), linalg.F32, rank, in), normal(uint64(20+i), linalg.F32, out, rank)
			p := linalg.LowRank{Lo: lo, Hi: lo + []int{5, 1, 64, 20, 70}[i], A: put(d, a), B: put(d, b), Scale: float32(0.1 / math.Sqrt(float64(rank*in)))}
			addLowRank(yw[p.Lo*out:p.Hi*out], widened(get(d, x))[p.Lo*in:p.Hi*in], widened(a), widened(b), p, in, out, false)
			addLowRank(dxw[p.Lo*in:p.Hi*in], widened(get(d, g))[p.Lo*out:p.Hi*out], widened(a), widened(b), p, in, out, true)
			parts = append(parts, p)
			lo = p.Hi
		}
		yd, dxd := put(d, y), put(d, dx)
		d.LowRank(yd, x, parts)
		d.LowRankBackward(dxd, g, parts)
		noError(t, d)
		for _, c := range []struct {
			what      string
			got       []float64
			want, old []float64
			cols      int
		}{{"y", widened(get(d, yd)), yw, widened(y), out}, {"dx", widened(get(d, dxd)), dxw, widened(dx), in}} {
			for i, w := range c.want {
				covered := i/c.cols >= parts[0].Lo && i/c.cols < lo
				if allowed := 0x1p-8 * (math.Abs(w) + 0.5); !covered && c.got[i] != c.old[i] || math.Abs(c.got[i]-w) > allowed {
					t.Fatalf("%v %s %d is %v, want %v (%v before)", shape, c.what, i, c.got[i], w, c.old[i])
				}
			}
		}
	}
}

// addLowRank is one part in float64.
func addLowRank(to, from, a, b []float64, p linalg.LowRank, in, out int, backward bool) {
	n, rank := p.Hi-p.Lo, p.A.Rows()
	u := make([]float64, n*rank)
	if backward {
		reference.MatMul(u, from, b, n, rank, out, false, false, 1, false)
		reference.MatMul(to, u, a, n, in, rank, false, false, float64(p.Scale), true)
		return
	}
	reference.MatMul(u, from, a, n, rank, in, false, true, 1, false)
	reference.MatMul(to, u, b, n, out, rank, false, true, float64(p.Scale), true)
}

func widened(host *linalg.Tensor) []float64 {
	x := make([]float64, host.Len())
	for i, v := range host.Convert(linalg.F32).F32() {
		x[i] = float64(v)
	}
	return x
}

// A row gets the same bits among others and alone, whoever its adapter shares a call with.
func TestLowRankIndependence(t *testing.T) {
	useGPU(t)
	d := newDevice(t, cuda.Options{})
	for _, dtype := range []linalg.DType{linalg.F32, linalg.BF16} {
		const n, in, out = 90, 520, 24
		x, y := put(d, normal(1, dtype, n, in)), normal(2, dtype, n, out)
		var parts []linalg.LowRank
		for i, rank := range []int{4, 33, 9} {
			parts = append(parts, linalg.LowRank{Lo: 30 * i, Hi: 30 * (i + 1), Scale: 0.3,
				A: put(d, normal(uint64(10+i), linalg.F32, rank, in)), B: put(d, normal(uint64(20+i), linalg.F32, out, rank))})
		}
		all := put(d, y)
		d.LowRank(all, x, parts)
		r := rand.New(rand.NewPCG(1, 1))
		for range 6 {
			i := r.IntN(n)
			p := parts[i/30]
			p.Lo, p.Hi = 0, 1
			alone := put(d, y.RowRange(i, i+1))
			d.LowRank(alone, d.Rows(x, i, i+1), []linalg.LowRank{p})
			same(t, fmt.Sprintf("row %d in %v", i, dtype), get(d, alone), get(d, d.Rows(all, i, i+1)))
		}
		noError(t, d)
	}
}
