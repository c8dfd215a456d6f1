//go:build !race

package linalg_test

import (
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// After the first call, an attention takes no memory from the heap. (The race detector makes
// pools forget, so this is not for it.)
func TestCPUAttentionMemory(t *testing.T) {
	const tokens = 300
	a := linalg.Attention{Heads: 4, KVHeads: 2, Dim: 16, Scale: 0.25, Causal: true, Spans: whole(tokens, tokens)}
	p := attentionOf(5, tokens, tokens, a)
	dev := linalg.NewCPU()
	y, lse := dev.New(linalg.F32, p.q.Shape()...), dev.New(linalg.F32, tokens, a.Heads)
	allocations := testing.AllocsPerRun(20, func() {
		dev.Attention(y, lse, p.q, p.k, p.v, a)
		dev.AttentionBackward(p.dq, p.dk, p.dv, p.g, y, lse, p.q, p.k, p.v, a)
	})
	if allocations != 0 {
		t.Errorf("%v allocations for each call", allocations)
	}
}
