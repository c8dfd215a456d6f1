package linalg

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/blas"
	blasgonum "gonum.org/v1/gonum/blas/gonum"
)

// Attention goes over a head's queries in blocks, whose weights over all keys are the only
// matrix that exists: queryBlock × keys. Products are sgemm's, whose elements are added up
// in the order of the inner dimension, so that a query's result does not depend on the
// block that it is in.
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
	n := len(a.Spans) * a.KVHeads
	at := func(i int) head {
		kv := i % a.KVHeads
		return head{a: a, span: a.Spans[i/a.KVHeads], first: kv * group, kv: kv}
	}
	threads := min(runtime.GOMAXPROCS(0), n)
	if threads < 2 {
		for i := range n {
			do(at(i))
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(at(i))
			}
		})
	}
	wg.Wait()
}

// check panics where the tensors do not fit the geometry.
func (a Attention) check(op string, q, k, v *Tensor) {
	if a.KVHeads < 1 || a.Heads%a.KVHeads != 0 || q.Cols() != a.Heads*a.Dim || k.Cols() != a.KVHeads*a.Dim || v.Cols() != k.Cols() || v.Rows() != k.Rows() {
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

// product computes c (m, n) += op(a)·b, with a (m, k), or (k, m) if it is transposed.
func product(c columns, transA bool, a, b columns, m, n, k int) {
	if m == 0 || n == 0 || k == 0 {
		return
	}
	t := blas.NoTrans
	if transA {
		t = blas.Trans
	}
	blasgonum.Implementation{}.Sgemm(t, blas.NoTrans, m, n, k, 1, a.data, a.stride, b.data, b.stride, 1, c.data, c.stride)
}

// across returns rows (n, dim) as (dim, n).
func across(x columns, n, dim int) columns {
	t := columns{make([]float32, n*dim), n}
	for i := range n {
		for j, v := range x.data[i*x.stride : i*x.stride+dim] {
			t.data[j*n+i] = v
		}
	}
	return t
}

// Attention computes y = softmax(scale·q·kᵀ)·v for every span and head.
func (cpu) Attention(y, lse, q, k, v *Tensor, a Attention) {
	a.check("Attention", q, k, v)
	mustEqual("Attention", y.Len(), q.Len())
	mustEqual("Attention", lse.Len(), q.Rows()*a.Heads)
	a.heads(func(h head) {
		n := h.span.KeyHi - h.span.KeyLo
		keys := across(of(k, h.span.KeyLo, h.kv, a.Dim), n, a.Dim)
		values := of(v, h.span.KeyLo, h.kv, a.Dim)
		weights := columns{make([]float32, queryBlock*n), n}
		h.blocks(func(head, lo, hi, most int) {
			out := of(y, lo, head, a.Dim)
			clear(weights.data)
			product(weights, false, of(q, lo, head, a.Dim), keys, hi-lo, most, a.Dim)
			for i := range hi - lo {
				row, own := weights.data[i*n:i*n+most], a.keys(h.span, lo+i-h.span.QueryLo)
				lse.F32()[(lo+i)*a.Heads+head] = softmax(row, own, a.Scale)
				clear(out.data[i*out.stride : i*out.stride+a.Dim])
			}
			product(out, false, weights, values, hi-lo, a.Dim, most)
		})
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

// softmax replaces a row's first own scores by their weights and the others by zero, and
// returns the logarithm of the sum of exponentials. The sum is taken in float64.
func softmax(row []float32, own int, scale float32) float32 {
	top := math.Inf(-1)
	for _, s := range row[:own] {
		top = max(top, float64(s*scale))
	}
	sum := 0.0
	for j, s := range row[:own] {
		e := math.Exp(float64(s*scale) - top)
		sum += e
		row[j] = float32(e)
	}
	clear(row[own:])
	for j := range row[:own] {
		row[j] = float32(float64(row[j]) / sum)
	}
	return float32(top + math.Log(sum))
}

// AttentionBackward adds the gradients of q, k and v to dq, dk and dv.
func (cpu) AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *Tensor, a Attention) {
	a.check("AttentionBackward", q, k, v)
	for _, pair := range [][2]*Tensor{{dq, q}, {dk, k}, {dv, v}, {g, q}, {y, q}} {
		mustEqual("AttentionBackward", pair[0].Len(), pair[1].Len())
	}
	mustEqual("AttentionBackward", lse.Len(), q.Rows()*a.Heads)
	a.heads(func(h head) {
		n := h.span.KeyHi - h.span.KeyLo
		keys, values := of(k, h.span.KeyLo, h.kv, a.Dim), of(v, h.span.KeyLo, h.kv, a.Dim)
		keysAcross, valuesAcross := across(keys, n, a.Dim), across(values, n, a.Dim)
		weights, slopes := columns{make([]float32, queryBlock*n), n}, columns{make([]float32, queryBlock*n), n}
		h.blocks(func(head, lo, hi, most int) {
			queries, gs := of(q, lo, head, a.Dim), of(g, lo, head, a.Dim)
			clear(weights.data)
			clear(slopes.data)
			product(weights, false, queries, keysAcross, hi-lo, most, a.Dim)
			product(slopes, false, gs, valuesAcross, hi-lo, most, a.Dim)
			for i := range hi - lo {
				ys := of(y, lo+i, head, a.Dim)
				dot := 0.0
				for j, v := range gs.data[i*gs.stride : i*gs.stride+a.Dim] {
					dot += float64(v) * float64(ys.data[j])
				}
				own := a.keys(h.span, lo+i-h.span.QueryLo)
				slopesOf(weights.data[i*n:i*n+most], slopes.data[i*n:i*n+most], own, a.Scale, float64(lse.F32()[(lo+i)*a.Heads+head]), dot)
			}
			product(of(dq, lo, head, a.Dim), false, slopes, keys, hi-lo, a.Dim, most)
			product(of(dk, h.span.KeyLo, h.kv, a.Dim), true, slopes, queries, most, a.Dim, hi-lo)
			product(of(dv, h.span.KeyLo, h.kv, a.Dim), true, weights, gs, most, a.Dim, hi-lo)
		})
	})
}

// slopesOf replaces a row's scores by its weights P, and g·vᵀ by scale·P∘(g·vᵀ − dot), the
// gradient of the scores; behind the first own both are zero.
func slopesOf(weights, slopes []float32, own int, scale float32, lse, dot float64) {
	for j, s := range weights[:own] {
		p := math.Exp(float64(s*scale) - lse)
		weights[j] = float32(p)
		slopes[j] = float32(float64(scale) * p * (float64(slopes[j]) - dot))
	}
	clear(weights[own:])
	clear(slopes[own:])
}
