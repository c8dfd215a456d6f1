package model

import (
	"math"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// llama is Llama (Touvron et al. 2023) and what shares its shape: rotary positions, RMSNorm,
// SwiGLU, heads of keys and values that groups of queries share.
type llama struct {
	texts
	Tokens *embedding    `tensor:"model.embed_tokens"`
	Blocks []*llamaBlock `tensor:"model.layers.{i}"`
	Final  *norm         `tensor:"model.norm"`
	LMHead *linear       `tensor:"lm_head"` // causal-lm
	Score  *linear       `tensor:"score"`   // seq-cls, on the last token

	rope *rope
}

type llamaBlock struct {
	Norm1  *norm   `tensor:"input_layernorm"`
	Query  *linear `tensor:"self_attn.q_proj"`
	Key    *linear `tensor:"self_attn.k_proj"`
	Value  *linear `tensor:"self_attn.v_proj"`
	Output *linear `tensor:"self_attn.o_proj"`
	Norm2  *norm   `tensor:"post_attention_layernorm"`
	Gate   *linear `tensor:"mlp.gate_proj"`
	Up     *linear `tensor:"mlp.up_proj"`
	Down   *linear `tensor:"mlp.down_proj"`

	heads heads
}

// newLlama declares the model that a config.json describes.
func newLlama(c *Config, f *fields) network {
	width, inner := f.size("hidden_size", 4096, 1), f.size("intermediate_size", 11008, 1)
	blocks, queries := f.size("num_hidden_layers", 32, 1), f.size("num_attention_heads", 32, 1)
	keys := f.size("num_key_value_heads", queries, 1)
	c.Heads, c.KeyHeads = queries, keys
	headWidth := f.size("head_dim", width/queries, 1)
	eps := f.number("rms_norm_eps", 1e-6)
	qkvBias, outBias := f.flag("attention_bias", c.Type == "qwen2"), f.flag("attention_bias", false)
	mlpBias, tied := f.flag("mlp_bias", false), f.flag("tie_word_embeddings", false)
	f.only("hidden_act", `"silu"`, `"swish"`)
	f.ignore("max_sequence_length", "is_llama_config")
	positions := f.size("max_position_embeddings", 2048, 1)
	c.Vocabulary, c.Context = f.size("vocab_size", 32000, 1), min(positions, attentionWindow(c.Type, f))
	if queries%keys != 0 {
		f.fail("num_key_value_heads", "it does not divide num_attention_heads = %d", queries)
		return nil
	}
	if headWidth%2 != 0 {
		f.fail("head_dim", "%d is odd, and rotary positions turn pairs", headWidth)
		return nil
	}
	m := &llama{texts: c.texts(f), rope: readRope(f, headWidth, positions)}
	in := 0
	next := func() int { in++; return in }
	layer := func(input, in, out int, bias bool) *linear {
		if bias {
			return newLinear(input, in, out)
		}
		return newUnbiased(input, in, out)
	}
	m.Tokens = newEmbedding(0, c.Vocabulary, width)
	for range blocks {
		attention, mlp := next(), next()
		b := &llamaBlock{
			Norm1: newRMSNorm(width, eps), Norm2: newRMSNorm(width, eps),
			Query: layer(attention, width, queries*headWidth, qkvBias), Key: layer(attention, width, keys*headWidth, qkvBias),
			Value: layer(attention, width, keys*headWidth, qkvBias), Output: layer(next(), queries*headWidth, width, outBias),
			Gate: layer(mlp, width, inner, mlpBias), Up: layer(mlp, width, inner, mlpBias), Down: layer(next(), inner, width, mlpBias),
			heads: heads{queries: queries, keys: keys, width: headWidth, scale: float32(1 / math.Sqrt(float64(headWidth)))},
		}
		m.Blocks = append(m.Blocks, b)
	}
	m.Final = newRMSNorm(width, eps)
	if m.task == sequenceClassification {
		m.Score = newHead(next(), width, m.classes, false)
	} else {
		m.LMHead = newLMHead(next(), width, c.Vocabulary, tied)
	}
	return m
}

// attentionWindow is how many tokens back a token of Mistral or Qwen2 sees, itself included. In a
// text no longer than that a window hides nothing, so that it bounds the model's context here.
func attentionWindow(modelType string, f *fields) int {
	const none = maxWidth
	_, said := f.values["sliding_window"]
	switch modelType {
	case "mistral":
		if _, ok := f.value("sliding_window"); said && !ok {
			return none // null, where a field that is missing is the default of transformers
		}
		return f.size("sliding_window", 4096, 1)
	case "qwen2":
		f.only("use_mrope", "false")
		f.ignore("sliding_window", "max_window_layers")
		if f.flag("use_sliding_window", false) {
			f.ignore("layer_types")
			return f.size("sliding_window", 4096, 1)
		}
		f.fullAttention()
	}
	return none
}

// fullAttention refuses layers that are said to be anything else.
func (f *fields) fullAttention() {
	kinds, _ := f.value("layer_types")
	list, isList := kinds.([]any)
	if kinds != nil && !isList || slices.ContainsFunc(list, func(kind any) bool { return kind != "full_attention" }) {
		f.fail("layer_types", `only "full_attention" is implemented without a window`)
	}
}

func (m *llama) tie() { tieHead(m.LMHead, m.Tokens) }

func (m *llama) head() *linear { return m.LMHead }

// forward returns the hidden representations behind the last norm, or the classes' logits.
func (m *llama) forward(p *pass, b *Batch) *Var {
	s := p.input(b)
	x := p.embed(m.Tokens, s.ids)
	host := s.positions(0)
	positions, table := p.place(host), m.rope.table(p.dev, host)
	last := m.classified(s.lasts(), b)
	for i, blk := range m.Blocks {
		x = p.block([]*Var{x}, func(x []*Var) *Var {
			return blk.forward(p, i, x[0], s, positions, table, last.of(i, len(m.Blocks)))
		})
	}
	x = p.Norm(x, m.Final)
	if m.Score != nil {
		return p.linear(m.Score, x)
	}
	return x
}

// forward is x + attention(norm(x)), and that + mlp(norm(that)), of some rows.
func (b *llamaBlock) forward(p *pass, slot int, x *Var, s sequences, positions, table *linalg.Tensor, rows *pick) *Var {
	h := p.Norm(x, b.Norm1)
	q, k, v := p.linear(b.Query, h), p.linear(b.Key, h), p.linear(b.Value, h)
	q, k = p.RoPE(q, positions, table), p.RoPE(k, positions, table)
	a := p.attendPicked(slot, b.heads, q, k, v, s, true, rows)
	x = p.linearAdded(b.Output, a, p.picked(x, rows))
	h = p.Norm(x, b.Norm2)
	return p.linearAdded(b.Down, p.SwiGLU(p.linear(b.Gate, h), p.linear(b.Up, h)), x)
}
