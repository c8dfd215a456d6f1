package linalg

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
)

// Attention goes over a head's queries in blocks. For each thread there are the keys and
// values of one head, packed, and the scores of one block: queryBlock × keys forward, and
// twice queryBlock × keyTile backward. The block, tile and part that a query is in do not
// change its bits:
//
//   - A score is one chain of fused multiply-adds over the head's Dim. A row of y or dq is
//     one over the keys that the query sees, from the span's first on, and its exponentials
//     are added up as every sum of the kernels is, with lanes counted from there.
//   - A row of dk or dv is one chain over the heads of queries that read it and, in each, over
//     the queries that see it.
//   - A block has weights, which are 0, for keys that some of its queries do not see. What is
//     multiplied by 0 changes nothing if it is finite, but for the sign of a sum that is zero,
//     which an addition to +0 takes away. Where it is not finite, blocks have one query.
const (
	queryBlock = 32
	keyTile    = 256 // a multiple of kernel.Panel
)

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

// Attention computes y = softmax(scale·q·kᵀ)·v for every span and head.
func (cpu) Attention(y, lse, q, k, v *Tensor, a Attention) {
	a.check("Attention", q, k, v)
	mustEqual("Attention", y.Len(), q.Len())
	mustEqual("Attention", lse.Len(), q.Rows()*a.Heads)
	c := attends.Get().(*attending)
	c.a, c.q, c.k, c.v, c.y, c.lse = a, q.F32(), k.F32(), v.F32(), y.F32(), lse.F32()
	c.cut(false)
	c.run((*attending).forward)
}

// forwardBlock is the memory of a part of Attention.
type forwardBlock struct {
	part
	n, stride int       // of its keys; from row to row of scores
	keys      []float32 // packed (dim, n)
	values    []float32 // packed (n, dim), or none
	scores    []float32 // (queryBlock, stride)
	sums      []float32 // (queryBlock, dim)
}

// fewQueries are so few that their products with the values are faster than packing these.
// What MultiplyRow computes fast is a multiple of rowDim columns.
const fewQueries, rowDim = 8, 64

// forward computes a part's rows of y and lse.
func (c *attending) forward(p *part) {
	if p.queryLo == p.queryHi {
		return
	}
	dim, cols := c.a.Dim, c.a.KVHeads*c.a.Dim
	f := forwardBlock{part: *p, n: c.seen(p, p.queryHi-1)}
	f.stride = scoreStride(f.n)
	across, down := kernel.PackedLen(dim, f.n), kernel.PackedLen(f.n, dim)
	if (p.queryHi-p.queryLo)*c.a.Heads <= fewQueries*c.a.KVHeads && dim%rowDim == 0 {
		down = 0
	}
	memory := floats.borrow(across + down + queryBlock*(f.stride+dim))
	f.keys, f.sums = split(memory.data, across)
	f.values, f.sums = split(f.sums, down)
	f.scores, f.sums = split(f.sums, queryBlock*f.stride)
	if f.n > 0 {
		kernel.Pack(f.keys, c.k[c.key(p, 0):], dim, f.n, 1, cols)
	}
	if down > 0 {
		kernel.Pack(f.values, c.v[c.key(p, 0):], f.n, dim, cols, 1)
	}
	c.blocks(p, c.a.Causal && !allFinite(f.values), func(head, lo, rows int) { c.forwardBlock(&f, head, lo, rows) })
	memory.giveBack()
}

// forwardBlock computes what a block of queries gives.
func (c *attending) forwardBlock(f *forwardBlock, head, lo, rows int) {
	a, dim, cols := &c.a, c.a.Dim, c.a.Heads*c.a.Dim
	at, most := c.query(&f.part, lo, head), c.seen(&f.part, lo+rows-1)
	kernel.Multiply(f.scores, f.stride, nil, 0, kernel.Operand{Data: c.q[at:], RowStride: cols, ColStride: 1}, f.keys, rows, most, dim)
	var totals [queryBlock]float32
	for i := range rows {
		scores, own := f.scores[i*f.stride:][:f.stride], c.seen(&f.part, lo+i)
		totals[i], c.lse[(f.span.QueryLo+lo+i)*a.Heads+head] = softmax(scores, own, most, a.Scale)
		if len(f.values) == 0 && own > 0 {
			kernel.MultiplyRow(f.sums[i*dim:][:dim], scores, c.v[c.key(&f.part, 0):], a.KVHeads*dim, dim, own)
		}
	}
	if len(f.values) > 0 {
		combine(f.sums, kernel.Operand{Data: f.scores, RowStride: f.stride, ColStride: 1}, f.values, f.n, 0, rows, dim, most)
	}
	for i, total := range totals[:rows] {
		y := c.y[at+i*cols:][:dim]
		clear(y)
		if c.seen(&f.part, lo+i) > 0 {
			row.Axpy(y, 1/total, f.sums[i*dim:][:dim])
		}
	}
}

