package linalg

import (
	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
)

// AttentionBackward goes over a head's queries in blocks and over the keys that they see in
// tiles, so that the weights of both, and their gradients, stay in the second cache: what a
// block adds to dk and dv has a term for each of its queries, and sums of few terms take longer
// to begin and to end. A product leaves out what is zero because no query of a band of queries
// sees it, or no key of a band of keys is seen.
const (
	queryBlock = 128
	keyTile    = 256 // a multiple of kernel.Panel
)

// AttentionBackward adds the gradients of q, k and v to dq, dk and dv. Where it sets them, rows are
// made 0 right before something is added to them, which is fast while they are in cache.
func (d cpu) AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *Tensor, a Attention) {
	a.check("AttentionBackward", q, k, v)
	for _, pair := range [][2]*Tensor{{dq, q}, {dk, k}, {dv, v}} {
		mustEqual("AttentionBackward", pair[0].Len(), pair[1].Len())
		mustEqual("AttentionBackward", pair[0].Cols(), pair[1].Cols())
	}
	mustEqual("AttentionBackward", g.Len(), q.Rows()*a.Heads*a.Dim)
	mustEqual("AttentionBackward", y.Len(), g.Len())
	mustEqual("AttentionBackward", lse.Len(), q.Rows()*a.Heads)
	if a.Set && !(a.Cover(q.Rows()) && a.coverKeys(k.Rows())) {
		a.Clear(d, dq, dk, dv)
		a.Set = false
	}
	c := attends.Get().(*attending)
	c.a, c.q, c.k, c.v = a, columnsOf(q, a.QAt), columnsOf(k, a.KAt), columnsOf(v, a.VAt)
	c.dq, c.dk, c.dv = columnsOf(dq, a.QAt), columnsOf(dk, a.KAt), columnsOf(dv, a.VAt)
	c.y, c.g, c.lse = columnsOf(y, 0), columnsOf(g, 0), lse.F32()
	c.cut(true)
	c.run((*attending).backward)
}

// backwardPart is the memory of a part of AttentionBackward.
type backwardPart struct {
	part
	n, stride          int       // of keys, from the part's first on; from row to row of a tile
	keys, values       []float32 // packed (dim, n)
	down               []float32 // the keys packed (n, dim), where dq is wanted
	queries, gradients []float32 // of a block, packed (rows, dim), where dk and dv are
	weights, slopes    []float32 // of a tile, (rows, stride)
	sums               []float32 // (rows, dim)
	begun              int       // keys whose dk and dv have something to be added to
	fresh              bool      // none have: what is computed next is set
}

// backward adds to the part's rows of dq, of dk and dv, or of all three.
func (c *attending) backward(p *part) {
	dim, n := c.a.Dim, 0
	if p.queryLo < p.queryHi {
		n = max(c.seen(p, p.queryHi-1)-p.keyLo, 0)
	}
	if c.a.Set && p.dkv {
		c.clearKeys(p, n, p.keyHi-p.keyLo) // which no query sees
	}
	if n == 0 {
		if c.a.Set && p.dq {
			c.blocks(p, queryBlock, func(head, lo, rows int) { c.clearQueries(p, head, lo, rows) })
		}
		return
	}
	b := backwardPart{part: *p, n: n, stride: scoreStride(min(n, keyTile))}
	if !c.a.Set {
		b.begun = n
	}
	rows := min(p.queryHi-p.queryLo, queryBlock)
	across, down, block := kernel.PackedLen(dim, n), kernel.PackedLen(n, dim), kernel.PackedLen(rows, dim)
	memory := floats.borrow(2*across + down + 2*block + rows*(2*b.stride+dim))
	b.keys, b.sums = split(memory.data, across)
	b.values, b.sums = split(b.sums, across)
	b.down, b.sums = split(b.sums, down)
	b.queries, b.sums = split(b.sums, block)
	b.gradients, b.sums = split(b.sums, block)
	b.weights, b.sums = split(b.sums, rows*b.stride)
	b.slopes, b.sums = split(b.sums, rows*b.stride)
	kernel.Pack(b.keys, c.key(c.k, p, p.keyLo), dim, n, 1, c.k.stride)
	kernel.Pack(b.values, c.key(c.v, p, p.keyLo), dim, n, 1, c.v.stride)
	if p.dq {
		kernel.Pack(b.down, c.key(c.k, p, p.keyLo), n, dim, c.k.stride, 1)
	}
	most := queryBlock
	if p.dq && c.a.Causal && !allFinite(b.keys) {
		if p.dkv { // by themselves: dk and dv are the same however the work is cut
			b.dq = false
			c.blocks(&b.part, queryBlock, func(head, lo, rows int) { c.backwardBlock(&b, head, lo, rows) })
			b.dq, b.dkv = true, false
		}
		most = 1
	}
	c.blocks(&b.part, most, func(head, lo, rows int) { c.backwardBlock(&b, head, lo, rows) })
	memory.giveBack()
}

