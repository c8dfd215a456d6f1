package linalgtest

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// textOps are the operations of language models that map rows to rows.
func (s *suite) textOps(n, cols int) []rowOp {
	ops := append(s.normOps(n, cols), s.curveOps(n, cols)...)
	const table = 50
	x, y := s.host(n, cols), s.host(n, cols)
	places, labels := linalg.New(linalg.I32, n), linalg.New(linalg.I32, n)
	for i := range n {
		places.I32()[i], labels.I32()[i] = int32(s.rng.IntN(table)), int32(s.rng.IntN(cols))
		if i%3 == 0 {
			labels.I32()[i] = linalg.Ignored
		}
	}
	angles := s.upload(rotations(table, cols/5), table, cols/5)
	words := s.toDevice(s.host(table, cols).Convert(linalg.BF16))
	return append(ops, []rowOp{
		{"RoPE", []*linalg.Tensor{x, places}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.RoPE(ins[0], ins[0], ins[1], angles, false)
			return ins[:1]
		}},
		{"Gather", []*linalg.Tensor{x, places}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.Gather(ins[0], words, ins[1])
			return ins[:1]
		}},
		{"CopyColumns", []*linalg.Tensor{y, x}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.CopyColumns(ins[0], ins[1], cols/2, 1, cols/3, true)
			return ins[:1]
		}},
		{"Argmax", []*linalg.Tensor{places, x}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.Argmax(ins[0], ins[1])
			return ins[:1]
		}},
		{"CrossEntropy with ignored rows", []*linalg.Tensor{s.host(n), x, labels, s.host(n)}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.CrossEntropy(ins[0], ins[1], ins[1], ins[2], ins[3])
			return ins[:2]
		}},
		{"SquaredError", []*linalg.Tensor{s.host(n), s.host(n, 1), s.host(n, 1), s.host(n), s.host(n)}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.SquaredError(ins[0], ins[1], ins[2], ins[3], ins[4])
			return ins[:2]
		}},
	}...)
}

func (s *suite) normOps(n, cols int) []rowOp {
	ins := []*linalg.Tensor{s.host(n, cols), s.host(n, cols), s.host(n, cols), s.host(n, cols)} // y, x, g, dx
	weight, bias := s.toDevice(s.host(cols)), s.toDevice(s.host(cols))
	return []rowOp{
		{"LayerNorm and LayerNormBackward", ins, func(ins []*linalg.Tensor) []*linalg.Tensor {
			stats := s.dev.New(linalg.F32, ins[0].Rows(), 2)
			s.dev.LayerNorm(ins[0], stats, ins[1], weight, bias, normEpsilon)
			s.dev.LayerNormBackward(ins[3], ins[2], ins[1], stats, weight, true)
			return []*linalg.Tensor{ins[0], stats, ins[3]}
		}},
		{"RMSNorm and RMSNormBackward", ins, func(ins []*linalg.Tensor) []*linalg.Tensor {
			stats := s.dev.New(linalg.F32, ins[0].Rows())
			s.dev.RMSNorm(ins[0], stats, ins[1], weight, normEpsilon)
			s.dev.RMSNormBackward(ins[3], ins[2], ins[1], stats, weight, true)
			return []*linalg.Tensor{ins[0], stats, ins[3]}
		}},
	}
}

func (s *suite) curveOps(n, cols int) []rowOp {
	x, g, up, other := s.host(n, cols), s.host(n, cols), s.host(n, cols), s.host(n, cols)
	ops := []rowOp{{"SwiGLU and SwiGLUBackward", []*linalg.Tensor{x, g, up, other}, func(ins []*linalg.Tensor) []*linalg.Tensor {
		dgate, dup := s.dev.New(ins[0].DType(), ins[0].Shape()...), s.dev.New(ins[0].DType(), ins[0].Shape()...)
		s.dev.SwiGLU(ins[3], ins[0], ins[2])
		s.dev.SwiGLUBackward(dgate, dup, ins[1], ins[0], ins[2])
		return []*linalg.Tensor{ins[3], dgate, dup}
	}}}
	for _, c := range activations {
		ops = append(ops, rowOp{c.name, []*linalg.Tensor{x, g}, func(ins []*linalg.Tensor) []*linalg.Tensor {
			s.dev.ActivateBackward(ins[1], ins[1], ins[0], c.f)
			s.dev.Activate(ins[0], ins[0], c.f)
			return ins
		}})
	}
	return ops
}

