package model

import (
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// bert is BERT (Devlin et al. 2019) and, with other positions and heads, RoBERTa (Liu et
// al. 2019): bidirectional, norms behind each half of a block.
type bert struct {
	texts
	Tokens    *embedding   `tensor:"embeddings.word_embeddings"`
	Positions *embedding   `tensor:"embeddings.position_embeddings"`
	Types     *embedding   `tensor:"embeddings.token_type_embeddings"`
	Norm      *norm        `tensor:"embeddings.LayerNorm"`
	Blocks    []*bertBlock `tensor:"encoder.layer.{i}"`
	Pooler    *linear      `tensor:"pooler.dense"` // seq-cls of BERT

	pad int32 // RoBERTa's positions begin behind it; −1: they begin at 0
}

type bertBlock struct {
	Query  *linear `tensor:"attention.self.query"`
	Key    *linear `tensor:"attention.self.key"`
	Value  *linear `tensor:"attention.self.value"`
	Output *linear `tensor:"attention.output.dense"`
	Norm1  *norm   `tensor:"attention.output.LayerNorm"`
	Up     *linear `tensor:"intermediate.dense"`
	Down   *linear `tensor:"output.dense"`
	Norm2  *norm   `tensor:"output.LayerNorm"`

	heads      heads
	activation activation
}

// newBERT declares the body that a config.json describes, and returns the inputs' counter.
func newBERT(c *Config, f *fields, roberta bool) (*bert, func() int) {
	width, inner := f.size("hidden_size", 768, 1), f.size("intermediate_size", 3072, 1)
	blocks, headCount := f.size("num_hidden_layers", 12, 1), f.size("num_attention_heads", 12, 1)
	eps, act := f.number("layer_norm_eps", 1e-12), f.activation("hidden_act", "gelu")
	positions := f.size("max_position_embeddings", 512, 3)
	types := f.size("type_vocab_size", 2, 1)
	f.only("position_embedding_type", `"absolute"`)
	f.ignore("directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type")
	c.Vocabulary, c.Context = f.size("vocab_size", 30522, 1), positions
	m := &bert{pad: -1}
	if roberta {
		m.pad = int32(f.size("pad_token_id", 1, 0))
		c.Context = positions - int(m.pad) - 1
	}
	if width%headCount != 0 {
		f.fail("num_attention_heads", "it does not divide hidden_size = %d", width)
		return m, nil
	}
	m.texts = c.texts(f)
	in := 2
	next := func() int { in++; return in }
	m.Tokens, m.Positions, m.Types = newEmbedding(0, c.Vocabulary, width), newEmbedding(1, positions, width), newEmbedding(2, types, width)
	m.Norm = newLayerNorm(width, eps)
	for range blocks {
		attention := next()
		m.Blocks = append(m.Blocks, &bertBlock{
			Query: newLinear(attention, width, width), Key: newLinear(attention, width, width), Value: newLinear(attention, width, width),
			Output: newLinear(next(), width, width), Norm1: newLayerNorm(width, eps),
			Up: newLinear(next(), width, inner), Down: newLinear(next(), inner, width), Norm2: newLayerNorm(width, eps),
			activation: act,
			heads:      heads{queries: headCount, keys: headCount, width: width / headCount, scale: float32(1 / math.Sqrt(float64(width/headCount)))},
		})
	}
	return m, next
}

// hidden returns the hidden representations behind the last block: for a classifier those of every
// text's first token.
func (m *bert) hidden(p *pass, b *Batch) *Var {
	s := p.input(b)
	x := p.Add(p.embed(m.Tokens, s.ids), p.embed(m.Types, p.at(s, linalg.New(linalg.I32, s.rows()))))
	x = p.Add(x, p.embed(m.Positions, p.at(s, m.positions(b, s))))
	x = p.Norm(x, m.Norm)
	first := m.classified(s.firsts(), b)
	for i, blk := range m.Blocks {
		x = p.block([]*Var{x}, func(x []*Var) *Var { return blk.forward(p, i, x[0], s, first.of(i, len(m.Blocks))) })
	}
	return x
}

// positions are 0, 1, 2 …; RoBERTa's count from its padding token's id + 1, pass over
// padding tokens, and give those the id itself.
func (m *bert) positions(b *Batch, s sequences) *linalg.Tensor {
	t := s.positions(0)
	if m.pad < 0 {
		return t
	}
	ids := b.Inputs.I32()
	for e := range s.starts {
		lo, hi := bounds(s.starts, s.rows(), e)
		at := m.pad
		for i := lo; i < hi; i++ {
			t.I32()[i] = m.pad
			if ids[i] != m.pad {
				at++
				t.I32()[i] = at
			}
		}
	}
	return t
}

// forward is norm(x + attention(x)), and norm(that + mlp(that)), of some rows.
func (b *bertBlock) forward(p *pass, slot int, x *Var, s sequences, rows *pick) *Var {
	q, k, v := p.linear(b.Query, x), p.linear(b.Key, x), p.linear(b.Value, x)
	a := p.attendPicked(slot, b.heads, q, k, v, s, false, rows)
	x = p.Norm(p.linearAdded(b.Output, a, p.picked(x, rows)), b.Norm1)
	return p.Norm(p.mlp(b.Up, b.Down, x, x, b.activation), b.Norm2)
}

// bertModel is BERT with a head.
type bertModel struct {
	texts
	Body       *bert          `tensor:"bert"`
	Classifier *linear        `tensor:"classifier"`                      // seq-cls, on the pooled first token
	Dense      *linear        `tensor:"cls.predictions.transform.dense"` // masked-lm
	DenseNorm  *norm          `tensor:"cls.predictions.transform.LayerNorm"`
	Decoder    *linear        `tensor:"cls.predictions.decoder"`
	Bias       *linalg.Tensor `tensor:"cls.predictions.bias"`

	activation activation
}

func newBERTModel(c *Config, f *fields) network {
	body, next := newBERT(c, f, false)
	if next == nil {
		return nil
	}
	m := &bertModel{texts: body.texts, Body: body, activation: body.Blocks[0].activation}
	width := body.Tokens.Weight.Cols()
	tied := f.flag("tie_word_embeddings", true)
	if body.task == sequenceClassification {
		body.Pooler = newLinear(next(), width, width)
		m.Classifier = newHead(next(), width, body.classes, true)
		return m
	}
	m.Dense, m.DenseNorm = newLinear(next(), width, width), newLayerNorm(width, float64(body.Norm.eps))
	m.Decoder, m.Bias = newLMHead(next(), width, c.Vocabulary, tied), linalg.New(linalg.F32, c.Vocabulary)
	return m
}

func (m *bertModel) tie() { tieHead(m.Decoder, m.Body.Tokens) }

func (m *bertModel) aliases(name string) []string {
	return biasNames(name, "cls.predictions.bias", "cls.predictions.decoder.bias", m.Decoder)
}

func (m *bertModel) prepare(linalg.Device) {
	if m.Decoder != nil {
		m.Decoder.Bias = m.Bias
	}
}

func (m *bertModel) head() *linear { return m.Decoder }

func (m *bertModel) forward(p *pass, b *Batch) *Var {
	x := m.Body.hidden(p, b)
	if m.Classifier != nil {
		return p.linear(m.Classifier, p.Activate(p.linear(m.Body.Pooler, x), activation{kind: linalg.Tanh}))
	}
	return p.Norm(p.Activate(p.linear(m.Dense, x), m.activation), m.DenseNorm)
}

// robertaModel is RoBERTa with a head.
type robertaModel struct {
	texts
	Body    *bert          `tensor:"roberta"`
	Dense   *linear        `tensor:"classifier.dense"` // seq-cls, on the first token
	Out     *linear        `tensor:"classifier.out_proj"`
	LMDense *linear        `tensor:"lm_head.dense"` // masked-lm
	LMNorm  *norm          `tensor:"lm_head.layer_norm"`
	Decoder *linear        `tensor:"lm_head.decoder"`
	Bias    *linalg.Tensor `tensor:"lm_head.bias"`
}

func newRoBERTaModel(c *Config, f *fields) network {
	body, next := newBERT(c, f, true)
	if next == nil {
		return nil
	}
	m := &robertaModel{texts: body.texts, Body: body}
	width := body.Tokens.Weight.Cols()
	tied := f.flag("tie_word_embeddings", true)
	if body.task == sequenceClassification {
		m.Dense, m.Out = newHead(next(), width, width, true), newHead(next(), width, body.classes, true)
		return m
	}
	m.LMDense, m.LMNorm = newLinear(next(), width, width), newLayerNorm(width, float64(body.Norm.eps))
	m.Decoder, m.Bias = newLMHead(next(), width, c.Vocabulary, tied), linalg.New(linalg.F32, c.Vocabulary)
	return m
}

func (m *robertaModel) tie() { tieHead(m.Decoder, m.Body.Tokens) }

func (m *robertaModel) aliases(name string) []string {
	return biasNames(name, "lm_head.bias", "lm_head.decoder.bias", m.Decoder)
}

func (m *robertaModel) prepare(linalg.Device) {
	if m.Decoder != nil {
		m.Decoder.Bias = m.Bias
	}
}

func (m *robertaModel) head() *linear { return m.Decoder }

func (m *robertaModel) forward(p *pass, b *Batch) *Var {
	x := m.Body.hidden(p, b)
	if m.Out != nil {
		return p.linear(m.Out, p.Activate(p.linear(m.Dense, x), activation{kind: linalg.Tanh}))
	}
	return p.Norm(p.Activate(p.linear(m.LMDense, x), activation{kind: linalg.GELU}), m.LMNorm)
}