// backwardBlock adds what a block of queries gives.
func (c *attending) backwardBlock(b *backwardPart, head, lo, rows int) {
	dim, most := c.a.Dim, c.seen(&b.part, lo+rows-1)-b.keyLo
	if most <= 0 {
		if c.a.Set && b.dq {
			c.clearQueries(&b.part, head, lo, rows)
		}
		return
	}
	if b.dkv {
		kernel.Pack(b.queries, c.query(c.q, &b.part, lo, head), rows, dim, c.q.stride, 1)
		kernel.Pack(b.gradients, c.query(c.g, &b.part, lo, head), rows, dim, c.g.stride, 1)
		if packed := kernel.PackedLen(rows, dim); c.a.Causal && rows > 1 && !(allFinite(b.queries[:packed]) && allFinite(b.gradients[:packed])) {
			for i := range rows {
				c.backwardBlock(b, head, lo+i, 1)
			}
			return
		}
		b.fresh = b.begun == 0
		if b.begun < most { // never for the heads after the first, or where dk and dv are added to
			if !b.fresh {
				c.clearKeys(&b.part, b.begun, most)
			}
			b.begun = most
		}
	}
	var counts [queryBlock]int
	var lses, dots [queryBlock]float32
	for i := range rows {
		counts[i], lses[i] = dim, c.lse[(b.span.QueryLo+lo+i)*c.a.Heads+head]
	}
	row.DotRows(dots[:], c.band(c.g, &b.part, lo, head), c.band(c.y, &b.part, lo, head), counts[:rows])
	for tile := 0; tile < most; tile += keyTile {
		t := &attentionTile{head, lo, rows, tile, min(keyTile, most-tile)}
		c.slopes(b, t, &lses, &dots)
		if b.dkv {
			c.addToKeys(b, t)
		}
	}
	if !b.dq {
		return
	}
	c.toQueries(b, head, lo, counts[:rows])
}

// toQueries adds a block's sums to dq, or sets dq to them. counts are the head's Dim for each.
func (c *attending) toQueries(b *backwardPart, head, lo int, counts []int) {
	for i := range counts {
		if c.seen(&b.part, lo+i) == 0 {
			counts[i] = 0
			if c.a.Set {
				c.clearQueries(&b.part, head, lo+i, 1)
			}
		}
	}
	dq, sums := c.band(c.dq, &b.part, lo, head), row.Band{X: b.sums, Stride: c.a.Dim}
	if c.a.Set {
		row.ProductRows(dq, ones[:len(counts)], sums, counts)
	} else {
		row.AddPositiveRows(dq, sums, counts)
	}
}

// ones are what sums are multiplied by that become dq as they are.
var ones = func() (x [queryBlock]float32) {
	for i := range x {
		x[i] = 1
	}
	return x
}()

// attentionTile is what a block of a head's queries and a tile of keys have with each other.
// Keys are counted from the part's first.
type attentionTile struct{ head, query, queries, key, keys int }

