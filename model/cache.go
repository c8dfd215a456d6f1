package model

import (
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// cache holds the keys and values of the tokens that texts have so far, while they are
// continued: a pass computes those of the new tokens alone. Each text has a block of rows
// of its own, so that nothing moves when it grows.
type cache struct {
	rows    int              // of all blocks
	first   []int            // by sequence of the batch: the first row of its block
	lengths []int            // by sequence of the batch: its tokens so far
	keys    []*linalg.Tensor // by attention: (rows, width)
	values  []*linalg.Tensor

	memory *Var      // of an encoder, whose output does not change; else nil
	source []Rows    // by sequence of the batch: its rows of memory
	cross  []crossed // by attention
}

// crossed are the keys and values of the encoder's output.
type crossed struct{ key, value *Var }

// attend adds the new keys and values to the texts' own and attends over all of them.
func (c *cache) attend(p *pass, slot int, q, k, v *Var, queries sequences, a linalg.Attention) *Var {
	c.keys, c.values = grown(c.keys, slot), grown(c.values, slot)
	if c.keys[slot] == nil {
		c.keys[slot] = p.dev.New(p.hidden, c.rows, a.KVHeads*a.Dim)
		c.values[slot] = p.dev.New(p.hidden, c.rows, a.KVHeads*a.Dim)
	}
	take := func(cached *linalg.Tensor, at int, from *Var, lo, hi, column int) {
		p.dev.CopyColumns(p.dev.Rows(cached, at, at+hi-lo), p.dev.Rows(from.Value, lo, hi), 0, column, cached.Cols(), false)
	}
	for e := range queries.starts {
		lo, hi := bounds(queries.starts, queries.rows(), e)
		at := c.first[e] + c.lengths[e]
		take(c.keys[slot], at, k, lo, hi, a.KAt)
		take(c.values[slot], at, v, lo, hi, a.VAt)
		a.Spans = append(a.Spans, linalg.Span{QueryLo: lo, QueryHi: hi, KeyLo: c.first[e], KeyHi: at + hi - lo})
	}
	a.KAt, a.VAt = 0, 0 // of the cache
	y := p.Attention(q, p.Input(c.keys[slot]), p.Input(c.values[slot]), a)
	y.rows = q.rows
	return y
}

// attendSource attends over the encoder's output, whose keys and values are computed once.
func (c *cache) attendSource(p *pass, slot int, q *Var, compute func() (k, v *Var), queries sequences, a linalg.Attention) *Var {
	c.cross = grown(c.cross, slot)
	if c.cross[slot].key == nil {
		c.cross[slot].key, c.cross[slot].value = compute()
		c.cross[slot].key.memory.holders++ // the pass ends, and they are for all that follow
		c.cross[slot].value.memory.holders++
	}
	for e := range queries.starts {
		lo, hi := bounds(queries.starts, queries.rows(), e)
		a.Spans = append(a.Spans, linalg.Span{QueryLo: lo, QueryHi: hi, KeyLo: c.source[e].Lo, KeyHi: c.source[e].Hi})
	}
	return p.Attention(q, c.cross[slot].key, c.cross[slot].value, a)
}

// fork copies the first rows of a block to another one, which starts as the same text.
func (c *cache) fork(dev linalg.Device, to, from, rows int) {
	for _, list := range [][]*linalg.Tensor{c.keys, c.values} {
		for _, t := range list {
			if t != nil { // the encoder's attentions have none
				dev.Copy(dev.Rows(t, to, to+rows), dev.Rows(t, from, from+rows))
			}
		}
	}
}

// close lets go of the keys and values, and of the encoder's output.
func (c *cache) close(dev linalg.Device) {
	for _, t := range slices.Concat(c.keys, c.values) {
		if t != nil { // the encoder's attentions have none
			dev.Free(t)
		}
	}
	for _, x := range c.cross {
		if x.key != nil { // the decoder's own have none
			dev.Free(x.key.memory.tensor)
			dev.Free(x.value.memory.tensor)
		}
	}
	if c.memory != nil {
		dev.Free(c.memory.memory.tensor)
	}
}

// grown returns a list that has place i.
func grown[T any](list []T, i int) []T {
	for len(list) <= i {
		var zero T
		list = append(list, zero)
	}
	return list
}
