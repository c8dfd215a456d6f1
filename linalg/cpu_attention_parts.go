package linalg

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
)

// attending is one call of Attention or AttentionBackward.
type attending struct {
	a             Attention
	q, k, v, y    columns
	dq, dk, dv, g columns
	lse           []float32
	spans         []Span // those with most work first
	parts         []part
	next          atomic.Int64 // part that nobody has begun
	do            func(c *attending, p *part)
	take          func(int, int)
}

// part is what one thread does of a head of keys, with the heads of queries that read it, in
// a span: queries and keys are counted from the span's first.
type part struct {
	span             Span
	head             int // of keys
	queryLo, queryHi int
	keyLo, keyHi     int
	dq, dkv          bool // which gradients are its own
	beside           bool // the thread does the next head next, which lies beside it
}

// attends are calls that are over, whose memory is used again.
var attends = sync.Pool{New: func() any {
	c := new(attending)
	c.take = func(int, int) {
		for lo, hi := c.some(); lo < hi; lo, hi = c.some() {
			for i := lo; i < hi; i++ {
				p := &c.parts[i]
				p.beside = i+1 < hi && c.beside(p, &c.parts[i+1])
				c.do(c, p)
			}
		}
	}
	return c
}}

// beside reports whether a part does what another does, of the next head.
func (c *attending) beside(p, next *part) bool {
	return c.a.Heads == c.a.KVHeads && next.head == p.head+1 && next.span == p.span
}

// headsTogether is how many parts a thread takes at once while many are left. Those of a span's heads lie
// side by side in memory, which processors fetch ahead of who goes over it.
const headsTogether = 4

// some returns the parts that a thread is to do next.
func (c *attending) some() (lo, hi int) {
	for {
		next := c.next.Load()
		rest := len(c.parts) - int(next)
		n := min(max(1, min(headsTogether, rest/(4*runtime.GOMAXPROCS(0)))), rest)
		if n <= 0 || c.next.CompareAndSwap(next, next+int64(n)) {
			return int(next), int(next) + n
		}
	}
}

// run does the parts on several threads: each takes the next ones, of which the largest come
// first. What parts write does not overlap.
func (c *attending) run(do func(c *attending, p *part)) {
	c.do = do
	c.next.Store(0)
	parallel(len(c.parts), 1, c.take)
	*c = attending{spans: c.spans[:0], parts: c.parts[:0], take: c.take}
	attends.Put(c)
}

// cut makes a part of every head of keys of every span. Where one is so much work that
// threads would wait for it, it is cut into several, which changes no bit: backward, queries
// are cut for dq and keys for dk and dv, and scores are computed for both.
func (c *attending) cut(backward bool) {
	c.spans = append(c.spans[:0], c.a.Spans...)
	slices.SortStableFunc(c.spans, func(s, t Span) int { return cmp.Compare(c.a.pairs(t), c.a.pairs(s)) })
	threads, total := runtime.GOMAXPROCS(0), 0
	for _, s := range c.spans {
		total += c.a.pairs(s) * c.a.KVHeads
	}
	for _, s := range c.spans {
		pieces := 1
		if threads > 1 && total > 0 {
			pieces = (c.a.pairs(s)*2*threads + total - 1) / total
		}
		for head := range c.a.KVHeads {
			whole := part{span: s, head: head, queryHi: s.QueryHi - s.QueryLo, keyHi: s.KeyHi - s.KeyLo, dq: true, dkv: true}
			switch {
			case pieces < 2:
				c.parts = append(c.parts, whole)
			case !backward:
				c.cutQueries(whole, pieces)
			default:
				only := whole
				only.dkv = false
				c.cutQueries(only, pieces)
				whole.dq = false
				c.cutKeys(whole, pieces)
			}
		}
	}
}

// pairs returns how many queries see how many keys in a span, all in all.
func (a *Attention) pairs(s Span) int {
	n := s.QueryHi - s.QueryLo
	if n == 0 {
		return 0
	}
	first, last := a.keys(s, 0), a.keys(s, n-1)
	if first == 0 {
		return last * (last + 1) / 2
	}
	return n * (first + last) / 2
}

// queryPiece is what the number of queries in all but the last piece of a part is a multiple of.
const queryPiece = 32

// cutQueries cuts a part of queries.
func (c *attending) cutQueries(p part, pieces int) {
	blocks := (p.queryHi + queryPiece - 1) / queryPiece
	pieces = min(pieces, blocks)
	for i := pieces - 1; i >= 0; i-- { // the last ones see most keys
		piece := p
		piece.queryLo, piece.queryHi = i*blocks/pieces*queryPiece, min((i+1)*blocks/pieces*queryPiece, p.queryHi)
		c.parts = append(c.parts, piece)
	}
}

// cutKeys cuts a part between tiles of keys.
func (c *attending) cutKeys(p part, pieces int) {
	tiles := (p.keyHi + keyTile - 1) / keyTile
	pieces = min(pieces, tiles)
	for i := range pieces { // the first ones are seen by most queries
		piece := p
		piece.keyLo, piece.keyHi = i*tiles/pieces*keyTile, min((i+1)*tiles/pieces*keyTile, p.keyHi)
		c.parts = append(c.parts, piece)
	}
}

// blocks calls do for blocks of a part's queries, counted from the span's first, of every head
// that reads its keys. A block has so many queries at most, and hardly fewer.
func (c *attending) blocks(p *part, most int, do func(head, lo, rows int)) {
	group, n := c.a.Heads/c.a.KVHeads, p.queryHi-p.queryLo
	blocks := (n + most - 1) / most
	for head := p.head * group; head < (p.head+1)*group; head++ {
		for i := range blocks {
			lo, hi := i*n/blocks, (i+1)*n/blocks
			do(head, p.queryLo+lo, hi-lo)
		}
	}
}

// query returns what a tensor of queries, or of what belongs to them, has from one on.
func (c *attending) query(of columns, p *part, i, head int) []float32 {
	return of.data[(p.span.QueryLo+i)*of.stride+head*c.a.Dim:]
}

// band are the rows of a head in such a tensor, from a query's on.
func (c *attending) band(of columns, p *part, i, head int) row.Band {
	return row.Band{X: c.query(of, p, i, head), Stride: of.stride}
}

// meetsQueries are the same rows as what a product asks for: as many as it computes.
func (c *attending) meetsQueries(of columns, p *part, i, head int) kernel.Meeting {
	return kernel.Meeting{Data: c.query(of, p, i, head), Stride: of.stride}
}

// key returns what a tensor of keys, or of what belongs to them, has from one on.
func (c *attending) key(of columns, p *part, i int) []float32 {
	return of.data[(p.span.KeyLo+i)*of.stride+p.head*c.a.Dim:]
}

// seen returns how many of the part's keys, from the span's first on, query i sees.
func (c *attending) seen(p *part, i int) int { return min(c.a.keys(p.span, i), p.keyHi) }
