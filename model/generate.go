package model

import (
	"context"
	"errors"
	"fmt"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// Prompts are texts to go on from or, for an encoder-decoder, to answer: those of several
// owners behind each other, with no padding, as a [Batch] has them.
type Prompts struct {
	// Inputs are ids (tokens) in I32, on the host.
	Inputs *linalg.Tensor
	// Starts are the first tokens of the texts in Inputs.
	Starts []int32
	// Owners in the order of their texts, which they cover from first to last. Scale is of
	// no use here.
	Owners []Owner
	// Numbers tell the texts of one owner apart where something is drawn: a text gets the
	// same continuation whatever prompts come with it. nil: their places among the owner's.
	Numbers []int
}

// Continuation is what a model wrote.
type Continuation struct {
	// IDs are the new tokens, the one that ends the text included.
	IDs []int32
	// Ended says that the model ended the text; else it was cut at the most tokens.
	Ended bool
	// Score is of a beam search: Σ log p / tokensᵖ with the length penalty p; else 0.
	Score float64
}

// Generate continues every prompt, and returns the continuations in the prompts' order. All
// prompts are in every pass together, each with its owner's adapters, until they are
// finished; the keys and values of tokens that were read are kept:
//
//	2 · layers · Σ over texts of beams·(tokens + new tokens) · width · 4 bytes
//
// A text's continuation is the same, bit for bit, whatever others are there. It ends before
// MaxNew where text and continuation fill the model's context. A prompt that is longer than
// that is an error, as is everything that [Base.Evaluate] refuses.
func (b *Base) Generate(ctx context.Context, prompts *Prompts, mode Mode, g Generation) ([]Continuation, error) {
	batch, err := b.checkPrompts(prompts, mode, g)
	if err != nil {
		return nil, err
	}
	w := b.newWriting(batch, prompts, mode, g)
	defer w.close()
	for len(w.open) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := w.step(); err != nil {
			return nil, err
		}
	}
	return w.done, nil
}

// checkPrompts says what is wrong with prompts and settings, and returns the batch that the
// prompts are.
func (b *Base) checkPrompts(prompts *Prompts, mode Mode, g Generation) (*Batch, error) {
	if t := b.config.Task; t != causalLM && t != sequenceToSequence {
		return nil, fmt.Errorf("a model for %s does not write text: open it with task %s or %s", t, causalLM, sequenceToSequence)
	}
	if err := g.validate(b.config.Vocabulary, b.config.Task); err != nil {
		return nil, err
	}
	if prompts == nil || prompts.Inputs == nil {
		return nil, errors.New("there are no prompts")
	}
	if n := len(prompts.Numbers); n > 0 && n != len(prompts.Starts) {
		return nil, fmt.Errorf("%d numbers for %d prompts: give one to each", n, len(prompts.Starts))
	}
	batch := &Batch{Inputs: prompts.Inputs, Starts: prompts.Starts, Labels: prompts.Inputs, Owners: prompts.Owners}
	if b.config.Task == sequenceToSequence {
		begins := linalg.New(linalg.I32, len(prompts.Starts))
		for e := range prompts.Starts {
			batch.LabelStarts = append(batch.LabelStarts, int32(e))
			begins.I32()[e] = g.Start
		}
		batch.Labels, batch.Decoder = begins, begins
	}
	return batch, b.check(batch, mode)
}

// text is one that is continued.
type text struct {
	number int // among the prompts
	owner  int
	unread [][]int32 // by row: ids that the model has not read yet
	blocks []int     // by row: the first row of the cache's block, and of rows to come
	length int       // tokens that the model has read
	source Rows      // of the encoder's output
	search search
}

// search decides what a text goes on with.
type search interface {
	// step takes the logits behind each of the text's rows, and returns the rows that come
	// next; none when the text is finished.
	step(logits [][]float32) ([]branch, error)
	// result returns what was written.
	result() Continuation
}

// branch is a row that goes on from one before it with a token.
type branch struct {
	from  int
	token int32
}

// writing is a run of Generate.
type writing struct {
	base   *Base
	mode   Mode
	owners []Owner
	settle func() // lets go of what the owners' adapters take on the device
	cache  *cache
	open   []*text // in the order of their owners
	done   []Continuation
}

