package linalg

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
)

// queryBlock is how many queries of a head go together. The largest matrix that exists is
// queryBlock × the keys of a sequence, for each thread. Sums are chains in the order of the
// keys, or of the queries, so that no bit depends on the blocks.
const queryBlock = 32

// head is one head of keys and values of one span, with the heads of queries that read it.
type head struct {
	a     Attention
	span  Span
	first int // head of queries
	kv    int // head of keys
}

// heads calls do for every head of keys of every span, on several threads: what different
// heads write does not overlap.
func (a Attention) heads(do func(h head)) {
	group := a.Heads / a.KVHeads
	parallel(len(a.Spans)*a.KVHeads, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			kv := i % a.KVHeads
			do(head{a: a, span: a.Spans[i/a.KVHeads], first: kv * group, kv: kv})
		}
	})
}

// check panics where the tensors do not fit the geometry.
func (a Attention) check(op string, q, k, v *Tensor) {
	if a.KVHeads < 1 || a.Heads%a.KVHeads != 0 || a.Dim < 1 || q.Cols() != a.Heads*a.Dim || k.Cols() != a.KVHeads*a.Dim || v.Cols() != k.Cols() || v.Rows() != k.Rows() {
		panic(fmt.Sprintf("linalg.%s: q %v, k %v and v %v for %d and %d heads of %d", op, q.shape, k.shape, v.shape, a.Heads, a.KVHeads, a.Dim))
	}
	for _, s := range a.Spans {
		if s.QueryLo < 0 || s.QueryHi < s.QueryLo || s.QueryHi > q.Rows() || s.KeyLo < 0 || s.KeyHi < s.KeyLo || s.KeyHi > k.Rows() {
			panic(fmt.Sprintf("linalg.%s: span %+v of %d queries and %d keys", op, s, q.Rows(), k.Rows()))
		}
	}
}

// columns is a matrix inside of another: its rows are stride apart.
type columns struct {
	data   []float32
	stride int
}

// of returns head number h of rows from lo on.
func of(t *Tensor, lo, h, dim int) columns {
	c := t.Cols()
	return columns{t.F32()[min(lo*c+h*dim, t.Len()):], c}
}

// row returns the first n columns of row i.
func (x columns) row(i, n int) []float32 { return x.data[i*x.stride : i*x.stride+n] }

// from returns the rows from i on.
func (x columns) from(i int) columns { return columns{x.data[i*x.stride:], x.stride} }

// packed is a matrix of a head (n, dim), packed for products over its rows' elements (across)
// or over its rows.
type packedHead struct {
	memory *borrowed[float32]
	terms  int
	cols   int
}

// over packs x (n, dim) as a factor of n terms.
func (x columns) over(n, dim int) packedHead {
	p := packedHead{floats.borrow(kernel.PackedLen(n, dim)), n, dim}
	kernel.Pack(p.memory.data, x.data, n, dim, x.stride, 1)
	return p
}

// across packs xᵀ (dim, n), a factor of dim terms.
func (x columns) across(n, dim int) packedHead {
	p := packedHead{floats.borrow(kernel.PackedLen(dim, n)), dim, n}
	kernel.Pack(p.memory.data, x.data, dim, n, 1, x.stride)
	return p
}

// multiply computes c (m, n) (=|+=) a·b from the first terms and columns of b.
func (b packedHead) multiply(c columns, accumulate bool, a kernel.Operand, m, n, terms int) {
	if m == 0 {
		return
	}
	for j := 0; j < n; j += kernel.Panel {
		var init []float32
		if accumulate {
			init = c.data[j:]
		}
		kernel.Multiply(c.data[j:], c.stride, init, c.stride, a, b.memory.data[j*b.terms:], m, min(kernel.Panel, n-j), terms)
	}
}

// rows and transposed are x as the left factor of a product.
func (x columns) rows() kernel.Operand {
	return kernel.Operand{Data: x.data, RowStride: x.stride, ColStride: 1}
}
func (x columns) transposed() kernel.Operand {
	return kernel.Operand{Data: x.data, RowStride: 1, ColStride: x.stride}
}

