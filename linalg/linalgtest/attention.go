package linalgtest

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// packedSpans returns spans of such numbers of queries and keys, one behind the other.
func packedSpans(lengths ...[2]int) []linalg.Span {
	spans := make([]linalg.Span, len(lengths))
	q, k := 0, 0
	for i, l := range lengths {
		spans[i] = linalg.Span{QueryLo: q, QueryHi: q + l[0], KeyLo: k, KeyHi: k + l[1]}
		q, k = q+l[0], k+l[1]
	}
	return spans
}

// attentionCases are the ways that models attend, each of which is tried causal and not.
var attentionCases = []struct {
	name           string
	heads, kv, dim int
	queries, keys  int // rows of q and of k: spans may leave some out
	spans          []linalg.Span
	forward        bool // spans share keys, whose gradients no model asks for
}{
	{name: "one token", heads: 1, kv: 1, dim: 1, queries: 1, keys: 1, spans: packedSpans([2]int{1, 1})},
	{name: "no spans", heads: 2, kv: 2, dim: 3, queries: 3, keys: 2},
	{name: "no rows", heads: 2, kv: 1, dim: 3, spans: packedSpans([2]int{0, 0})},
	{name: "packed sequences", heads: 3, kv: 3, dim: 5, queries: 45, keys: 45, spans: packedSpans([2]int{1, 1}, [2]int{7, 7}, [2]int{33, 33}, [2]int{4, 4})},
	{name: "grouped queries", heads: 6, kv: 2, dim: 8, queries: 60, keys: 60, spans: packedSpans([2]int{25, 25}, [2]int{35, 35})},
	{name: "one head of keys", heads: 4, kv: 1, dim: 16, queries: 70, keys: 70, spans: packedSpans([2]int{70, 70})},
	{name: "other numbers of keys", heads: 2, kv: 2, dim: 6, queries: 49, keys: 100, spans: packedSpans([2]int{3, 9}, [2]int{5, 2}, [2]int{40, 70}, [2]int{1, 19})},
	{name: "many keys", heads: 2, kv: 1, dim: 4, queries: 39, keys: 639, spans: packedSpans([2]int{35, 129}, [2]int{1, 127}, [2]int{3, 383})},
	{name: "empty spans", heads: 2, kv: 1, dim: 4, queries: 8, keys: 9, spans: packedSpans([2]int{0, 3}, [2]int{2, 0}, [2]int{0, 0}, [2]int{6, 6})},
	{name: "rows left out", heads: 2, kv: 2, dim: 3, queries: 20, keys: 25, spans: []linalg.Span{
		{QueryLo: 12, QueryHi: 17, KeyLo: 3, KeyHi: 8}, {QueryLo: 2, QueryHi: 9, KeyLo: 15, KeyHi: 22},
	}},
	{name: "cache", heads: 4, kv: 2, dim: 8, queries: 5, keys: 48, spans: []linalg.Span{
		{QueryLo: 0, QueryHi: 1, KeyLo: 0, KeyHi: 7}, {QueryLo: 1, QueryHi: 4, KeyLo: 16, KeyHi: 30}, {QueryLo: 4, QueryHi: 5, KeyLo: 32, KeyHi: 33},
	}},
	{name: "beams", heads: 4, kv: 4, dim: 8, queries: 12, keys: 20, forward: true, spans: []linalg.Span{
		{QueryLo: 0, QueryHi: 3, KeyLo: 0, KeyHi: 11}, {QueryLo: 3, QueryHi: 6, KeyLo: 0, KeyHi: 11},
		{QueryLo: 6, QueryHi: 9, KeyLo: 11, KeyHi: 20}, {QueryLo: 9, QueryHi: 12, KeyLo: 11, KeyHi: 20},
	}},
}

