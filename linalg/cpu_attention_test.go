package linalg_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/reference"
)

// attention is a geometry with inputs, and gradients to begin with.
type attention struct {
	linalg.Attention
	q, k, v, g, dq, dk, dv *linalg.Tensor
}

// attentionOf returns an attention with numbers from −1 to 1, a few of them −0.
func attentionOf(seed uint64, queries, keys int, a linalg.Attention) attention {
	rng := rand.New(rand.NewPCG(seed, 1))
	numbers := func(rows, cols int) *linalg.Tensor {
		t := random(rng.Uint64(), rows, cols)
		for range t.Len() / 8 {
			t.F32()[rng.IntN(t.Len())] = float32(math.Copysign(0, -1))
		}
		return t
	}
	wide, narrow := a.Heads*a.Dim, a.KVHeads*a.Dim
	return attention{
		a, numbers(queries, wide), numbers(keys, narrow), numbers(keys, narrow), numbers(queries, wide),
		numbers(queries, wide), numbers(keys, narrow), numbers(keys, narrow),
	}
}

// run returns y, lse, dq, dk and dv.
func (p attention) run() []*linalg.Tensor {
	dev := linalg.NewCPU()
	y, lse := dev.New(linalg.F32, p.q.Shape()...), dev.New(linalg.F32, p.q.Rows(), p.Heads)
	dq, dk, dv := p.dq.Clone(), p.dk.Clone(), p.dv.Clone()
	dev.Attention(y, lse, p.q, p.k, p.v, p.Attention)
	dev.AttentionBackward(dq, dk, dv, p.g, y, lse, p.q, p.k, p.v, p.Attention)
	return []*linalg.Tensor{y, lse, dq, dk, dv}
}

var attentionResults = []string{"y", "lse", "dq", "dk", "dv"}

// mustBeSame wants the same bits, payloads of NaN apart, in rows from row on of want.
func mustBeSame(t *testing.T, what string, got, want *linalg.Tensor, row int) {
	t.Helper()
	cols := want.Cols()
	for i, g := range got.F32() {
		if w := want.F32()[row*cols+i]; math.Float32bits(g) != math.Float32bits(w) && (g == g || w == w) {
			t.Fatalf("%s: element (%d, %d) is %v, and was %v", what, i/cols, i%cols, g, w)
		}
	}
}

// query returns the attention of one query of the only span, over the keys that it sees.
func (p attention) query(i int) attention {
	keys := p.k.Rows()
	if p.Causal {
		keys = max(keys-(p.q.Rows()-1-i), 0)
	}
	p.Spans = []linalg.Span{{QueryHi: 1, KeyHi: keys}}
	p.q, p.g, p.dq = p.q.RowRange(i, i+1), p.g.RowRange(i, i+1), p.dq.RowRange(i, i+1)
	p.k, p.v, p.dk, p.dv = p.k.RowRange(0, keys), p.v.RowRange(0, keys), p.dk.RowRange(0, keys), p.dv.RowRange(0, keys)
	return p
}

// whole is one span of so many queries and keys.
func whole(queries, keys int) []linalg.Span { return []linalg.Span{{QueryHi: queries, KeyHi: keys}} }

// notFinite are places of an attention where NaN or ∞ may come from.
func (p attention) notFinite() map[string]func() {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	return map[string]func(){
		"finite":     func() {},
		"a query":    func() { p.q.F32()[p.q.Len()/2] = nan },
		"a key":      func() { p.k.F32()[p.k.Len()/2] = inf },
		"a value":    func() { p.v.F32()[p.v.Len()/3] = -inf },
		"a gradient": func() { p.g.F32()[p.g.Len()/3] = nan },
		"large keys": func() { // their sum is infinite; nothing else is
			for i := range p.q.Rows() * p.Heads {
				p.q.F32()[(i+1)*p.Dim-1] = 0
			}
			for i := range 2 {
				p.k.F32()[i*p.k.Cols()+p.Dim-1] = 3e38
			}
		},
	}
}