// softmax replaces a row's first own numbers x by exp(scale·x − top), where top is the largest
// of scale·x, and the others of the first n by zero. It returns their sum, and top plus its
// logarithm. It writes up to [vector] − 1 numbers more.
func softmax(scores []float32, own, n int, scale float32) (sum, lse float32) {
	infinite := float32(math.Inf(-1))
	if own == 0 {
		clear(scores[:n])
		return 0, infinite
	}
	whole := scores[:wholeVectors(own)]
	row.Scale(whole, scale)
	for i := own; i < len(whole); i++ {
		whole[i] = infinite // whose exponential, 0, adds nothing to a part of the sum
	}
	top := row.Max(whole)
	sum = row.ExpSum(whole, whole, top)
	if len(whole) < n {
		clear(scores[len(whole):n])
	}
	return sum, float32(float64(top) + logarithm(sum))
}

// wholeVectors returns how many numbers n are in whole vectors of the widest kind: what is
// computed with them need not go on number by number.
func wholeVectors(n int) int { return (n + vector - 1) / vector * vector }

const vector = 16

// combine computes c (m, n) (=|+=) a·b for the k rows of b from row from on, of all rows that
// were packed. It adds to c if from is not 0.
func combine(c []float32, a kernel.Operand, b []float32, all, from, m, n, k int) {
	for j := 0; j < n; j += kernel.Panel {
		var init []float32
		if from > 0 {
			init = c[j:]
		}
		panel := b[(j/kernel.Panel*all+from)*kernel.Panel:]
		kernel.Multiply(c[j:], n, init, n, a, panel, m, min(kernel.Panel, n-j), k)
	}
}

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

// AttentionBackward adds the gradients of q, k and v to dq, dk and dv.
func (cpu) AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *Tensor, a Attention) {
	a.check("AttentionBackward", q, k, v)
	for _, pair := range [][2]*Tensor{{dq, q}, {dk, k}, {dv, v}, {g, q}, {y, q}} {
		mustEqual("AttentionBackward", pair[0].Len(), pair[1].Len())
	}
	mustEqual("AttentionBackward", lse.Len(), q.Rows()*a.Heads)
	c := attends.Get().(*attending)
	c.a, c.q, c.k, c.v, c.y, c.lse = a, q.F32(), k.F32(), v.F32(), y.F32(), lse.F32()
	c.dq, c.dk, c.dv, c.g = dq.F32(), dk.F32(), dv.F32(), g.F32()
	c.cut(true)
	c.run((*attending).backward)
}

// backwardBlock is the memory of a part of AttentionBackward.
type backwardBlock struct {
	part
	n                  int       // of keys, from the part's first on
	keys, values       []float32 // packed (dim, n)
	down               []float32 // the keys packed (n, dim), where dq is wanted
	queries, gradients []float32 // of a block, packed (rows, dim), where dk and dv are
	weights, slopes    []float32 // of a tile, (rows, tileStride)
	sums, result       []float32 // (rows, dim)
}

const tileStride = keyTile + 16

