package cuda_test

import (
	"testing"

	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/linalg"
)

// What the GPU keeps for a geometry is that geometry's, also when there have been many others.
func TestAttentionGeometries(t *testing.T) {
	useGPU(t)
	d, cpu := newDevice(t, cuda.Options{}), linalg.NewCPU()
	const rows, dim = 40, 8
	q, k, v := normal(1, linalg.F32, rows, dim), normal(2, linalg.F32, rows, dim), normal(3, linalg.F32, rows, dim)
	qd, kd, vd := put(d, q), put(d, k), put(d, v)
	for round := range 3 {
		for cut := 1; cut < rows; cut++ {
			for _, causal := range []bool{false, true} {
				a := linalg.Attention{Heads: 1, KVHeads: 1, Dim: dim, Scale: 0.4, Causal: causal, Spans: []linalg.Span{
					{QueryHi: cut, KeyHi: cut}, {QueryLo: cut, QueryHi: rows, KeyLo: cut, KeyHi: rows},
				}}
				y, lse := linalg.New(linalg.F32, rows, dim), linalg.New(linalg.F32, rows, 1)
				cpu.Attention(y, lse, q, k, v, a)
				yd, lsed := d.Empty(linalg.F32, rows, dim), d.Empty(linalg.F32, rows, 1)
				d.Attention(yd, lsed, qd, kd, vd, a)
				near(t, "y", get(d, yd), y, 1e-6)
				near(t, "lse", get(d, lsed), lse, 1e-6)
				if t.Failed() {
					t.Fatalf("round %d, cut at %d, causal %v", round, cut, causal)
				}
				d.Free(yd)
				d.Free(lsed)
			}
		}
	}
	noError(t, d)
}
