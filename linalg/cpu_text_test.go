package linalg_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// What a caller of the operations of language models does wrong is said in the caller's
// goroutine, by the operation's name.
func TestCPUTextMisuse(t *testing.T) {
	dev := linalg.NewCPU()
	f := func(shape ...int) *linalg.Tensor { return linalg.New(linalg.F32, shape...) }
	ids := func(values ...int32) *linalg.Tensor { return linalg.FromI32(values, len(values)) }
	heads := linalg.Attention{Heads: 2, KVHeads: 1, Dim: 3}
	behind := linalg.Attention{Heads: 2, KVHeads: 1, Dim: 3, VAt: 1}
	far := heads
	far.Spans = []linalg.Span{{QueryHi: 5, KeyHi: 2}}
	uneven := heads
	uneven.KVHeads = 4
	flat := heads
	flat.Dim = 0
	attend := func(a linalg.Attention, y, lse, q, k, v *linalg.Tensor) func() {
		return func() { dev.Attention(y, lse, q, k, v, a) }
	}
	back := func(a linalg.Attention, dk, lse *linalg.Tensor) func() {
		return func() {
			dev.AttentionBackward(f(4, 6), dk, f(2, 3), f(4, 6), f(4, 6), lse, f(4, 6), f(2, 3), f(2, 3), a)
		}
	}
	for _, c := range []struct {
		op   string
		do   func()
		says string
	}{
		{"Copy", func() { dev.Copy(f(2, 3), f(3, 2)) }, "[2 3]"},
		{"CopyColumns", func() { dev.CopyColumns(f(2, 3), f(3, 3), 0, 0, 1, false) }, "elements"},
		{"CopyColumns", func() { dev.CopyColumns(f(2, 3), f(2, 9), 1, 0, 3, false) }, "3 columns from 0 of [2 9] to 1 of [2 3]"},
		{"CopyColumns", func() { dev.CopyColumns(f(2, 9), f(2, 3), 0, 1, 3, true) }, "[2 3]"},
		{"Gather", func() { dev.Gather(f(2, 3), f(4, 3), ids(0, 4)) }, "row 4 at place 1, there are 4"},
		{"Gather", func() { dev.Gather(f(2, 3), f(4, 3), ids(-1, 0)) }, "row -1"},
		{"Gather", func() { dev.Gather(f(3, 3), f(4, 3), ids(0, 0)) }, "elements"},
		{"GatherBackward", func() { dev.GatherBackward(f(4, 3), f(1, 3), ids(7)) }, "row 7"},
		{"GatherBackward", func() { dev.GatherBackward(f(4, 3), f(1, 2), ids(3)) }, "elements"},
		{"Argmax", func() { dev.Argmax(ids(0), f(2, 3)) }, "elements"},
		{"SquaredError", func() { dev.SquaredError(f(2), nil, f(2, 1), f(3), nil) }, "3"},
		{"SquaredError", func() { dev.SquaredError(f(2), f(2, 1), f(2, 1), f(2), f(1)) }, "1"},
		{"LayerNorm", func() { dev.LayerNorm(f(2, 3), f(2), f(2, 3), f(3), nil, 1) }, "2 elements meet 4"},
		{"LayerNorm", func() { dev.LayerNorm(f(2, 3), f(2, 2), f(2, 3), f(3), f(2), 1) }, "2"},
		{"LayerNormBackward", func() { dev.LayerNormBackward(f(2, 3), f(2, 3), f(2, 3), f(2), f(3), false) }, "2 elements meet 4"},
		{"LayerNormBackward", func() { dev.LayerNormBackward(f(2, 3), f(2, 3), f(2, 3), f(2, 2), f(2), false) }, "2"},
		{"RMSNorm", func() { dev.RMSNorm(f(2, 3), f(2), f(2, 3), f(4), 1) }, "4"},
		{"RMSNormBackward", func() { dev.RMSNormBackward(f(2, 3), f(2, 3), f(2, 3), f(3), f(3), false) }, "3 elements meet 2"},
		{"Activate", func() { dev.Activate(f(2), f(3), linalg.GELU) }, "3"},
		{"ActivateBackward", func() { dev.ActivateBackward(f(3), f(2), f(3), linalg.GELU) }, "2"},
		{"SwiGLU", func() { dev.SwiGLU(f(3), f(3), f(2)) }, "2"},
		{"SwiGLUBackward", func() { dev.SwiGLUBackward(f(3), f(2), f(3), f(3), f(3)) }, "2"},
		{"RoPE", func() { dev.RoPE(f(1, 6), f(1, 6), ids(0), f(5, 4), false) }, "heads of 4 numbers in rows of 6"},
		{"RoPE", func() { dev.RoPE(f(1, 6), f(1, 6), ids(0), f(5, 3), false) }, "heads of 3"},
		{"RoPE", func() { dev.RoPE(f(1, 6), f(1, 6), ids(5), f(5, 2), false) }, "row 5"},
		{"Attention", attend(heads, f(4, 6), f(4, 2), f(4, 6), f(2, 4), f(2, 3)), "[2 4]"},
		{"Attention", attend(behind, f(4, 6), f(4, 2), f(4, 6), f(2, 3), f(2, 3)), "from columns 0, 0 and 1"},
		{"Attention", attend(uneven, f(4, 6), f(4, 2), f(4, 6), f(2, 12), f(2, 12)), "2 and 4 heads of 3"},
		{"Attention", attend(flat, f(4, 0), f(4, 2), f(4, 0), f(2, 0), f(2, 0)), "2 and 1 heads of 0"},
		{"Attention", attend(heads, f(4, 6), f(4), f(4, 6), f(2, 3), f(2, 3)), "4 elements meet 8"},
		{"Attention", attend(far, f(4, 6), f(4, 2), f(4, 6), f(2, 3), f(2, 3)), "QueryHi:5"},
		{"AttentionBackward", back(far, f(2, 3), f(4, 2)), "of 4 queries and 2 keys"},
		{"AttentionBackward", back(heads, f(3, 3), f(4, 2)), "9 elements meet 6"},
		{"AttentionBackward", back(heads, f(2, 3), f(4)), "4 elements meet 8"},
	} {
		mustPanic(t, c.op, c.do, "linalg."+c.op, c.says)
	}
	mustPanic(t, "an unknown activation", func() { dev.Activate(f(1), f(1), 99) }, "activation 99")
	mustPanic(t, "Gather of ids", func() { dev.Gather(f(1, 1), linalg.New(linalg.I32, 1, 1), ids(0)) }, "16-bit")
}

// Argmax of a row of NaN is a column all the same: what follows looks it up.
func TestCPUArgmaxOfNaN(t *testing.T) {
	nan := float32(math.NaN())
	index := linalg.New(linalg.I32, 2)
	linalg.NewCPU().Argmax(index, linalg.FromF32([]float32{nan, nan, nan, 1, nan, 2}, 2, 3))
	if got := index.I32(); got[0] != 0 || got[1] != 2 {
		t.Errorf("the largest of (NaN, NaN, NaN) and (1, NaN, 2) are at %v", got)
	}
}
