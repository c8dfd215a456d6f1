package model

import "math"

// gpt2 is GPT-2 (Radford et al. 2019): learned positions, norms before each half of a
// block, one product for queries, keys and values.
type gpt2 struct {
	texts
	Tokens    *embedding   `tensor:"transformer.wte"`
	Positions *embedding   `tensor:"transformer.wpe"`
	Blocks    []*gpt2Block `tensor:"transformer.h.{i}"`
	Final     *norm        `tensor:"transformer.ln_f"`
	LMHead    *linear      `tensor:"lm_head"` // causal-lm
	Score     *linear      `tensor:"score"`   // seq-cls, on the last token
}

type gpt2Block struct {
	Norm1     *norm   `tensor:"ln_1"`
	Attention *linear `tensor:"attn.c_attn"` // to q, k and v, side by side
	Output    *linear `tensor:"attn.c_proj"`
	Norm2     *norm   `tensor:"ln_2"`
	Up        *linear `tensor:"mlp.c_fc"`
	Down      *linear `tensor:"mlp.c_proj"`

	heads      heads
	width      int
	activation activation
}

// newGPT2 declares the model that a config.json describes.
func newGPT2(c *Config, f *fields) network {
	width := f.size("n_embd", 768, 1)
	blocks, headCount := f.size("n_layer", 12, 1), f.size("n_head", 12, 1)
	inner := f.size("n_inner", 4*width, 1)
	eps := f.number("layer_norm_epsilon", 1e-5)
	act := f.activation("activation_function", "gelu_new")
	scaled, byLayer := f.flag("scale_attn_weights", true), f.flag("scale_attn_by_inverse_layer_idx", false)
	tied := f.flag("tie_word_embeddings", true)
	f.ignore("n_ctx", "reorder_and_upcast_attn", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels")
	c.Vocabulary, c.Context = f.size("vocab_size", 50257, 1), f.size("n_positions", 1024, 1)
	if width%headCount != 0 {
		f.fail("n_head", "it does not divide n_embd = %d", width)
		return nil
	}
	m := &gpt2{texts: c.texts(f)}
	m.Tokens, m.Positions = newEmbedding(0, c.Vocabulary, width), newEmbedding(1, c.Context, width)
	in := 2
	next := func() int { in++; return in }
	for i := range blocks {
		b := &gpt2Block{
			Norm1: newLayerNorm(width, eps), Attention: newConv1D(next(), width, 3*width), Output: newConv1D(next(), width, width),
			Norm2: newLayerNorm(width, eps), Up: newConv1D(next(), width, inner), Down: newConv1D(next(), inner, width),
			width: width, activation: act, heads: heads{queries: headCount, keys: headCount, width: width / headCount, scale: 1, together: true},
		}
		if scaled {
			b.heads.scale = float32(1 / math.Sqrt(float64(b.heads.width)))
		}
		if byLayer {
			b.heads.scale /= float32(i + 1)
		}
		m.Blocks = append(m.Blocks, b)
	}
	m.Final = newLayerNorm(width, eps)
	if m.task == sequenceClassification {
		m.Score = newHead(next(), width, m.classes, false)
	} else {
		m.LMHead = newLMHead(next(), width, c.Vocabulary, tied)
	}
	return m
}

// newConv1D declares a linear layer whose checkpoints hold Wᵀ.
func newConv1D(input, in, out int) *linear {
	l := newLinear(input, in, out)
	l.transposed = true
	return l
}

func (m *gpt2) tie() { tieHead(m.LMHead, m.Tokens) }

func (m *gpt2) head() *linear { return m.LMHead }

// forward returns the hidden representations behind the last norm, or the classes' logits.
func (m *gpt2) forward(p *pass, b *Batch) *Var {
	s := p.input(b)
	x := p.Add(p.embed(m.Tokens, s.ids), p.embed(m.Positions, p.at(s, s.positions(0))))
	last := m.classified(s.lasts(), b)
	for i, blk := range m.Blocks {
		x = p.block([]*Var{x}, func(x []*Var) *Var { return blk.forward(p, i, x[0], s, last.of(i, len(m.Blocks))) })
	}
	x = p.Norm(x, m.Final)
	if m.Score != nil {
		return p.linear(m.Score, x)
	}
	return x
}

// forward is x + attention(norm(x)), and that + mlp(norm(that)), of some rows.
func (b *gpt2Block) forward(p *pass, slot int, x *Var, s sequences, rows *pick) *Var {
	qkv := p.linear(b.Attention, p.Norm(x, b.Norm1))
	a := p.attendPicked(slot, b.heads, qkv, qkv, qkv, s, true, rows)
	x = p.linearAdded(b.Output, a, p.picked(x, rows))
	return p.mlp(b.Up, b.Down, p.Norm(x, b.Norm2), x, b.activation)
}