// slopes computes a tile's weights and what scores get of gradients, behind which a vector of
// zeros stands in each row, and adds to the block's sums for dq.
func (c *attending) slopes(b *backwardPart, t *attentionTile, lses, dots *[queryBlock]float32) {
	a, dim, bands := &c.a, c.a.Dim, (t.queries+band-1)/band
	for i := range bands {
		lo, hi := i*t.queries/bands, (i+1)*t.queries/bands
		most := min(c.seen(&b.part, t.query+hi-1)-b.keyLo-t.key, t.keys)
		if most <= 0 {
			continue
		}
		weights, slopes := b.weights[lo*b.stride:], b.slopes[lo*b.stride:]
		queries := kernel.Rows(c.query(c.q, &b.part, t.query+lo, t.head), c.q.stride)
		gradients := kernel.Rows(c.query(c.g, &b.part, t.query+lo, t.head), c.g.stride)
		kernel.Multiply(weights, b.stride, nil, 0, queries, b.keys[t.key*dim:], hi-lo, most, dim)
		kernel.Multiply(slopes, b.stride, nil, 0, gradients, b.values[t.key*dim:], hi-lo, most, dim)
		var own, whole [band]int
		for q := range hi - lo {
			own[q] = min(max(c.seen(&b.part, t.query+lo+q)-b.keyLo-t.key, 0), t.keys)
			whole[q] = wholeVectors(own[q])
		}
		row.SlopesRows(row.Band{X: weights, Stride: b.stride}, row.Band{X: slopes, Stride: b.stride}, whole[:hi-lo], a.Scale, lses[lo:], dots[lo:])
		for q, own := range own[:hi-lo] {
			if own == t.keys { // nothing is behind them
				continue
			}
			*(*[vector]float32)(weights[q*b.stride+own:]), *(*[vector]float32)(slopes[q*b.stride+own:]) = [vector]float32{}, [vector]float32{}
		}
		if b.dq {
			sums, init := b.sums[lo*dim:], []float32(nil)
			if t.key > 0 {
				init = sums
			}
			meets := append(make([]kernel.Meeting, 0, 2), c.meetsQueries(c.dq, &b.part, t.query+lo, t.head))
			if b.beside {
				meets = append(meets, c.meetsQueries(c.y, &b.part, t.query+lo, t.head+1))
			}
			kernel.MultiplyTerms(sums, dim, init, dim, kernel.Rows(slopes, b.stride), b.down[t.key*kernel.Panel:], b.n, hi-lo, dim, most, meets...)
		}
	}
}

// addToKeys adds to the rows of dk and dv of a tile.
func (c *attending) addToKeys(b *backwardPart, t *attentionTile) {
	dim, bands := c.a.Dim, 1
	if c.a.Causal {
		bands = (t.keys + band - 1) / band
	}
	for i := range bands {
		lo, hi := i*t.keys/bands, (i+1)*t.keys/bands
		first := max(c.a.firstQuery(b.span, b.keyLo+t.key+lo)-t.query, 0)
		dk, dv := c.key(c.dk, &b.part, b.keyLo+t.key+lo), c.key(c.dv, &b.part, b.keyLo+t.key+lo)
		slopes := kernel.Columns(b.slopes[first*b.stride+lo:], b.stride)
		weights := kernel.Columns(b.weights[first*b.stride+lo:], b.stride)
		ofK, ofV := dk, dv
		if b.fresh {
			ofK, ofV = nil, nil
		}
		var ofKeys, ofQueries []kernel.Meeting // of the next head, what is packed first
		if b.beside && t.keys <= t.queries {
			key, query := b.keyLo+t.key+lo, t.query+lo
			ofKeys = []kernel.Meeting{{Data: c.key(c.k, &b.part, key)[dim:], Stride: c.k.stride}, {Data: c.key(c.v, &b.part, key)[dim:], Stride: c.v.stride}}
			ofQueries = []kernel.Meeting{c.meetsQueries(c.q, &b.part, query, t.head+1), c.meetsQueries(c.g, &b.part, query, t.head+1)}
		}
		kernel.MultiplyTerms(dk, c.dk.stride, ofK, c.dk.stride, slopes, b.queries[first*kernel.Panel:], t.queries, hi-lo, dim, t.queries-first, ofKeys...)
		kernel.MultiplyTerms(dv, c.dv.stride, ofV, c.dv.stride, weights, b.gradients[first*kernel.Panel:], t.queries, hi-lo, dim, t.queries-first, ofQueries...)
	}
}

// clearQueries makes rows of dq 0.
func (c *attending) clearQueries(p *part, head, lo, rows int) {
	for i := range rows {
		clear(c.query(c.dq, p, lo+i, head)[:c.a.Dim])
	}
}

// clearKeys makes rows of dk and dv 0, counted from the part's first key.
func (c *attending) clearKeys(p *part, lo, hi int) {
	for i := p.keyLo + lo; i < p.keyLo+hi; i++ {
		clear(c.key(c.dk, p, i)[:c.a.Dim])
		clear(c.key(c.dv, p, i)[:c.a.Dim])
	}
}