// newWriting lays out the texts. Of an encoder-decoder the encoder runs, once.
func (b *Base) newWriting(batch *Batch, prompts *Prompts, mode Mode, g Generation) *writing {
	w := &writing{base: b, mode: mode, cache: &cache{}, done: make([]Continuation, len(batch.Starts))}
	w.owners, w.settle = placeAdapters(b.dev, batch.Owners)
	batch.Owners = w.owners
	encoder, decodes := b.network.(interface {
		encode(p *pass, source sequences) *Var
	})
	if decodes {
		p := b.newPass(batch, mode)
		defer p.close()
		w.cache.memory = encoder.encode(p, p.read(batch.Inputs, batch.Starts, tokens(batch, batch.Starts, batch.Inputs.Rows())))
		p.end(0, w.cache.memory)
	}
	for k, o := range batch.Owners {
		for e := o.Lo; e < o.Hi; e++ {
			lo, hi := bounds(batch.Starts, batch.Inputs.Rows(), e)
			t := &text{number: e, owner: k, source: Rows{lo, hi}}
			read := batch.Inputs.I32()[lo:hi]
			if decodes {
				read = []int32{g.Start}
			}
			limit := g.MaxNew
			if c := b.config.Context; c > 0 {
				limit = min(limit, c-len(read))
			}
			if limit == 0 {
				continue
			}
			t.unread = [][]int32{read}
			for range g.beams() {
				t.blocks = append(t.blocks, w.cache.rows)
				w.cache.rows += len(read) + limit
			}
			number := e - o.Lo
			if len(prompts.Numbers) > 0 {
				number = prompts.Numbers[e]
			}
			c := constraints{g: g, ids: read, prompt: len(read), limit: limit}
			if g.beams() > 1 {
				t.search = newBeams(c)
			} else {
				t.search = &chain{c, adapter.Rand(g.Seed, o.Participant, fmt.Sprint("text ", number))}
			}
			w.open = append(w.open, t)
		}
	}
	return w
}

// close lets go of what the writing has on the device.
func (w *writing) close() {
	w.settle()
	w.cache.close(w.base.dev)
}

// step lets the model read what it has not yet, and every search go on by a token.
func (w *writing) step() error {
	logits, err := w.read()
	if err != nil {
		return err
	}
	vocabulary, row := logits.Cols(), 0
	open := w.open[:0]
	for _, t := range w.open {
		var rows [][]float32
		for range t.unread {
			rows = append(rows, logits.F32()[row*vocabulary:(row+1)*vocabulary])
			row++
		}
		t.length += len(t.unread[0])
		branches, err := t.search.step(rows)
		if err != nil {
			return fmt.Errorf("participant %s: text %d: %w", w.owners[t.owner].Participant, t.number-w.owners[t.owner].Lo, err)
		}
		if len(branches) == 0 {
			w.done[t.number] = t.search.result()
			continue
		}
		w.branch(t, branches)
		open = append(open, t)
	}
	w.open = open
	return nil
}

// branch makes the rows of a text those that come next. The first to go on from a row keeps
// its block; others get copies, in blocks that nothing goes on from.
func (w *writing) branch(t *text, branches []branch) {
	blocks, kept := make([]int, len(branches)), make([]bool, len(t.blocks))
	var forks, spare []int
	for i, br := range branches {
		if kept[br.from] {
			forks = append(forks, i)
			continue
		}
		kept[br.from], blocks[i] = true, t.blocks[br.from]
	}
	for row, k := range kept {
		if !k {
			spare = append(spare, t.blocks[row])
		}
	}
	for _, i := range forks {
		blocks[i], spare = spare[0], spare[1:]
		w.cache.fork(w.base.dev, blocks[i], t.blocks[branches[i].from], t.length)
	}
	t.blocks, t.unread = append(blocks, spare...), t.unread[:0]
	for _, br := range branches {
		t.unread = append(t.unread, []int32{br.token})
	}
}

// read runs a pass over the open texts' unread ids, and returns the logits behind the last
// of each row, on the host.
func (w *writing) read() (*linalg.Tensor, error) {
	b := w.base
	batch := &Batch{}
	c := w.cache
	c.first, c.lengths, c.source = c.first[:0], c.lengths[:0], c.source[:0]
	var ids []int32
	last := -1
	for _, t := range w.open {
		if t.owner != last {
			o := w.owners[t.owner]
			o.Lo, o.Hi, last = len(batch.Starts), len(batch.Starts), t.owner
			batch.Owners = append(batch.Owners, o)
		}
		for i, unread := range t.unread {
			batch.Starts = append(batch.Starts, int32(len(ids)))
			ids = append(ids, unread...)
			c.first, c.lengths, c.source = append(c.first, t.blocks[i]), append(c.lengths, t.length), append(c.source, t.source)
		}
		batch.Owners[len(batch.Owners)-1].Hi = len(batch.Starts)
	}
	batch.Inputs = linalg.FromI32(ids, len(ids))
	if c.memory != nil {
		batch.Labels, batch.Decoder, batch.LabelStarts = batch.Inputs, batch.Inputs, batch.Starts
	}
	p := b.newPass(batch, w.mode)
	defer p.close()
	p.cache = c
	hidden := b.network.forward(p, batch)
	s := sequences{ids: hidden, starts: batch.Starts}
	logits := download(b.dev, p.linear(b.network.head(), p.picked(hidden, &pick{s.lasts(), examples(batch)})).Value)
	p.end(0, nil)
	return logits.Convert(linalg.F32), b.dev.Err()
}
