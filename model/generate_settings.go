package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
)

// Generation says how text is written. [Base.Generation] fills in what a model's files say.
// Everything means what it means in Hugging Face's transformers.
type Generation struct {
	// MaxNew is the most tokens of a continuation.
	MaxNew int
	// MinNew is how many tokens there must be before one that ends the text.
	MinNew int

	// Temperature divides the logits before a token is drawn; 0: the likeliest is taken.
	Temperature float64
	// TopK is how many of the likeliest tokens may be drawn; 0: all.
	TopK int
	// TopP keeps the fewest of the likeliest tokens that together have this probability, at
	// least one; 0 or 1: all.
	TopP float64
	// Seed, with a participant's name and a text's number, is what a text draws from.
	Seed uint64

	// Beams is how many continuations a beam search follows; 0 or 1: none.
	Beams int
	// LengthPenalty p divides a finished beam's log-probability by its tokens to the power p.
	LengthPenalty float64
	// EarlyStopping ends a beam search as soon as it has Beams finished continuations, else
	// it ends when the open ones can no longer become better.
	EarlyStopping bool

	// NoRepeat is the n of n-grams that a text, its prompt included, may have once; 0: no
	// bound. The answers of an encoder-decoder are texts of their own.
	NoRepeat int
	// RepetitionPenalty divides positive logits of tokens that the text has, and multiplies
	// negative ones; 0 or 1: none.
	RepetitionPenalty float64

	// EOS are the tokens that end a text.
	EOS []int32
	// Start is the token that an answer of an encoder-decoder begins with; it is no part of
	// what is returned.
	Start int32
	// ForcedBOS must be the first token of an encoder-decoder's answer, and ForcedEOS the
	// last where it was not ended before; [NoToken]: none.
	ForcedBOS, ForcedEOS int32
}

// NoToken stands for no token.
const NoToken = -1

// beams returns the number of rows of a text.
func (g *Generation) beams() int { return max(g.Beams, 1) }

// validate says what is wrong with the settings.
func (g *Generation) validate(vocabulary int, task string) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if g.MaxNew < 1 || g.MaxNew > maxWidth {
		fail("%d new tokens: at least 1 is needed", g.MaxNew)
	}
	if g.MinNew < 0 || g.MinNew > g.MaxNew {
		fail("at least %d new tokens, at most %d: the least must be the less", g.MinNew, g.MaxNew)
	}
	if !(g.Temperature >= 0) || math.IsInf(g.Temperature, 0) {
		fail("temperature %g: give 0 for the likeliest token, or a positive number", g.Temperature)
	}
	if g.TopK < 0 {
		fail("top-k %d: give at least 1, or 0 for all tokens", g.TopK)
	}
	if !(g.TopP >= 0 && g.TopP <= 1) {
		fail("top-p %g: give a probability", g.TopP)
	}
	if g.Beams < 0 || g.Beams > maxLayers {
		fail("%d beams: give 1 to %d", g.Beams, maxLayers)
	}
	if g.Beams > 1 && g.Temperature > 0 {
		fail("a beam search draws nothing: leave either beams or the temperature out")
	}
	if math.IsNaN(g.LengthPenalty) || math.IsInf(g.LengthPenalty, 0) {
		fail("length penalty %g: give a finite number", g.LengthPenalty)
	}
	if g.NoRepeat < 0 {
		fail("n-grams of %d tokens: give at least 1, or 0 for no bound", g.NoRepeat)
	}
	if !(g.RepetitionPenalty >= 0) || math.IsInf(g.RepetitionPenalty, 0) {
		fail("repetition penalty %g: give a positive number", g.RepetitionPenalty)
	}
	token := func(what string, id int32) {
		if id < 0 || int(id) >= vocabulary {
			fail("%s is token %d; the model's vocabulary is 0 to %d", what, id, vocabulary-1)
		}
	}
	for _, id := range g.EOS {
		token("the end of text", id)
	}
	if task == sequenceToSequence {
		token("the start of an answer", g.Start)
	}
	if g.ForcedBOS != NoToken {
		token("the forced first token", g.ForcedBOS)
	}
	if g.ForcedEOS != NoToken {
		token("the forced last token", g.ForcedEOS)
	}
	return errors.Join(errs...)
}

// Generation returns settings that take the likeliest token, 128 times at most, with the
// tokens that end and begin a text as generation_config.json has them, or config.json, or
// transformers for the model's type. Other numbers of these files are left alone: a beam
// search is asked for, and never found.
func (b *Base) Generation() (Generation, error) {
	g := Generation{MaxNew: 128, Beams: 1, LengthPenalty: 1, ForcedBOS: NoToken, ForcedEOS: NoToken}
	path := b.config.Path
	switch {
	case path == "":
		return g, nil
	case filepath.Ext(path) == ".bin": // tokens of llama2.c: <s> stands between texts
		g.EOS = b.known([]int32{1, 2})
		return g, nil
	}
	t := tokenFields{without: typeTokens[b.config.Type]}
	for _, name := range []string{"generation_config.json", "config.json"} {
		f, err := readFields(filepath.Join(path, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return g, err
		}
		t.files = append(t.files, f)
	}
	g.EOS = b.known(t.ids("eos_token_id"))
	g.ForcedBOS, g.ForcedEOS = b.one(t.ids("forced_bos_token_id")), b.one(t.ids("forced_eos_token_id"))
	if b.config.Task == sequenceToSequence {
		g.Start = max(b.one(t.ids("decoder_start_token_id")), 0)
	}
	return g, t.err
}

// typeTokens are what transformers takes where a file says nothing.
var typeTokens = map[string]map[string][]int32{
	"gpt2":    {"eos_token_id": {50256}},
	"llama":   {"eos_token_id": {2}},
	"mistral": {"eos_token_id": {2}},
	"bart":    {"eos_token_id": {2}, "forced_eos_token_id": {2}, "decoder_start_token_id": {2}},
}

// tokenFields reads token ids, the first file that has them first.
type tokenFields struct {
	files   []*fields
	without map[string][]int32
	err     error
}

// ids returns the tokens of a field: a number, a list of them, or null for none.
func (t *tokenFields) ids(name string) []int32 {
	for _, f := range t.files {
		v, ok := f.values[name]
		if !ok {
			continue
		}
		list, isList := v.([]any)
		switch {
		case v == nil:
			return nil
		case !isList:
			list = []any{v}
		}
		ids := make([]int32, len(list))
		for i, e := range list {
			n, _ := e.(json.Number)
			id, err := n.Int64()
			if err != nil || id < 0 || id > math.MaxInt32 {
				t.err = errors.Join(t.err, fmt.Errorf("%s: %s = %s: a token id is wanted, or a list of them", f.path, name, show(v)))
				return nil
			}
			ids[i] = int32(id)
		}
		return ids
	}
	return t.without[name]
}

// known returns the tokens that the model has; tiny models inherit numbers of large ones.
func (b *Base) known(ids []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(ids), func(id int32) bool { return int(id) >= b.config.Vocabulary })
}

// one returns the only token of a list.
func (b *Base) one(ids []int32) int32 {
	if ids = b.known(ids); len(ids) == 0 {
		return NoToken
	}
	return ids[0]
}
