package model

import (
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// bart is BART (Lewis et al. 2020): an encoder that reads a text and a decoder that writes
// another, norms behind each part of a block.
type bart struct {
	texts
	Encoder   *bartStack     `tensor:"model.encoder"`
	Decoder   *bartStack     `tensor:"model.decoder"`
	LMHead    *linear        `tensor:"lm_head"`
	FinalBias *linalg.Tensor `tensor:"final_logits_bias"` // (1, vocabulary)

	start, pad int32
}

// bartStack is the encoder or the decoder.
type bartStack struct {
	Tokens    *embedding   `tensor:"embed_tokens"`
	Positions *embedding   `tensor:"embed_positions"`
	Norm      *norm        `tensor:"layernorm_embedding"`
	Blocks    []*bartBlock `tensor:"layers.{i}"`

	scale float32 // on the tokens' embeddings
	slot  int     // of the first attention
}

type bartBlock struct {
	Self      *bartAttention `tensor:"self_attn"`
	SelfNorm  *norm          `tensor:"self_attn_layer_norm"`
	Cross     *bartAttention `tensor:"encoder_attn"` // of the decoder
	CrossNorm *norm          `tensor:"encoder_attn_layer_norm"`
	Up        *linear        `tensor:"fc1"`
	Down      *linear        `tensor:"fc2"`
	Norm      *norm          `tensor:"final_layer_norm"`

	activation activation
}

type bartAttention struct {
	Query  *linear `tensor:"q_proj"`
	Key    *linear `tensor:"k_proj"`
	Value  *linear `tensor:"v_proj"`
	Output *linear `tensor:"out_proj"`

	heads heads
}

// positionsBefore are the places of the position table that BART leaves unused.
const positionsBefore = 2

// newBART declares the model that a config.json describes.
func newBART(c *Config, f *fields) network {
	width := f.size("d_model", 1024, 1)
	act, scaled := f.activation("activation_function", "gelu"), f.flag("scale_embedding", false)
	tied := f.flag("tie_word_embeddings", true)
	f.only("normalize_before", "false")   //nolint:misspell // Hugging Face spells it so
	f.only("normalize_embedding", "true") //nolint:misspell // likewise
	f.only("add_final_layer_norm", "false")
	f.only("static_position_embeddings", "false")
	f.only("extra_pos_embeddings", "2")
	f.ignore("add_bias_logits", "hidden_size", "num_hidden_layers", "num_attention_heads", "is_encoder_decoder")
	c.Vocabulary, c.Context = f.size("vocab_size", 50265, 1), f.size("max_position_embeddings", 1024, 1)
	m := &bart{texts: c.texts(f), pad: int32(f.size("pad_token_id", 1, 0)), start: int32(f.size("decoder_start_token_id", 2, 0))}
	in := 0
	next := func() int { in++; return in }
	memory := -1 // the number of the encoder's output, which all cross attentions read
	stack := func(name string) *bartStack {
		n, headCount, inner := f.size(name+"_layers", 12, 1), f.size(name+"_attention_heads", 16, 1), f.size(name+"_ffn_dim", 4096, 1)
		if width%headCount != 0 {
			f.fail(name+"_attention_heads", "it does not divide d_model = %d", width)
			return nil
		}
		s := &bartStack{scale: 1, Tokens: newEmbedding(next(), c.Vocabulary, width), Norm: newLayerNorm(width, 1e-5)}
		s.Positions = newEmbedding(next(), c.Context+positionsBefore, width)
		if scaled {
			s.scale = float32(math.Sqrt(float64(width)))
		}
		h := heads{queries: headCount, keys: headCount, width: width / headCount, scale: float32(1 / math.Sqrt(float64(width/headCount)))}
		for range n {
			own := next()
			b := &bartBlock{Self: newBARTAttention(own, own, next(), width, h), SelfNorm: newLayerNorm(width, 1e-5), activation: act}
			if name == "decoder" {
				b.Cross, b.CrossNorm = newBARTAttention(next(), memory, next(), width, h), newLayerNorm(width, 1e-5)
			}
			b.Up, b.Down, b.Norm = newLinear(next(), width, inner), newLinear(next(), inner, width), newLayerNorm(width, 1e-5)
			s.Blocks = append(s.Blocks, b)
		}
		return s
	}
	m.Encoder = stack("encoder")
	memory = next()
	m.Decoder = stack("decoder")
	if m.Encoder == nil || m.Decoder == nil {
		return nil
	}
	m.Decoder.Tokens.tied, m.Decoder.slot = tied, len(m.Encoder.Blocks)
	m.LMHead, m.FinalBias = newLMHead(next(), width, c.Vocabulary, tied), linalg.New(linalg.F32, 1, c.Vocabulary)
	return m
}

// newBARTAttention declares an attention whose queries, and whose keys and values, read the
// inputs of those numbers.
func newBARTAttention(queries, keys, output, width int, h heads) *bartAttention {
	return &bartAttention{
		Key: newLinear(keys, width, width), Value: newLinear(keys, width, width), Query: newLinear(queries, width, width),
		Output: newLinear(output, width, width), heads: h,
	}
}

func (m *bart) tie() {
	if m.Decoder.Tokens.tied {
		m.Decoder.Tokens.Weight = m.Encoder.Tokens.Weight
	}
	tieHead(m.LMHead, m.Encoder.Tokens)
}

func (m *bart) prepare(linalg.Device) { m.LMHead.Bias = m.FinalBias.Reshape(m.FinalBias.Cols()) }

func (m *bart) head() *linear { return m.LMHead }

// aliases are the names under which checkpoints hold a parameter, the one to write first.
// Where nothing is tied, encoder and decoder have a table each, and older checkpoints one
// for both.
func (m *bart) aliases(name string) []string {
	const shared, encoder, decoder = "model.shared.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"
	switch {
	case name != encoder && name != decoder:
		return []string{name}
	case m.Decoder.Tokens.tied:
		return []string{shared, encoder, decoder}
	default:
		return []string{name, shared}
	}
}

// forward returns the decoder's hidden representations.
func (m *bart) forward(p *pass, b *Batch) *Var {
	var source sequences
	var memory *Var
	if p.cache != nil {
		memory = p.cache.memory
	} else {
		source = p.read(b.Inputs, b.Starts, tokens(b, b.Starts, b.Inputs.Rows()))
		memory = m.encode(p, source)
	}
	target := p.read(m.decoderIDs(b), b.LabelStarts, m.predicted(b))
	if p.cache != nil {
		target.offset = p.cache.lengths
	}
	x := m.Decoder.embed(p, target)
	for i, blk := range m.Decoder.Blocks {
		x = p.block([]*Var{x, memory}, func(x []*Var) *Var {
			return blk.forward(p, m.Decoder.slot+2*i, x[0], x[1], target, source, true)
		})
	}
	return x
}

// encode returns the encoder's output, which the decoder's cross attentions read.
func (m *bart) encode(p *pass, source sequences) *Var {
	x := m.Encoder.embed(p, source)
	for i, blk := range m.Encoder.Blocks {
		x = p.block([]*Var{x}, func(x []*Var) *Var { return blk.forward(p, i, x[0], nil, source, source, false) })
	}
	return x
}

// decoderIDs are the ids that the decoder reads: the labels behind the start token.
func (m *bart) decoderIDs(b *Batch) *linalg.Tensor {
	if b.Decoder != nil {
		return b.Decoder
	}
	ids := linalg.New(linalg.I32, b.Labels.Rows())
	for e := range b.LabelStarts {
		lo, hi := bounds(b.LabelStarts, ids.Rows(), e)
		ids.I32()[lo] = m.start
		for i := lo + 1; i < hi; i++ {
			ids.I32()[i] = b.Labels.I32()[i-1]
			if ids.I32()[i] == Ignored {
				ids.I32()[i] = m.pad
			}
		}
	}
	return ids
}

// embed is norm(scale·token + position).
func (s *bartStack) embed(p *pass, seq sequences) *Var {
	x := p.embed(s.Tokens, seq.ids)
	if s.scale != 1 {
		x = p.Scale(x, s.scale)
	}
	return p.Norm(p.Add(x, p.embed(s.Positions, p.at(seq, seq.positions(positionsBefore)))), s.Norm)
}

// forward is the self attention, in the decoder the cross attention, and the mlp, each
// added to its input and normalised.
func (b *bartBlock) forward(p *pass, slot int, x, memory *Var, own, source sequences, causal bool) *Var {
	x = p.Norm(b.Self.self(p, slot, x, own, causal), b.SelfNorm)
	if b.Cross != nil {
		x = p.Norm(b.Cross.cross(p, slot+1, x, memory, own, source), b.CrossNorm)
	}
	return p.Norm(p.mlp(b.Up, b.Down, x, x, b.activation), b.Norm)
}

// self attends over x itself, and adds x.
func (a *bartAttention) self(p *pass, slot int, x *Var, own sequences, causal bool) *Var {
	q, k, v := p.linear(a.Query, x), p.linear(a.Key, x), p.linear(a.Value, x)
	return p.linearAdded(a.Output, p.attend(slot, a.heads, q, k, v, own, causal), x)
}

// cross attends over the encoder's output, and adds x.
func (a *bartAttention) cross(p *pass, slot int, x, memory *Var, own, source sequences) *Var {
	compute := func() (k, v *Var) { return p.linear(a.Key, memory), p.linear(a.Value, memory) }
	return p.linearAdded(a.Output, p.attendSource(slot, a.heads, p.linear(a.Query, x), compute, own, source), x)
}
