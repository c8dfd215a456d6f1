package linalg_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// A batch at GPT-2's widths: 8 sequences of 128 tokens.
const (
	benchTokens, benchSequence = 1024, 128
	benchHeads, benchDim       = 12, 64
	benchWidth, benchInner     = benchHeads * benchDim, 4 * benchHeads * benchDim
)

func BenchmarkAttention(b *testing.B) {
	dev := linalg.NewCPU()
	a := linalg.Attention{Heads: benchHeads, KVHeads: benchHeads, Dim: benchDim, Scale: float32(1 / math.Sqrt(benchDim)), Causal: true}
	for lo := 0; lo < benchTokens; lo += benchSequence {
		a.Spans = append(a.Spans, linalg.Span{QueryLo: lo, QueryHi: lo + benchSequence, KeyLo: lo, KeyHi: lo + benchSequence})
	}
	q, k, v, g := random(1, benchTokens, benchWidth), random(2, benchTokens, benchWidth), random(3, benchTokens, benchWidth), random(4, benchTokens, benchWidth)
	y, lse := dev.New(linalg.F32, benchTokens, benchWidth), dev.New(linalg.F32, benchTokens, benchHeads)
	dq, dk, dv := dev.New(linalg.F32, benchTokens, benchWidth), dev.New(linalg.F32, benchTokens, benchWidth), dev.New(linalg.F32, benchTokens, benchWidth)
	// A product of queries and keys, counted without what causality leaves out.
	const product = 2 * benchTokens * benchSequence * benchWidth
	b.Run("forward", func(b *testing.B) {
		for b.Loop() {
			dev.Attention(y, lse, q, k, v, a)
		}
		reportFlops(b, 2*product)
	})
	b.Run("backward", func(b *testing.B) {
		dev.Attention(y, lse, q, k, v, a)
		for b.Loop() {
			dev.AttentionBackward(dq, dk, dv, g, y, lse, q, k, v, a)
		}
		reportFlops(b, 5*product)
	})
	// One token after a whole sequence in a cache, as text is generated.
	b.Run("token", func(b *testing.B) {
		one := a
		one.Spans = []linalg.Span{{QueryHi: 1, KeyHi: benchTokens}}
		for b.Loop() {
			dev.Attention(y, lse, q, k, v, one)
		}
	})
}

func BenchmarkLayerNorm(b *testing.B) {
	dev := linalg.NewCPU()
	x, g, weight, bias := random(1, benchTokens, benchWidth), random(2, benchTokens, benchWidth), random(3, benchWidth), random(4, benchWidth)
	y, stats := dev.New(linalg.F32, benchTokens, benchWidth), dev.New(linalg.F32, benchTokens, 2)
	b.Run("forward", func(b *testing.B) {
		b.SetBytes(int64(4 * x.Len()))
		for b.Loop() {
			dev.LayerNorm(y, stats, x, weight, bias, 1e-5)
		}
	})
	b.Run("backward", func(b *testing.B) {
		dev.LayerNorm(y, stats, x, weight, bias, 1e-5)
		b.SetBytes(int64(4 * x.Len()))
		for b.Loop() {
			dev.LayerNormBackward(y, g, x, stats, weight, false)
		}
	})
}

func BenchmarkActivate(b *testing.B) {
	dev := linalg.NewCPU()
	x, g, y := random(1, benchTokens, benchInner), random(2, benchTokens, benchInner), dev.New(linalg.F32, benchTokens, benchInner)
	for _, c := range []struct {
		name string
		f    linalg.Activation
	}{{"GELU", linalg.GELU}, {"GELUTanh", linalg.GELUTanh}, {"SiLU", linalg.SiLU}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(4 * x.Len()))
			for b.Loop() {
				dev.Activate(y, x, c.f)
			}
		})
		b.Run(c.name+"/backward", func(b *testing.B) {
			b.SetBytes(int64(4 * x.Len()))
			for b.Loop() {
				dev.ActivateBackward(y, g, x, c.f)
			}
		})
	}
}