// Attention computes y = softmax(scale·q·kᵀ)·v for every span and head.
func (cpu) Attention(y, lse, q, k, v *Tensor, a Attention) {
	a.check("Attention", q, k, v)
	mustEqual("Attention", y.Len(), q.Len())
	mustEqual("Attention", lse.Len(), q.Rows()*a.Heads)
	sums := lse.F32()
	a.heads(func(h head) {
		n := h.span.KeyHi - h.span.KeyLo
		keys := of(k, h.span.KeyLo, h.kv, a.Dim).across(n, a.Dim)
		values := of(v, h.span.KeyLo, h.kv, a.Dim).over(n, a.Dim)
		memory := floats.borrow(queryBlock * n)
		weights := columns{memory.data, n}
		h.blocks(func(head, lo, hi, most int) {
			queries, out := of(q, lo, head, a.Dim), of(y, lo, head, a.Dim)
			keys.multiply(weights, false, queries.rows(), hi-lo, most, a.Dim)
			for i := range hi - lo {
				sums[(lo+i)*a.Heads+head] = softmax(weights.row(i, most), a.keys(h.span, lo+i-h.span.QueryLo), a.Scale)
			}
			values.multiply(out, false, weights.rows(), hi-lo, a.Dim, most)
		})
		memory.giveBack()
		keys.memory.giveBack()
		values.memory.giveBack()
	})
}

// blocks calls do for every block of queries of the head's group: rows lo to hi-1, of which
// none sees more than most keys.
func (h head) blocks(do func(head, lo, hi, most int)) {
	for i := range h.a.Heads / h.a.KVHeads {
		for lo := h.span.QueryLo; lo < h.span.QueryHi; lo += queryBlock {
			hi := min(lo+queryBlock, h.span.QueryHi)
			do(h.first+i, lo, hi, h.a.keys(h.span, hi-1-h.span.QueryLo))
		}
	}
}

// softmax replaces the first own scores by their weights and the others by zero, and returns
// the logarithm of the sum of exponentials.
func softmax(scores []float32, own int, scale float32) float32 {
	clear(scores[own:])
	scores = scores[:own]
	row.Scale(scores, scale)
	top := row.Max(scores)
	sum := row.ExpSum(scores, scores, top)
	row.Scale(scores, 1/sum)
	return float32(float64(top) + math.Log(float64(sum)))
}

// AttentionBackward adds the gradients of q, k and v to dq, dk and dv.
func (cpu) AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *Tensor, a Attention) {
	a.check("AttentionBackward", q, k, v)
	for _, pair := range [][2]*Tensor{{dq, q}, {dk, k}, {dv, v}, {g, q}, {y, q}} {
		mustEqual("AttentionBackward", pair[0].Len(), pair[1].Len())
	}
	mustEqual("AttentionBackward", lse.Len(), q.Rows()*a.Heads)
	sums := lse.F32()
	a.heads(func(h head) {
		n, first, dim := h.span.KeyHi-h.span.KeyLo, h.span.KeyLo, a.Dim
		keys, values := of(k, first, h.kv, dim), of(v, first, h.kv, dim)
		dkeys, dvalues := of(dk, first, h.kv, dim), of(dv, first, h.kv, dim)
		keysAcross, keysOver, valuesAcross := keys.across(n, dim), keys.over(n, dim), values.across(n, dim)
		memory := floats.borrow(2 * queryBlock * n)
		weights, slopes := columns{memory.data[:queryBlock*n], n}, columns{memory.data[queryBlock*n:], n}
		h.blocks(func(head, lo, hi, most int) {
			m := hi - lo
			queries, gs, ys := of(q, lo, head, dim), of(g, lo, head, dim), of(y, lo, head, dim)
			keysAcross.multiply(weights, false, queries.rows(), m, most, dim)
			valuesAcross.multiply(slopes, false, gs.rows(), m, most, dim)
			for i := range m {
				own := min(a.keys(h.span, lo+i-h.span.QueryLo), most)
				w, s := weights.row(i, most), slopes.row(i, most)
				row.Slopes(w[:own], s[:own], a.Scale, sums[(lo+i)*a.Heads+head], row.Dot(gs.row(i, dim), ys.row(i, dim)))
				clear(w[own:])
				clear(s[own:])
			}
			keysOver.multiply(of(dq, lo, head, dim), true, slopes.rows(), m, dim, most)
			queriesOver, gsOver := queries.over(m, dim), gs.over(m, dim)
			queriesOver.multiply(dkeys, true, slopes.transposed(), most, dim, m)
			gsOver.multiply(dvalues, true, weights.transposed(), most, dim, m)
			queriesOver.memory.giveBack()
			gsOver.memory.giveBack()
		})
		for _, p := range []packedHead{keysAcross, keysOver, valuesAcross} {
			p.memory.giveBack()
		}
		memory.giveBack()
	})
}
