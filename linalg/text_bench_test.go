package linalg_test

import (
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// A batch at GPT-2's widths.
const (
	benchTokens            = 1024
	benchHeads, benchDim   = 12, 64
	benchWidth, benchInner = benchHeads * benchDim, 4 * benchHeads * benchDim
)

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

func BenchmarkRMSNorm(b *testing.B) {
	dev := linalg.NewCPU()
	x, g, weight := random(1, benchTokens, benchWidth), random(2, benchTokens, benchWidth), random(3, benchWidth)
	y, stats := dev.New(linalg.F32, benchTokens, benchWidth), dev.New(linalg.F32, benchTokens)
	each(b, x.Len(), "forward", func() { dev.RMSNorm(y, stats, x, weight, 1e-5) })
	each(b, x.Len(), "backward", func() { dev.RMSNormBackward(y, g, x, stats, weight, false) })
}

func BenchmarkSwiGLU(b *testing.B) {
	dev := linalg.NewCPU()
	gate, up, g := random(1, benchTokens, benchInner), random(2, benchTokens, benchInner), random(3, benchTokens, benchInner)
	y, other := dev.New(linalg.F32, benchTokens, benchInner), dev.New(linalg.F32, benchTokens, benchInner)
	each(b, y.Len(), "forward", func() { dev.SwiGLU(y, gate, up) })
	each(b, y.Len(), "backward", func() { dev.SwiGLUBackward(y, other, g, gate, up) })
}

// What moves rows and columns: rotation, the split of c_attn, and embeddings.
func BenchmarkRows(b *testing.B) {
	dev := linalg.NewCPU()
	x, wide, words := random(1, benchTokens, benchWidth), random(2, benchTokens, 3*benchWidth), random(3, 5000, benchWidth)
	table, places := random(4, benchTokens, benchDim), linalg.New(linalg.I32, benchTokens)
	for i := range places.I32() {
		places.I32()[i] = int32(i * 7 % benchTokens)
	}
	y, index, narrow := dev.New(linalg.F32, benchTokens, benchWidth), dev.New(linalg.I32, benchTokens), words.Convert(linalg.BF16)
	each(b, x.Len(), "Copy", func() { dev.Copy(y, x) })
	each(b, x.Len(), "CopyColumns", func() { dev.CopyColumns(y, wide, 0, benchWidth, benchWidth, false) })
	each(b, x.Len(), "CopyColumns/accumulate", func() { dev.CopyColumns(wide, x, benchWidth, 0, benchWidth, true) })
	each(b, x.Len(), "Gather", func() { dev.Gather(y, words, places) })
	each(b, x.Len(), "Gather/bf16", func() { dev.Gather(y, narrow, places) })
	each(b, x.Len(), "GatherBackward", func() { dev.GatherBackward(words, x, places) })
	each(b, x.Len(), "RoPE", func() { dev.RoPE(y, x, places, table, false) })
	each(b, x.Len(), "RoPE/inverse", func() { dev.RoPE(y, x, places, table, true) })
	each(b, x.Len(), "Argmax", func() { dev.Argmax(index, x) })
}

func BenchmarkLosses(b *testing.B) {
	const rows, vocabulary = 64, 50257
	dev := linalg.NewCPU()
	logits, scale, labels := random(1, rows, vocabulary), random(2, rows), linalg.New(linalg.I32, rows)
	loss, dlogits := dev.New(linalg.F32, rows), dev.New(linalg.F32, rows, vocabulary)
	each(b, logits.Len(), "CrossEntropy", func() { dev.CrossEntropy(loss, dlogits, logits, labels, scale) })
	each(b, logits.Len(), "CrossEntropy/loss", func() { dev.CrossEntropy(loss, nil, logits, labels, nil) })
	pred, target, factor := random(3, benchTokens, 1), random(4, benchTokens), random(5, benchTokens)
	errors, dpred := dev.New(linalg.F32, benchTokens), dev.New(linalg.F32, benchTokens, 1)
	each(b, benchTokens, "SquaredError", func() { dev.SquaredError(errors, dpred, pred, target, factor) })
}

// each is a benchmark of what is done for so many elements.
func each(b *testing.B, elements int, name string, do func()) {
	b.Run(name, func(b *testing.B) {
		b.SetBytes(int64(4 * elements))
		for b.Loop() {
			do()
		}
	})
}
