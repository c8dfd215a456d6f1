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
			as := func(dtypes ...linalg.DType) (ins [4]*linalg.Tensor) {
				for i, t := range hosts {
					for _, dtype := range dtypes {
						t = t.Convert(dtype)
					}
					ins[i] = s.toDevice(t)
				}
				return ins
			}
			want := s.attend(a, as(hidden, linalg.F32), 0)
			// Columns that begin at a multiple of 8 may take other kernels than others do.
			for _, gap := range []int{0, 3, 8} {
				got := s.attend(a, as(hidden), gap)
				for i, name := range []string{"y", "lse", "dq", "dk", "dv"} {
					// The weights and their gradients are rounded too before they are multiplied, as
					// FlashAttention-2 does, and y is before it is multiplied with g: of the differences
					// that the gradients of q are made of, more is lost than of sums.
					if err := s.compareHidden(fmt.Sprintf("Attention over heads of %d, causal %v, gaps of %d: %s", dim, causal, gap, name), got[i], want[i], 8); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// attend returns y, lse, dq, dk and dv of an attention of q, k, v and g, where q has so many
// columns around it in its tensor, and k and v in one.
func (s *suite) attend(a linalg.Attention, ins [4]*linalg.Tensor, gap int) []*linalg.Tensor {
	q, k, v, g := ins[0], ins[1], ins[2], ins[3]
	wide, narrow, dtype := q.Cols(), k.Cols(), q.DType()
	y, lse := s.dev.New(dtype, q.Shape()...), s.dev.New(linalg.F32, q.Rows(), a.Heads)
	a.QAt, a.KAt, a.VAt = gap, gap, 2*gap+narrow
	queries, keys := s.dev.New(dtype, q.Rows(), 2*gap+wide), s.dev.New(dtype, k.Rows(), 3*gap+2*narrow)
	s.dev.CopyColumns(queries, q, a.QAt, 0, wide, false)
	s.dev.CopyColumns(keys, k, a.KAt, 0, narrow, false)
	s.dev.CopyColumns(keys, v, a.VAt, 0, narrow, false)
	dqueries, dkeys := s.dev.New(dtype, queries.Shape()...), s.dev.New(dtype, keys.Shape()...)
	s.dev.Attention(y, lse, queries, keys, keys, a)
	s.dev.AttentionBackward(dqueries, dkeys, dkeys, g, y, lse, queries, keys, keys, a)
	dq, dk, dv := s.dev.New(dtype, q.Shape()...), s.dev.New(dtype, k.Shape()...), s.dev.New(dtype, v.Shape()...)
	s.dev.CopyColumns(dq, dqueries, 0, a.QAt, wide, false)
	s.dev.CopyColumns(dk, dkeys, 0, a.KAt, narrow, false)
	s.dev.CopyColumns(dv, dkeys, 0, a.VAt, narrow, false)
	return []*linalg.Tensor{y, lse, dq, dk, dv}
}
