package model

import "github.com/gradientlearning/cola/linalg"

// heads is the geometry of a multi-head attention.
type heads struct {
	queries, keys int // heads of queries, and of keys and values, which groups of queries share
	width         int // of one head
	scale         float32
	together      bool // q, k and v lie side by side in one value
}

// attend runs a self attention: of every sequence's queries over its own keys or, with a
// cache, over those of all its tokens so far. slot numbers the model's attentions.
func (p *pass) attend(slot int, h heads, q, k, v *Var, own sequences, causal bool) *Var {
	a := h.attention(causal)
	if p.cache != nil {
		return p.cache.attend(p, slot, q, k, v, own, a)
	}
	a.Spans = own.spans(own)
	return p.Attention(q, k, v, a)
}

// attendPicked is attend for queries of which there is one of every text, that sees all its keys: the
// first one where attention looks both ways, or the last.
func (p *pass) attendPicked(slot int, h heads, q, k, v *Var, own sequences, causal bool, rows *pick) *Var {
	if rows == nil {
		return p.attend(slot, h, q, k, v, own, causal)
	}
	a := h.attention(false)
	a.Spans = own.spans(own)
	for e := range a.Spans {
		a.Spans[e].QueryLo, a.Spans[e].QueryHi = e, e+1
	}
	return p.Attention(p.picked(q, rows), k, v, a)
}

// attendSource runs a cross attention: of every sequence's queries over the keys that
// compute makes of the encoder's output.
func (p *pass) attendSource(slot int, h heads, q *Var, compute func() (k, v *Var), own, source sequences) *Var {
	a := h.attention(false)
	if p.cache != nil {
		return p.cache.attendSource(p, slot, q, compute, own, a)
	}
	a.Spans = own.spans(source)
	k, v := compute()
	return p.Attention(q, k, v, a)
}

func (h heads) attention(causal bool) linalg.Attention {
	a := linalg.Attention{Heads: h.queries, KVHeads: h.keys, Dim: h.width, Scale: h.scale, Causal: causal}
	if h.together {
		a.KAt = h.queries * h.width
		a.VAt = a.KAt + h.keys*h.width
	}
	return a
}
