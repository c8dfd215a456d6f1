package linalg

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
)

// Attention goes over a head's queries in bands, whose scores stay in the processor's first
// cache. For each thread there are the keys and values of one head, packed, and the scores of
// one band. A band leaves out the keys that none of its queries sees. The band and part that a
// query is in do not change its bits:
//
//   - A score is one chain of fused multiply-adds over the head's Dim. A row of y or dq is
//     one over the keys that the query sees, from the span's first on, and its exponentials
//     are added up as every sum of the kernels is, with lanes counted from there.
//   - A row of dk or dv is one chain over the heads of queries that read it and, in each, over
//     the queries that see it.
//   - A band has weights, which are 0, for keys that some of its queries do not see. What is
//     multiplied by 0 changes nothing if it is finite, but for the sign of a sum that is zero,
//     which an addition to +0 takes away. Where it is not finite, bands have one query.
const band = 14 // rows of the largest tile of a product

// columns are some of a tensor's: row i begins at data[i·stride].
type columns struct {
	data   []float32
	stride int
}

// columnsOf are a tensor's from one on.
func columnsOf(t *Tensor, at int) columns {
	data := t.F32()
	return columns{data[min(at, len(data)):], t.Cols()}
}

// check panics where the tensors do not fit the geometry.
func (a Attention) check(op string, q, k, v *Tensor) {
	if !a.Fits(q, k, v) {
		panic(fmt.Sprintf("linalg.%s: q %v, k %v and v %v from columns %d, %d and %d for %d and %d heads of %d", op, q.shape, k.shape, v.shape, a.QAt, a.KAt, a.VAt, a.Heads, a.KVHeads, a.Dim))
	}
	for _, s := range a.Spans {
		if s.QueryLo < 0 || s.QueryHi < s.QueryLo || s.QueryHi > q.Rows() || s.KeyLo < 0 || s.KeyHi < s.KeyLo || s.KeyHi > k.Rows() {
			panic(fmt.Sprintf("linalg.%s: span %+v of %d queries and %d keys", op, s, q.Rows(), k.Rows()))
		}
	}
}

// Attention computes y = softmax(scale·q·kᵀ)·v for every span and head.
func (cpu) Attention(y, lse, q, k, v *Tensor, a Attention) {
	a.check("Attention", q, k, v)
	mustEqual("Attention", y.Len(), q.Rows()*a.Heads*a.Dim)
	mustEqual("Attention", lse.Len(), q.Rows()*a.Heads)
	c := attends.Get().(*attending)
	c.a, c.q, c.k, c.v = a, columnsOf(q, a.QAt), columnsOf(k, a.KAt), columnsOf(v, a.VAt)
	c.y, c.lse = columnsOf(y, 0), lse.F32()
	c.cut(false)
	c.run((*attending).forward)
}

// forwardPart is the memory of a part of Attention.
type forwardPart struct {
	part
	n, stride int       // of its keys; from row to row of scores
	keys      []float32 // packed (dim, n)
	values    []float32 // packed (n, dim), or none
	scores    []float32 // (band, stride)
	sums      []float32 // (band, dim)
}

// fewQueries are so few that their products with the values are faster than packing these.
// What MultiplyRow computes fast is a multiple of rowDim columns.
const fewQueries, rowDim = 8, 64

