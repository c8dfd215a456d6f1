package cuda

import (
	"fmt"

	"github.com/gradientlearning/cola/cuda/kernels"
	"github.com/gradientlearning/cola/linalg"
)

// Attention computes y = softmax(scale·q·kᵀ)·v for every span and head. No matrix of weights
// is in memory.
func (d *Device) Attention(y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	mustAttend("Attention", q, k, v, a)
	mustBeHidden("Attention", q, k, v, y)
	mustBe("Attention", linalg.F32, lse)
	mustEqual("Attention", y.Len(), q.Rows()*a.Heads*a.Dim)
	mustEqual("Attention", lse.Len(), q.Rows()*a.Heads)
	by := kernelsFor(a, q, k)
	d.attend(by, "", a, a.Heads, d.attentionBlocks(ofQueries, by, a), q, k, y, lse, d.column(q, a.QAt), d.column(k, a.KAt), d.column(v, a.VAt))
}

// AttentionBackward adds the gradients of q, k and v to dq, dk and dv.
func (d *Device) AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	mustAttend("AttentionBackward", q, k, v, a)
	mustBeHidden("AttentionBackward", q, k, v, dq, dk, dv, g, y)
	mustBe("AttentionBackward", linalg.F32, lse)
	for _, pair := range [][2]*linalg.Tensor{{dq, q}, {dk, k}, {dv, v}} {
		mustEqual("AttentionBackward", pair[0].Len(), pair[1].Len())
		mustEqual("AttentionBackward", pair[0].Cols(), pair[1].Cols())
	}
	rows := q.Rows() * a.Heads
	mustEqual("AttentionBackward", g.Len(), rows*a.Dim)
	mustEqual("AttentionBackward", y.Len(), rows*a.Dim)
	mustEqual("AttentionBackward", lse.Len(), rows)
	if a.Set {
		a.Clear(d, dq, dk, dv)
	}
	by := kernelsFor(a, q, k)
	dots := d.Empty(linalg.F32, rows)
	d.launch(named("cola_attention_dots", q), grid1(rows, blockThreads/32), [3]int{blockThreads, 1, 1}, 0, dots, g, y, int64(rows), int32(a.Dim))
	queries, keys, values := d.column(q, a.QAt), d.column(k, a.KAt), d.column(v, a.VAt)
	d.attend(by, "dq", a, a.Heads, d.attentionBlocks(ofQueries, by, a), q, k, d.column(dq, a.QAt), g, lse, dots, queries, keys, values)
	d.attend(by, "dkv", a, a.KVHeads, d.attentionBlocks(ofKeys, by, a), q, k, d.column(dk, a.KAt), d.column(dv, a.VAt), g, lse, dots, queries, keys, values)
	d.Free(dots)
}

// kernelsFor chooses kernels for the columns of q and of k and v.
func kernelsFor(a linalg.Attention, q, k *linalg.Tensor) kernels.Attention {
	return kernels.ForAttention(q.DType().String(), a.Dim, a.QAt, a.KAt, a.VAt, q.Cols(), k.Cols())
}

// column returns where the columns of a tensor begin from one on.
func (d *Device) column(t *linalg.Tensor, at int) devicePointer {
	return d.pointer(t) + devicePointer(at*t.DType().Size())
}

// mustAttend panics where the tensors do not fit the geometry.
func mustAttend(op string, q, k, v *linalg.Tensor, a linalg.Attention) {
	if !a.Fits(q, k, v) {
		panic(fmt.Sprintf("linalg.%s: q %v, k %v and v %v from columns %d, %d and %d for %d and %d heads of %d", op, q.Shape(), k.Shape(), v.Shape(), a.QAt, a.KAt, a.VAt, a.Heads, a.KVHeads, a.Dim))
	}
	for _, s := range a.Spans {
		if s.QueryLo < 0 || s.QueryHi < s.QueryLo || s.QueryHi > q.Rows() || s.KeyLo < 0 || s.KeyHi < s.KeyLo || s.KeyHi > k.Rows() {
			panic(fmt.Sprintf("linalg.%s: span %+v of %d queries and %d keys", op, s, q.Rows(), k.Rows()))
		}
	}
}

// attend launches one of the kernels: a block of threads for each of the blocks in the table and
// each head.
func (d *Device) attend(by kernels.Attention, step string, a linalg.Attention, heads int, blocks, q, k *linalg.Tensor, tensors ...any) {
	name, parts, shared := by.Kernel(step)
	args := append(tensors, blocks, int32(a.Heads), int32(a.KVHeads), int32(a.Dim), int32(q.Cols()), int32(k.Cols()), a.Scale)
	d.launch(name, [3]int{blocks.Len() / kernels.AttentionBlock, heads, parts}, [3]int{kernels.AttentionThreads, 1, 1}, shared, args...)
}

// What a table of blocks is cut by.
const (
	ofQueries = iota
	ofKeys
)

// attentionBlocks returns the list of blocks for these kernels and this geometry.
func (d *Device) attentionBlocks(cut int, by kernels.Attention, a linalg.Attention) *linalg.Tensor {
	key := make([]int64, 0, 4+4*len(a.Spans))
	key = append(key, tableOfAttention, int64(cut), int64(flag(by.Tensor)), int64(flag(a.Causal)))
	for _, s := range a.Spans {
		key = append(key, int64(s.QueryLo), int64(s.QueryHi), int64(s.KeyLo), int64(s.KeyHi))
	}
	return d.table(key, func() []int32 {
		spans := make([]kernels.Span, len(a.Spans))
		for i, s := range a.Spans {
			spans[i] = kernels.Span(s)
		}
		if cut == ofKeys {
			return by.KeyBlocks(a.Causal, spans)
		}
		return by.QueryBlocks(a.Causal, spans)
	})
}
