package model

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// The tasks of a model; see package data for what a batch of each holds.
const (
	imageClassification    = "image-cls"
	sequenceClassification = "seq-cls"
	causalLM               = "causal-lm"
	maskedLM               = "masked-lm"
	sequenceToSequence     = "seq2seq-lm"
)

// texts is what the models of text share: rows are tokens, packed, and an example is a
// sequence of them.
type texts struct {
	task       string
	vocabulary int
	context    int // most tokens of a sequence; 0: no bound
	classes    int // of seq-cls; 1: a regression
}

// check says what is wrong with a batch of texts.
func (m texts) check(b *Batch) error {
	if b.Inputs.DType() != linalg.I32 || len(b.Inputs.Shape()) != 1 {
		return fmt.Errorf("inputs %v of %v do not fit a model of text: give it token ids (tokens), i32", b.Inputs.Shape(), b.Inputs.DType())
	}
	if err := m.checkSequences("inputs", b.Inputs, b.Starts, b.Owners); err != nil {
		return err
	}
	if m.task == sequenceToSequence {
		if len(b.LabelStarts) != len(b.Starts) {
			return fmt.Errorf("%d starts of targets for %d texts: give one to each", len(b.LabelStarts), len(b.Starts))
		}
		if err := m.checkSequences("targets", b.Labels, b.LabelStarts, b.Owners); err != nil {
			return err
		}
		if b.Decoder != nil {
			if b.Decoder.DType() != linalg.I32 || b.Decoder.Rows() != b.Labels.Rows() {
				return fmt.Errorf("decoder ids %v of %v for labels %v: give one i32 to each", b.Decoder.Shape(), b.Decoder.DType(), b.Labels.Shape())
			}
			return m.checkSequences("decoder ids", b.Decoder, b.LabelStarts, b.Owners)
		}
		return nil
	}
	if b.LabelStarts != nil || b.Decoder != nil {
		return fmt.Errorf("a model for %s has no targets: leave their starts and the decoder's ids out", m.task)
	}
	return m.checkLabels(b)
}

// checkSequences says what is wrong with packed ids. Of labels, which may be Ignored, only
// the range is checked.
func (m texts) checkSequences(what string, ids *linalg.Tensor, starts []int32, owners []Owner) error {
	if ids.DType() != linalg.I32 || len(ids.Shape()) != 1 {
		return fmt.Errorf("%s %v of %v: give token ids (tokens), i32", what, ids.Shape(), ids.DType())
	}
	if len(starts) == 0 || starts[0] != 0 {
		return fmt.Errorf("%s without the texts' starts, of which the first is 0", what)
	}
	for k, o := range owners {
		for e := o.Lo; e < o.Hi && e < len(starts); e++ {
			lo, hi := bounds(starts, ids.Rows(), e)
			if lo < 0 || hi <= lo || hi > ids.Rows() {
				return fmt.Errorf("participant %s: text %d of its %s has tokens %d to %d of %d: give each at least one", owners[k].Participant, e-o.Lo, what, lo, hi-1, ids.Rows())
			}
			if m.context > 0 && hi-lo > m.context {
				return fmt.Errorf("participant %s: text %d of its %s has %d tokens, and the model's context is %d: cut it with --max-length", owners[k].Participant, e-o.Lo, what, hi-lo, m.context)
			}
			for i := lo; i < hi; i++ {
				if id := ids.I32()[i]; id < 0 && (what != "targets" || id != Ignored) || int(id) >= m.vocabulary {
					return fmt.Errorf("participant %s: token id %d in text %d of its %s; the model's vocabulary is 0 to %d: use the model's own tokenizer", owners[k].Participant, id, e-o.Lo, what, m.vocabulary-1)
				}
			}
		}
	}
	return nil
}

// checkLabels says what is wrong with the labels of all tasks but seq2seq-lm.
func (m texts) checkLabels(b *Batch) error {
	want, of, dtype := b.Inputs.Rows(), "token", linalg.I32
	limit := m.vocabulary
	if m.task == sequenceClassification {
		want, of, limit = len(b.Starts), "text", m.classes
		if m.classes == 1 {
			dtype = linalg.F32
		}
	}
	if b.Labels.DType() != dtype || len(b.Labels.Shape()) != 1 || b.Labels.Rows() != want {
		return fmt.Errorf("labels %v of %v do not fit: give one %v to each %s, %d in all", b.Labels.Shape(), b.Labels.DType(), dtype, of, want)
	}
	rows := m.predicted(b)
	for k, o := range b.Owners {
		for i := rows[k].Lo; i < rows[k].Hi; i++ {
			if dtype == linalg.F32 {
				if v := float64(b.Labels.F32()[i]); math.IsNaN(v) || math.IsInf(v, 0) {
					return fmt.Errorf("participant %s: the label of its text %d is not finite: check its data", o.Participant, i-rows[k].Lo)
				}
				continue
			}
			if l := b.Labels.I32()[i]; l != Ignored && (l < 0 || int(l) >= limit) {
				return fmt.Errorf("participant %s: label %d of its %s %d; the model has 0 to %d: check its data", o.Participant, l, of, i-rows[k].Lo, limit-1)
			}
		}
	}
	return nil
}

// bounds are the rows of a packed sequence.
func bounds(starts []int32, total, i int) (lo, hi int) {
	if i+1 < len(starts) {
		return int(starts[i]), int(starts[i+1])
	}
	return int(starts[i]), total
}

// tokens returns the owners' rows where each token is one.
func tokens(b *Batch, starts []int32, total int) []Rows {
	list := make([]Rows, len(b.Owners))
	for k, o := range b.Owners {
		list[k].Lo, _ = bounds(starts, total, o.Lo)
		_, list[k].Hi = bounds(starts, total, o.Hi-1)
	}
	return list
}