// forward computes a part's rows of y and lse.
func (c *attending) forward(p *part) {
	if p.queryLo == p.queryHi {
		return
	}
	dim := c.a.Dim
	f := forwardPart{part: *p, n: c.seen(p, p.queryHi-1)}
	f.stride = scoreStride(f.n)
	across, down := kernel.PackedLen(dim, f.n), kernel.PackedLen(f.n, dim)
	if (p.queryHi-p.queryLo)*c.a.Heads <= fewQueries*c.a.KVHeads && dim%rowDim == 0 {
		down = 0
	}
	memory := floats.borrow(across + down + band*(f.stride+dim))
	f.keys, f.sums = split(memory.data, across)
	f.values, f.sums = split(f.sums, down)
	f.scores, f.sums = split(f.sums, band*f.stride)
	if f.n > 0 {
		kernel.Pack(f.keys, c.key(c.k, p, 0), dim, f.n, 1, c.k.stride)
	}
	if down > 0 {
		kernel.Pack(f.values, c.key(c.v, p, 0), f.n, dim, c.v.stride, 1)
	}
	most := band
	if c.a.Causal && !allFinite(f.values) {
		most = 1
	}
	c.blocks(p, most, func(head, lo, rows int) { c.forwardBand(&f, head, lo, rows) })
	memory.giveBack()
}

// forwardBand computes what a band of queries gives.
func (c *attending) forwardBand(f *forwardPart, head, lo, rows int) {
	a, dim, most := &c.a, c.a.Dim, c.seen(&f.part, lo+rows-1)
	queries := kernel.Rows(c.query(c.q, &f.part, lo, head), c.q.stride)
	kernel.Multiply(f.scores, f.stride, nil, 0, queries, f.keys, rows, most, dim)
	var own [band]int
	for i := range rows {
		own[i] = c.seen(&f.part, lo+i)
	}
	var totals, tops [band]float32
	row.SoftmaxRows(row.Band{X: f.scores, Stride: f.stride}, own[:rows], a.Scale, totals[:rows], tops[:rows])
	for i := range rows { // zeros for the keys that others of the band see
		*(*[vector]float32)(f.scores[i*f.stride+own[i]:]) = [vector]float32{}
		if len(f.values) == 0 && own[i] > 0 {
			kernel.MultiplyRow(f.sums[i*dim:][:dim], f.scores[i*f.stride:], c.key(c.v, &f.part, 0), c.v.stride, dim, own[i])
		}
	}
	if len(f.values) > 0 {
		weights := kernel.Rows(f.scores, f.stride)
		meets := append(make([]kernel.Meeting, 0, 2), c.meetsQueries(c.y, &f.part, lo, head))
		if next := lo + rows; next+rows <= f.queryHi { // read next, as many of them
			meets = append(meets, c.meetsQueries(c.q, &f.part, next, head))
		} else if f.beside {
			meets = append(meets, c.meetsQueries(c.q, &f.part, f.queryLo, head+1))
		}
		kernel.MultiplyTerms(f.sums, dim, nil, 0, weights, f.values, f.n, rows, dim, most, meets...)
	}
	for i := range rows {
		lse := float32(math.Inf(-1))
		if own[i] > 0 {
			lse = float32(float64(tops[i]) + logarithm(totals[i]))
			totals[i], own[i] = 1/totals[i], dim
		} else {
			clear(c.query(c.y, &f.part, lo+i, head)[:dim])
		}
		c.lse[(f.span.QueryLo+lo+i)*a.Heads+head] = lse
	}
	row.ProductRows(c.band(c.y, &f.part, lo, head), totals[:rows], row.Band{X: f.sums, Stride: dim}, own[:rows])
}

// wholeVectors returns how many numbers n are in whole vectors of the widest kind: what is
// computed with them need not go on number by number.
func wholeVectors(n int) int { return (n + vector - 1) / vector * vector }

// vector is more than the keys that a band's last query sees and its first one does not.
const vector = 16

// scoreStride returns how far rows of n scores are apart: a vector more at least, and an odd
// number of cache lines, so that those of a block do not all fall on the same places of the
// cache.
func scoreStride(n int) int { return n/32*32 + 48 }

// split returns the first n numbers and the others.
func split(x []float32, n int) (first, rest []float32) { return x[:n], x[n:] }

// allFinite reports whether no number is NaN or infinite. It also says no where finite ones are
// so large that their sum is not.
func allFinite(x []float32) bool {
	sum := row.Sum(x)
	return sum-sum == 0
}