// lastIsNegativeZero makes the last row of dk a sum of nothing but −0. Only the last query sees
// its key; if others had a part in it, it would be +0.
func (p attention) lastIsNegativeZero() {
	zero, wide, narrow := float32(math.Copysign(0, -1)), p.q.Cols(), p.k.Cols()
	for i := range wide {
		p.q.F32()[p.q.Len()-1-i], p.g.F32()[p.g.Len()-1-i] = zero, 1
	}
	for i := range narrow {
		p.v.F32()[p.v.Len()-1-i], p.dk.F32()[p.dk.Len()-1-i] = 1, zero
	}
}

// One head of a long sequence is cut into parts for threads, and gives the bits that it has
// uncut, whatever the kernels are.
func TestCPUAttentionParts(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	a := linalg.Attention{Heads: 2, KVHeads: 1, Dim: 5, Scale: 0.4, Causal: true}
	const queries, keys = 331, 597
	a.Spans = whole(queries, keys)
	names := attentionOf(1, queries, keys, a).notFinite()
	for name := range names {
		p := attentionOf(1, queries, keys, a)
		p.lastIsNegativeZero()
		p.notFinite()[name]()
		runtime.GOMAXPROCS(1)
		want := p.run()
		for _, threads := range []int{2, 3, 16} {
			runtime.GOMAXPROCS(threads)
			for i, got := range p.run() {
				mustBeSame(t, name+": "+attentionResults[i], got, want[i], 0)
			}
		}
		for _, level := range kernel.Levels() {
			restore, err := kernel.Use(level)
			if err != nil {
				t.Fatal(err)
			}
			got := p.run()
			restore()
			for i := range got {
				mustBeSame(t, name+", "+level.String()+": "+attentionResults[i], got[i], want[i], 0)
			}
		}
	}
}

// A token that is generated attends to the cache with the bits that it has when the whole
// text is computed at once.
func TestCPUAttentionDecode(t *testing.T) {
	const tokens = 600
	for _, dim := range []int{64, 24} {
		p := attentionOf(2, tokens, tokens, linalg.Attention{Heads: 4, KVHeads: 2, Dim: dim, Scale: 0.125, Causal: true, Spans: whole(tokens, tokens)})
		all := p.run()
		for _, i := range []int{0, 1, 31, 32, 255, 256, 257, 300, tokens - 2, tokens - 1} {
			for o, got := range p.query(i).run()[:3] {
				mustBeSame(t, attentionResults[o], got, all[o], i)
			}
		}
	}
}

// Sums that come out as −0, because they are too small for a float32, are +0, whether zeros of
// keys that a query does not see stand behind them or not.
func TestCPUAttentionZeros(t *testing.T) {
	const tokens = 40
	p := attentionOf(3, tokens, tokens, linalg.Attention{Heads: 1, KVHeads: 1, Dim: 3, Scale: 1, Causal: true, Spans: whole(tokens, tokens)})
	least := math.Float32frombits(1)
	for i := range tokens {
		// Key 0 has nearly all the weight, and is 0 where the results are looked at: at 1.
		key, value := [3]float32{-4, least, 0}, [3]float32{0, least, 1}
		switch {
		case i == 0:
			key, value = [3]float32{4}, [3]float32{}
		case i%2 == 1:
			key[1], value[1] = -least, -least
		}
		copy(p.q.F32()[3*i:], []float32{1, 0, 0})
		copy(p.k.F32()[3*i:], key[:])
		copy(p.v.F32()[3*i:], value[:])
		copy(p.g.F32()[3*i:], []float32{0, 0, 1})
	}
	for i := range p.dq.F32() {
		p.dq.F32()[i] = float32(math.Copysign(0, -1))
	}
	all := p.run()
	for i := range tokens {
		for o, got := range p.query(i).run()[:3] {
			mustBeSame(t, attentionResults[o], got, all[o], i)
		}
	}
}

