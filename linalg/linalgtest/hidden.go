package linalgtest

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// checkHidden holds operations on the type that the device keeps values in at
// [linalg.BF16Products] against the same operations in float32: the same but for the rounding
// of what goes in and comes out. A device that keeps float32 has nothing to show.
func checkHidden(s *suite) error {
	s.precision = linalg.BF16Products
	hidden := s.dev.Hidden(s.precision)
	if hidden == linalg.F32 {
		return nil
	}
	for _, op := range s.rowOps(67, 40, 5) {
		narrow, wide := make([]*linalg.Tensor, len(op.ins)), make([]*linalg.Tensor, len(op.ins))
		for i, t := range op.ins {
			narrow[i], wide[i] = s.toDevice(t), s.toDevice(t)
			if t.DType() == linalg.F32 && len(t.Shape()) > 1 {
				narrow[i], wide[i] = s.toDevice(t.Convert(hidden)), s.toDevice(t.Convert(hidden).Convert(linalg.F32))
			}
		}
		got, want := op.run(narrow), op.run(wide)
		for i := range want {
			if err := s.compareHidden(fmt.Sprintf("%s, result %d", op.name, i), got[i], want[i], 2); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareHidden bounds the difference by so many roundings of a number, and of the numbers about
// it that it is made of.
func (s *suite) compareHidden(what string, got, want *linalg.Tensor, roundings float64) error {
	if want.DType() == linalg.I32 {
		if string(s.bits(got)) != string(s.bits(want)) {
			return fmt.Errorf("%s in %v: other indices than in float32", what, s.dev.Hidden(s.precision))
		}
		return nil
	}
	g, w := s.toHost(got).Convert(linalg.F32).F32(), s.toHost(want).Convert(linalg.F32).F32()
	square := 0.0
	for _, v := range w {
		square += float64(v) * float64(v)
	}
	about := math.Sqrt(square / float64(max(len(w), 1)))
	for i := range w {
		if diff := math.Abs(float64(g[i]) - float64(w[i])); !(diff <= roundings*0x1p-8*(math.Abs(float64(w[i]))+about)) {
			return fmt.Errorf("%s in %v: element %d is %v, in float32 %v", what, s.dev.Hidden(s.precision), i, g[i], w[i])
		}
	}
	return nil
}

// checkAttentionHidden is checkHidden for attention.
func checkAttentionHidden(s *suite) error {
	s.precision = linalg.BF16Products
	hidden := s.dev.Hidden(s.precision)
	if hidden == linalg.F32 {
		return nil
	}
	for _, dim := range []int{8, 64, 80, 128} {
		for _, causal := range []bool{false, true} {
			a := linalg.Attention{Heads: 4, KVHeads: 2, Dim: dim, Scale: float32(1 / math.Sqrt(float64(dim))), Causal: causal,
				Spans: []linalg.Span{{QueryLo: 0, QueryHi: 37, KeyLo: 0, KeyHi: 37}, {QueryLo: 37, QueryHi: 138, KeyLo: 37, KeyHi: 170}}}
			n, m := 138, 170
			hosts := []*linalg.Tensor{s.host(n, 4*dim), s.host(m, 2*dim), s.host(m, 2*dim), s.host(n, 4*dim)}
			run := func(as func(*linalg.Tensor) *linalg.Tensor) []*linalg.Tensor {
				var ins []*linalg.Tensor
				for _, t := range hosts {
					ins = append(ins, s.toDevice(as(t)))
				}
				q, k, v, g := ins[0], ins[1], ins[2], ins[3]
				y, lse := s.dev.New(q.DType(), q.Shape()...), s.dev.New(linalg.F32, n, a.Heads)
				dq, dk, dv := s.dev.New(q.DType(), q.Shape()...), s.dev.New(q.DType(), k.Shape()...), s.dev.New(q.DType(), v.Shape()...)
				s.dev.Attention(y, lse, q, k, v, a)
				s.dev.AttentionBackward(dq, dk, dv, g, y, lse, q, k, v, a)
				return []*linalg.Tensor{y, lse, dq, dk, dv}
			}
			got := run(func(t *linalg.Tensor) *linalg.Tensor { return t.Convert(hidden) })
			want := run(func(t *linalg.Tensor) *linalg.Tensor { return t.Convert(hidden).Convert(linalg.F32) })
			for i, name := range []string{"y", "lse", "dq", "dk", "dv"} {
				// The weights and their gradients are rounded too before they are multiplied, as
				// FlashAttention-2 does, and y is before it is multiplied with g: of the differences
				// that the gradients of q are made of, more is lost than of sums.
				if err := s.compareHidden(fmt.Sprintf("Attention over heads of %d, causal %v: %s", dim, causal, name), got[i], want[i], 8); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
