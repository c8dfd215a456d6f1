package linalg_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// attentionBench is an attention with heads of 64, as GPT-2, BART and Llama have them.
type attentionBench struct {
	name      string
	heads, kv int
	causal    bool
	spans     [][2]int // queries and keys
}

func attentionBenches() []attentionBench {
	same := func(n, length int) (spans [][2]int) {
		for range n {
			spans = append(spans, [2]int{length, length})
		}
		return spans
	}
	var uneven, cross [][2]int
	for _, n := range []int{412, 203, 152, 118, 96, 74, 57, 31} { // instructions of Dolly, in quantiles
		uneven = append(uneven, [2]int{n, n})
		cross = append(cross, [2]int{64, n})
	}
	return []attentionBench{
		{"8x128", 12, 12, true, same(8, 128)},
		{"8x512", 12, 12, true, same(8, 512)},
		{"1x1024", 12, 12, true, same(1, 1024)},
		{"1x1024/one", 1, 1, true, same(1, 1024)},
		{"uneven", 12, 12, true, uneven},
		{"both", 12, 12, false, same(8, 128)},
		{"cross", 12, 12, false, cross},
		{"grouped", 32, 8, true, same(4, 128)},
		{"token", 12, 12, true, [][2]int{{1, 1024}}},
		{"token/grouped", 32, 8, true, [][2]int{{1, 1024}}},
	}
}

func BenchmarkAttention(b *testing.B) {
	for _, c := range attentionBenches() {
		const dim = 64
		a := linalg.Attention{Heads: c.heads, KVHeads: c.kv, Dim: dim, Scale: float32(1 / math.Sqrt(dim)), Causal: c.causal}
		queries, keys, pairs := 0, 0, 0
		for _, s := range c.spans {
			a.Spans = append(a.Spans, linalg.Span{QueryLo: queries, QueryHi: queries + s[0], KeyLo: keys, KeyHi: keys + s[1]})
			queries, keys, pairs = queries+s[0], keys+s[1], pairs+s[0]*s[1]
			if c.causal {
				pairs -= s[0] * (s[0] - 1) / 2
			}
		}
		dev, wide, narrow := linalg.NewCPU(), c.heads*dim, c.kv*dim
		q, k, v, g := random(1, queries, wide), random(2, keys, narrow), random(3, keys, narrow), random(4, queries, wide)
		y, lse := dev.New(linalg.F32, queries, wide), dev.New(linalg.F32, queries, c.heads)
		dq, dk, dv := dev.New(linalg.F32, queries, wide), dev.New(linalg.F32, keys, narrow), dev.New(linalg.F32, keys, narrow)
		product := 2 * pairs * wide // what causality leaves out is not counted
		b.Run(c.name+"/forward", func(b *testing.B) {
			for b.Loop() {
				dev.Attention(y, lse, q, k, v, a)
			}
			reportFlops(b, 2*product)
		})
		if len(c.spans) == 1 && c.spans[0][0] == 1 {
			continue
		}
		b.Run(c.name+"/backward", func(b *testing.B) {
			dev.Attention(y, lse, q, k, v, a)
			for b.Loop() {
				dev.AttentionBackward(dq, dk, dv, g, y, lse, q, k, v, a)
			}
			reportFlops(b, 5*product)
		})
	}
}