func checkAttention(s *suite) error {
	return eachAttention(func(what string, a linalg.Attention, queries, keys int, backward bool) error {
		for _, spread := range []float64{1, 1e4} { // scores that exponentials overflow by far
			p := s.attention(a, queries, keys)
			for i := range p.q {
				p.q[i] = float64(float32(p.q[i] * spread))
			}
			if err := p.check(s, fmt.Sprintf("%s, scores to %v", what, spread), backward); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkAttentionColumns is for q, k and v that have other columns beside them.
func checkAttentionColumns(s *suite) error {
	return eachAttention(func(what string, a linalg.Attention, queries, keys int, backward bool) error {
		return s.attention(a, queries, keys).checkBeside(s, what, backward)
	})
}

// eachAttention calls check for the ways that models attend.
func eachAttention(check func(what string, a linalg.Attention, queries, keys int, backward bool) error) error {
	for _, c := range attentionCases {
		for _, causal := range []bool{false, true} {
			a := linalg.Attention{Heads: c.heads, KVHeads: c.kv, Dim: c.dim, Scale: float32(1 / math.Sqrt(float64(c.dim))), Causal: causal, Spans: c.spans}
			if err := check(fmt.Sprintf("of %s, causal %v", c.name, causal), a, c.queries, c.keys, !c.forward); err != nil {
				return err
			}
		}
	}
	return nil
}

// attending is one attention with its inputs and g, the gradient of its result.
type attending struct {
	a             linalg.Attention
	queries, keys int
	q, k, v, g    []float64
	layout        layout
}

// attention returns a problem with random inputs. Rows that no span covers are NaN: nobody
// has any business to read them.
func (s *suite) attention(a linalg.Attention, queries, keys int) attending {
	p := attending{a: a, queries: queries, keys: keys}
	_, p.q = s.random(queries, a.Heads*a.Dim)
	_, p.k = s.random(keys, a.KVHeads*a.Dim)
	_, p.v = s.random(keys, a.KVHeads*a.Dim)
	_, p.g = s.random(queries, a.Heads*a.Dim)
	coveredQ, coveredK := p.covered()
	for i, covered := range coveredQ {
		if !covered {
			poison(p.q, i, a.Heads*a.Dim)
			poison(p.g, i, a.Heads*a.Dim)
		}
	}
	for i, covered := range coveredK {
		if !covered {
			poison(p.k, i, a.KVHeads*a.Dim)
			poison(p.v, i, a.KVHeads*a.Dim)
		}
	}
	return p
}

// covered returns which rows of queries and of keys the spans cover.
func (p attending) covered() (queries, keys []bool) {
	queries, keys = make([]bool, p.queries), make([]bool, p.keys)
	for _, s := range p.a.Spans {
		for i := s.QueryLo; i < s.QueryHi; i++ {
			queries[i] = true
		}
		for j := s.KeyLo; j < s.KeyHi; j++ {
			keys[j] = true
		}
	}
	return queries, keys
}

func poison(values []float64, row, cols int) {
	for j := range cols {
		values[row*cols+j] = math.NaN()
	}
}

// check compares the device with the reference, forward and, if asked to, backward. Where no
// span reaches, results are what they were: 3.
func (p attending) check(s *suite, what string, backward bool) error {
	y, lse := filled(len(p.q), 3), filled(p.queries*p.a.Heads, 3)
	reference.Attention(y, lse, p.q, p.k, p.v, p.a)
	allowed := p.tolerances(s.bounds)
	if err := p.checkForward(s, what, y, lse, allowed); err != nil || !backward {
		return err
	}
	return p.checkBackward(s, what, y, lse, allowed)
}

func (p attending) checkForward(s *suite, what string, yw, lsew []float64, allowed tolerances) error {
	width := p.a.Heads * p.a.Dim
	before, sums := filled(len(p.q), 3), filled(p.queries*p.a.Heads, 3)
	covered, _ := p.covered()
	for i, c := range covered {
		if c { // is written, and must not be read
			poison(before, i, width)
			poison(sums, i, p.a.Heads)
		}
	}
	y, lse := s.upload(before, p.queries, width), s.upload(sums, p.queries, p.a.Heads)
	t := p.upload(s, p.q, p.k, p.v, math.NaN())
	s.dev.Attention(y, lse, t[0], t[1], t[2], p.a)
	if err := s.compare("Attention "+what, y, yw, allowed.y, 1); err != nil {
		return err
	}
	return s.compare("log-sum-exp of Attention "+what, lse, lsew, allowed.lse, 1)
}

func (p attending) checkBackward(s *suite, what string, yw, lsew []float64, allowed tolerances) error {
	width, narrow := p.a.Heads*p.a.Dim, p.a.KVHeads*p.a.Dim
	t := p.upload(s, p.q, p.k, p.v, math.NaN())
	y, lse, g := s.upload(yw, p.queries, width), s.upload(lsew, p.queries, p.a.Heads), s.upload(p.g, p.queries, width)
	_, dqw := s.random(p.queries, width)
	_, dkw := s.random(p.keys, narrow)
	_, dvw := s.random(p.keys, narrow)
	d := p.upload(s, dqw, dkw, dvw, 3)
	s.dev.AttentionBackward(d[0], d[1], d[2], g, y, lse, t[0], t[1], t[2], p.a)
	reference.AttentionBackward(dqw, dkw, dvw, p.g, p.q, p.k, p.v, p.a)
	want, most := p.layOut(dqw, dkw, dvw, 3), p.layOut(allowed.q, allowed.k, allowed.v, 0)
	for i, name := range []string{"dq", "dk", "dv"} {
		if err := s.compare("AttentionBackward "+what+" "+name, d[i], want[i].values, most[i].values, 1); err != nil {
			return err
		}
	}
	return p.checkSet(s, what, y, lse, g)
}

// checkSet holds gradients that are set, over what must not be read, against those that are added to
// zeros: bit by bit.
func (p attending) checkSet(s *suite, what string, y, lse, g *linalg.Tensor) error {
	width, narrow := p.a.Heads*p.a.Dim, p.a.KVHeads*p.a.Dim
	q, k, v := s.upload(p.q, p.queries, width), s.upload(p.k, p.keys, narrow), s.upload(p.v, p.keys, narrow)
	a := p.a
	a.QAt, a.KAt, a.VAt = 0, 0, 0
	gradients := func(fill float64) []*linalg.Tensor {
		d := []*linalg.Tensor{s.upload(filled(len(p.q), fill), p.queries, width), s.upload(filled(len(p.k), fill), p.keys, narrow), s.upload(filled(len(p.k), fill), p.keys, narrow)}
		s.dev.AttentionBackward(d[0], d[1], d[2], g, y, lse, q, k, v, a)
		return d
	}
	want := gradients(0)
	a.Set = true
	got := gradients(math.NaN())
	for i, name := range []string{"dq", "dk", "dv"} {
		if string(s.bits(got[i])) != string(s.bits(want[i])) {
			return fmt.Errorf("AttentionBackward %s that sets: %s is not what is added to zeros", what, name)
		}
	}
	return nil
}

// checkAttentionNotFinite makes sure that NaN shows in the results of the queries that see
// it, and in no others.
func checkAttentionNotFinite(s *suite) error {
	a := linalg.Attention{Heads: 4, KVHeads: 2, Dim: 3, Scale: 0.5, Causal: true, Spans: packedSpans([2]int{5, 5}, [2]int{40, 40}, [2]int{3, 3})}
	const rows = 48
	for _, c := range []struct {
		name string
		in   func(p attending) []float64
		at   int
	}{
		{"a query", func(p attending) []float64 { return p.q }, 9*12 + 4},
		{"a key", func(p attending) []float64 { return p.k }, 20*6 + 4},
		{"a value", func(p attending) []float64 { return p.v }, 40*6 + 1},
		{"a gradient", func(p attending) []float64 { return p.g }, 30 * 12},
	} {
		p := s.attention(a, rows, rows)
		c.in(p)[c.at] = math.NaN()
		if err := p.check(s, "with NaN in "+c.name, true); err != nil {
			return err
		}
	}
	return nil
}