// Scores that a float32 can hold overflow nothing, and queries that see no key have a result.
func TestCPUAttentionExtremes(t *testing.T) {
	const queries, keys = 9, 6 // three queries see nothing
	for _, scale := range []float32{1e30, -1e30, 0} {
		p := attentionOf(4, queries, keys, linalg.Attention{Heads: 1, KVHeads: 1, Dim: 3, Scale: scale, Causal: true, Spans: whole(queries, keys)})
		p.dq.F32()[0] = float32(math.Copysign(0, -1))
		results := p.run()
		for o, result := range results {
			for i, v := range result.F32() {
				if blind := i < 3*result.Cols() && o < 2; v-v != 0 && !blind {
					t.Fatalf("scale %v: element %d of %s is %v", scale, i, attentionResults[o], v)
				}
			}
		}
		for i, v := range results[0].F32()[:3*p.Dim] {
			if v != 0 {
				t.Errorf("element %d of y is %v, and its query sees no key", i, v)
			}
		}
		for i, v := range results[1].F32()[:3] {
			if !math.IsInf(float64(v), -1) {
				t.Errorf("the log-sum-exp of query %d, which sees no key, is %v", i, v)
			}
		}
		mustBeSame(t, "dq", p.dq.RowRange(0, 3), results[2], 0)
	}
}

// FuzzAttention holds any geometry against float64, and every span against itself alone.
func FuzzAttention(f *testing.F) {
	f.Add(uint64(1), uint8(2), uint8(3), uint8(64), uint16(40), uint16(40), uint16(70), true)
	f.Add(uint64(2), uint8(1), uint8(1), uint8(1), uint16(1), uint16(0), uint16(300), false)
	f.Add(uint64(3), uint8(3), uint8(1), uint8(33), uint16(65), uint16(3), uint16(2), true)
	f.Fuzz(func(t *testing.T, seed uint64, heads, group, dim uint8, queries, more, keys uint16, causal bool) {
		a := linalg.Attention{KVHeads: 1 + int(heads)%3, Dim: 1 + int(dim)%70, Scale: 0.3, Causal: causal}
		a.Heads = a.KVHeads * (1 + int(group)%3)
		n, m, extra := int(queries)%80, int(keys)%300, int(more)%80
		a.Spans = []linalg.Span{{QueryHi: n, KeyHi: m}, {QueryLo: n, QueryHi: n + extra, KeyLo: m, KeyHi: m + extra}}
		p := attentionOf(seed, n+extra, m+extra, a)
		results := p.run()
		p.mustMatchReference(t, results)
		for _, s := range a.Spans {
			alone := p
			alone.Spans = whole(s.QueryHi-s.QueryLo, s.KeyHi-s.KeyLo)
			alone.q, alone.g, alone.dq = p.q.RowRange(s.QueryLo, s.QueryHi), p.g.RowRange(s.QueryLo, s.QueryHi), p.dq.RowRange(s.QueryLo, s.QueryHi)
			alone.k, alone.v = p.k.RowRange(s.KeyLo, s.KeyHi), p.v.RowRange(s.KeyLo, s.KeyHi)
			alone.dk, alone.dv = p.dk.RowRange(s.KeyLo, s.KeyHi), p.dv.RowRange(s.KeyLo, s.KeyHi)
			for o, got := range alone.run() {
				lo := s.QueryLo
				if o > 2 {
					lo = s.KeyLo
				}
				mustBeSame(t, attentionResults[o], got, results[o], lo)
			}
		}
	})
}

// mustMatchReference holds results against float64. Numbers are up to 1, so scores are up to
// 0.3·Dim, and gradients are sums of as many numbers as there are queries of a key.
func (p attention) mustMatchReference(t *testing.T, results []*linalg.Tensor) {
	wide := func(x *linalg.Tensor) []float64 {
		out := make([]float64, x.Len())
		for i, v := range x.F32() {
			out[i] = float64(v)
		}
		return out
	}
	want := [][]float64{make([]float64, p.q.Len()), make([]float64, p.q.Rows()*p.Heads), wide(p.dq), wide(p.dk), wide(p.dv)}
	q, k, v := wide(p.q), wide(p.k), wide(p.v)
	reference.Attention(want[0], want[1], q, k, v, p.Attention)
	reference.AttentionBackward(want[2], want[3], want[4], wide(p.g), q, k, v, p.Attention)
	for o, result := range results {
		for i, got := range result.F32() {
			w := want[o][i]
			if off := math.Abs(float64(got) - w); float64(got) != w && !(off <= 1e-5*(1+math.Abs(w))) {
				t.Fatalf("element %d of %s is %v, want %v", i, attentionResults[o], got, w)
			}
		}
	}
}