// backward adds to the part's rows of dq, of dk and dv, or of all three.
func (c *attending) backward(p *part) {
	if p.queryLo == p.queryHi {
		return
	}
	dim := c.a.Dim
	n := c.seen(p, p.queryHi-1) - p.keyLo
	if n <= 0 {
		return
	}
	across, down, block := kernel.PackedLen(dim, n), kernel.PackedLen(n, dim), kernel.PackedLen(queryBlock, dim)
	memory := floats.borrow(2*across + down + 2*block + 2*queryBlock*(tileStride+dim))
	b := backwardBlock{part: *p, n: n}
	b.keys, b.sums = split(memory.data, across)
	b.values, b.sums = split(b.sums, across)
	b.down, b.sums = split(b.sums, down)
	b.queries, b.sums = split(b.sums, block)
	b.gradients, b.sums = split(b.sums, block)
	b.weights, b.sums = split(b.sums, queryBlock*tileStride)
	b.slopes, b.sums = split(b.sums, queryBlock*tileStride)
	b.sums, b.result = split(b.sums, queryBlock*dim)
	from, cols := c.key(p, p.keyLo), c.a.KVHeads*dim
	kernel.Pack(b.keys, c.k[from:], dim, n, 1, cols)
	kernel.Pack(b.values, c.v[from:], dim, n, 1, cols)
	if p.dq {
		kernel.Pack(b.down, c.k[from:], n, dim, cols, 1)
	}
	single := p.dq && c.a.Causal && !allFinite(b.keys)
	if single && p.dkv { // by themselves: dk and dv are the same however the work is cut
		b.dq = false
		c.blocks(&b.part, false, func(head, lo, rows int) { c.backwardBlock(&b, head, lo, rows) })
		b.dq, b.dkv = true, false
	}
	c.blocks(&b.part, single, func(head, lo, rows int) { c.backwardBlock(&b, head, lo, rows) })
	memory.giveBack()
}

// backwardBlock adds what a block of queries gives.
func (c *attending) backwardBlock(b *backwardBlock, head, lo, rows int) {
	a, dim, cols := &c.a, c.a.Dim, c.a.Heads*c.a.Dim
	at, most := c.query(&b.part, lo, head), c.seen(&b.part, lo+rows-1)-b.keyLo
	if most <= 0 {
		return
	}
	if b.dkv {
		kernel.Pack(b.queries, c.q[at:], rows, dim, cols, 1)
		kernel.Pack(b.gradients, c.g[at:], rows, dim, cols, 1)
		if packed := kernel.PackedLen(rows, dim); a.Causal && rows > 1 && !(allFinite(b.queries[:packed]) && allFinite(b.gradients[:packed])) {
			for i := range rows {
				c.backwardBlock(b, head, lo+i, 1)
			}
			return
		}
	}
	var dots [queryBlock]float32
	for i := range rows {
		dots[i] = row.Dot(c.g[at+i*cols:][:dim], c.y[at+i*cols:][:dim])
	}
	queries, gradients := kernel.Operand{Data: c.q[at:], RowStride: cols, ColStride: 1}, kernel.Operand{Data: c.g[at:], RowStride: cols, ColStride: 1}
	for tile := 0; tile < most; tile += keyTile {
		count := min(keyTile, most-tile)
		kernel.Multiply(b.weights, tileStride, nil, 0, queries, b.keys[tile*dim:], rows, count, dim)
		kernel.Multiply(b.slopes, tileStride, nil, 0, gradients, b.values[tile*dim:], rows, count, dim)
		for i := range rows {
			own := min(max(c.seen(&b.part, lo+i)-b.keyLo-tile, 0), count)
			weights, slopes := b.weights[i*tileStride:][:tileStride], b.slopes[i*tileStride:][:tileStride]
			whole := wholeVectors(own)
			row.Slopes(weights[:whole], slopes[:whole], a.Scale, c.lse[(b.span.QueryLo+lo+i)*a.Heads+head], dots[i])
			clear(weights[own:count])
			clear(slopes[own:count])
		}
		if b.dq {
			combine(b.sums, kernel.Operand{Data: b.slopes, RowStride: tileStride, ColStride: 1}, b.down, b.n, tile, rows, dim, count)
		}
		if b.dkv {
			key, wide := c.key(&b.part, b.keyLo+tile), a.KVHeads*dim
			kernel.Multiply(c.dk[key:], wide, c.dk[key:], wide, kernel.Operand{Data: b.slopes, RowStride: 1, ColStride: tileStride}, b.queries, count, dim, rows)
			kernel.Multiply(c.dv[key:], wide, c.dv[key:], wide, kernel.Operand{Data: b.weights, RowStride: 1, ColStride: tileStride}, b.gradients, count, dim, rows)
		}
	}
	if !b.dq {
		return
	}
	result := b.result[:rows*dim]
	clear(result)
	row.Add(result, b.sums[:rows*dim])
	for i := range rows {
		if c.seen(&b.part, lo+i) > 0 {
			row.Add(c.dq[at+i*cols:][:dim], result[i*dim:][:dim])
		}
	}
}