// attend runs an attention forward and backward, and returns the bytes of y, lse, dq, dk and dv.
func (p attending) attend(s *suite) [][]byte {
	width, narrow := p.a.Heads*p.a.Dim, p.a.KVHeads*p.a.Dim
	q, k, v, g := s.upload(p.q, p.queries, width), s.upload(p.k, p.keys, narrow), s.upload(p.v, p.keys, narrow), s.upload(p.g, p.queries, width)
	y, lse := s.dev.New(linalg.F32, p.queries, width), s.dev.New(linalg.F32, p.queries, p.a.Heads)
	dq, dk, dv := s.dev.New(linalg.F32, p.queries, width), s.dev.New(linalg.F32, p.keys, narrow), s.dev.New(linalg.F32, p.keys, narrow)
	s.dev.Attention(y, lse, q, k, v, p.a)
	s.dev.AttentionBackward(dq, dk, dv, g, y, lse, q, k, v, p.a)
	return s.allBits([]*linalg.Tensor{y, lse, dq, dk, dv})
}

// alone returns the problem of some queries and keys, and nothing else.
func (p attending) alone(queryLo, queryHi, keyLo, keyHi int) attending {
	width, narrow := p.a.Heads*p.a.Dim, p.a.KVHeads*p.a.Dim
	part := attending{a: p.a, queries: queryHi - queryLo, keys: keyHi - keyLo}
	part.a.Spans = packedSpans([2]int{part.queries, part.keys})
	part.q, part.g = p.q[queryLo*width:queryHi*width], p.g[queryLo*width:queryHi*width]
	part.k, part.v = p.k[keyLo*narrow:keyHi*narrow], p.v[keyLo*narrow:keyHi*narrow]
	return part
}

// independenceCase has sequences of different lengths, some with more keys than queries.
func (s *suite) independenceCase(causal bool) attending {
	lengths := [][2]int{{1, 1}, {40, 40}, {3, 70}, {70, 70}, {5, 2}, {33, 34}, {3, 300}}
	queries, keys := 0, 0
	for _, l := range lengths {
		queries, keys = queries+l[0], keys+l[1]
	}
	return s.attention(linalg.Attention{Heads: 4, KVHeads: 2, Dim: 8, Scale: 0.35, Causal: causal, Spans: packedSpans(lengths...)}, queries, keys)
}

// checkAttentionIndependence wants the bits that a sequence has among others when it is
// alone; and those that a query has among others when it is asked alone, as it is when text
// is generated token by token.
func checkAttentionIndependence(s *suite) error {
	for _, causal := range []bool{false, true} {
		p := s.independenceCase(causal)
		whole := p.attend(s)
		same := func(output int, got []byte, lo, hi int) bool {
			rows := p.queries
			if output > 2 {
				rows = p.keys
			}
			each := len(whole[output]) / rows
			return bytes.Equal(got, whole[output][lo*each:hi*each])
		}
		for _, span := range p.a.Spans {
			for i, got := range p.alone(span.QueryLo, span.QueryHi, span.KeyLo, span.KeyHi).attend(s) {
				lo, hi := span.QueryLo, span.QueryHi
				if i > 2 {
					lo, hi = span.KeyLo, span.KeyHi
				}
				if !same(i, got, lo, hi) {
					return fmt.Errorf("attention, causal %v: output %d of span %+v alone differs from that among others", causal, i, span)
				}
			}
			for q := span.QueryLo; q < span.QueryHi; q++ {
				last := span.KeyHi
				if causal {
					last = max(span.KeyLo, last-(span.QueryHi-1-q))
				}
				for i, got := range p.alone(q, q+1, span.KeyLo, last).attend(s)[:3] {
					if !same(i, got, q, q+1) {
						return fmt.Errorf("attention, causal %v: output %d of query %d of span %+v alone differs from that among others", causal, i, q, span)
					}
				}
			}
		}
	}
	return nil
}

// checkTextThreads runs what adds over rows, and attention, with several numbers of threads.
func checkTextThreads(s *suite) error {
	const n, m, cols = 700, 30, 130
	g, rows := s.host(n, cols), linalg.New(linalg.I32, n)
	for i := range rows.I32() {
		rows.I32()[i] = int32(s.rng.IntN(m))
	}
	p := s.independenceCase(true)
	for _, c := range []struct {
		name string
		run  func() [][]byte
	}{
		{"Attention", func() [][]byte { return p.attend(s) }},
		{"GatherBackward", func() [][]byte {
			dx := s.dev.New(linalg.F32, m, cols)
			s.dev.GatherBackward(dx, s.toDevice(g), s.toDevice(rows))
			return s.allBits([]*linalg.Tensor{dx})
		}},
	} {
		if err := sameOnThreads(c.name, c.run); err != nil {
			return err
		}
	}
	return nil
}

// sameOnThreads wants the same bits from run with every number of threads.
func sameOnThreads(name string, run func() [][]byte) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first [][]byte
	for _, threads := range []int{1, 2, 3, 8} {
		runtime.GOMAXPROCS(threads)
		got := run()
		if first == nil {
			first = got
		}
		if !slices.EqualFunc(got, first, bytes.Equal) {
			return fmt.Errorf("%s: with GOMAXPROCS %d the bits are not those of 1", name, threads)
		}
	}
	return nil
}