// predicted returns the owners' rows where each prediction is one.
func (m texts) predicted(b *Batch) []Rows {
	switch m.task {
	case sequenceClassification:
		return examples(b)
	case sequenceToSequence:
		return tokens(b, b.LabelStarts, b.Labels.Rows())
	}
	return tokens(b, b.Starts, b.Inputs.Rows())
}

// examples returns the owners' rows where each example is one.
func examples(b *Batch) []Rows {
	list := make([]Rows, len(b.Owners))
	for k, o := range b.Owners {
		list[k] = Rows{o.Lo, o.Hi}
	}
	return list
}

// labels returns the label of every prediction: of a causal language model the next
// token's, and Ignored at a text's last.
func (m texts) labels(b *Batch) *linalg.Tensor {
	if m.task != causalLM {
		return b.Labels
	}
	n := b.Inputs.Rows()
	next := linalg.New(linalg.I32, n)
	copy(next.I32(), b.Labels.I32()[1:])
	for e := range b.Starts {
		_, hi := bounds(b.Starts, n, e)
		next.I32()[hi-1] = Ignored
	}
	return next
}

// sequences are packed texts on their way through a model.
type sequences struct {
	ids    *Var
	starts []int32
	offset []int // by sequence: the tokens before it that a cache holds; nil: none
}

// read returns the texts of a batch.
func (p *pass) read(ids *linalg.Tensor, starts []int32, owned []Rows) sequences {
	v := p.Input(p.place(ids))
	v.rows = owned
	return sequences{ids: v, starts: starts}
}

// input returns the texts of a batch's inputs.
func (p *pass) input(b *Batch) sequences {
	s := p.read(b.Inputs, b.Starts, tokens(b, b.Starts, b.Inputs.Rows()))
	if p.cache != nil {
		s.offset = p.cache.lengths
	}
	return s
}

// rows returns the number of tokens.
func (s sequences) rows() int { return s.ids.Value.Rows() }

// positions returns every token's place in its sequence, moved by shift.
func (s sequences) positions(shift int) *linalg.Tensor {
	t := linalg.New(linalg.I32, s.rows())
	for e := range s.starts {
		lo, hi := bounds(s.starts, s.rows(), e)
		first := shift
		if s.offset != nil {
			first += s.offset[e]
		}
		for i := lo; i < hi; i++ {
			t.I32()[i] = int32(first + i - lo)
		}
	}
	return t
}

// spans pairs the queries of these sequences with the keys of those.
func (s sequences) spans(keys sequences) []linalg.Span {
	list := make([]linalg.Span, len(s.starts))
	for e := range list {
		list[e].QueryLo, list[e].QueryHi = bounds(s.starts, s.rows(), e)
		list[e].KeyLo, list[e].KeyHi = bounds(keys.starts, keys.rows(), e)
	}
	return list
}

// firsts returns the row of every sequence's first token, and lasts of its last.
func (s sequences) firsts() *linalg.Tensor { return linalg.FromI32(s.starts, len(s.starts)) }

func (s sequences) lasts() *linalg.Tensor {
	t := linalg.New(linalg.I32, len(s.starts))
	for e := range s.starts {
		_, hi := bounds(s.starts, s.rows(), e)
		t.I32()[e] = int32(hi - 1)
	}
	return t
}

// embed looks ids up: as a site where the table is one.
func (p *pass) embed(e *embedding, ids *Var) *Var {
	l := e.layer
	if l.index < 0 {
		return p.lookUp(l, ids)
	}
	return p.embeddingSite(l, ids)
}

// Of a large table that is mapped, a lookup brings up to two megabytes around each row into
// memory, and in the end all of it. After so many rows they go again.
const (
	largeTable = 32 << 20 // bytes
	together   = 8        // rows
)

// lookUp takes rows of a layer's table.
func (p *pass) lookUp(l *layer, ids *Var) *Var {
	if l.release == nil || l.table != *l.weight || bytesOf(l.table) < largeTable {
		return p.Embed(l.table, ids)
	}
	n := ids.Value.Rows()
	y := p.empty(n, l.table.Cols())
	for lo := 0; lo < n; lo += together {
		hi := min(lo+together, n)
		p.dev.Gather(p.dev.Rows(y, lo, hi), l.table, p.dev.Rows(ids.Value, lo, hi))
		l.done()
	}
	v := &Var{Value: y, rows: ids.rows}
	p.own(v)
	return v
}

// pick is one row of every text.
type pick struct {
	rows  *linalg.Tensor // by text, I32, on the host
	owned []Rows         // the owners' texts
}

// classified returns the rows that the head of a classifier reads; of another model nil. Of what the last
// block computes behind its attention nothing else is needed, and nothing else is computed.
func (m texts) classified(rows *linalg.Tensor, b *Batch) *pick {
	if m.task != sequenceClassification {
		return nil
	}
	return &pick{rows, examples(b)}
}

// of block i of n is nil but for the last one's.
func (k *pick) of(i, n int) *pick {
	if i+1 < n {
		return nil
	}
	return k
}

// picked returns rows of x; k nil: all.
func (p *pass) picked(x *Var, k *pick) *Var {
	if k == nil {
		return x
	}
	v := p.Select(x, p.place(k.rows))
	v.rows = k.owned
	return v
}

// at returns a Var of token places, whose rows are those of the ids.
func (p *pass) at(s sequences, positions *linalg.Tensor) *Var {
	v := p.Input(p.place(positions))
	v.rows = s.ids.rows
	return v
}
