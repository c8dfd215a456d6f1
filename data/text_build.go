package data

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// sample is an example in words.
type sample struct {
	source     string // what a model reads; of causal-lm the prompt, or the text that has none
	target     string // what it is to write
	references []string
	label      int
	number     float64
	category   int
}

// What is wrong with a sample. The builder's caller knows where it is.
var (
	errNoText     = errors.New("there is no text: leave the row out")
	errNoTarget   = errors.New("there is no text to be learnt: leave the row out")
	errNoLabelled = errors.New("not one token is left to be learnt: the text is too short, or the maximum length is")
)

// builder tokenises samples into a Text.
type builder struct {
	preset
	tokenizer Tokenizer
	rules     Rules
	frame     frame
	ending    int // tokens at the end of a prompt that are its marker
	text      *Text
}

func newBuilder(p preset, t Tokenizer, rules Rules) *builder {
	b := &builder{preset: p, tokenizer: t, rules: rules, frame: newFrame(t), text: &Text{newTokens: p.newTokens, names: p.categories}}
	if p.targetBound == 0 || p.targetBound > rules.Longest || !rules.PresetTargets {
		b.targetBound = rules.Longest
	}
	if p.marker != "" && rules.KeepMarker {
		b.ending = commonEnd(t.Encode("x"+p.marker), t.Encode(p.marker))
	}
	return b
}

// commonEnd returns how many ids two lists have in common at their ends.
func commonEnd(a, b []int32) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// add tokenises a sample that is from where.
func (b *builder) add(s sample, where string) error {
	cut, err := b.tokenise(s)
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	t := b.text
	if cut {
		t.truncated++
	}
	if t.names != nil && b.task != SequenceClassification {
		t.categories = append(t.categories, int32(s.category))
	}
	t.places = append(t.places, where)
	return nil
}

func (b *builder) tokenise(s sample) (cut bool, err error) {
	if strings.TrimSpace(s.source) == "" {
		return false, errNoText
	}
	switch b.task {
	case SequenceClassification:
		return b.classified(s), nil
	case SequenceToSequence:
		return b.translated(s)
	}
	if b.prompts {
		return b.answered(s)
	}
	return b.passage(b.tokenizer.Encode(s.source))
}

// classified adds a text with a class or a number.
func (b *builder) classified(s sample) (cut bool) {
	ids, cut := b.frame.around(b.tokenizer.Encode(s.source), b.rules.Longest)
	b.text.tokens.add(ids)
	if b.classes == 1 {
		b.text.numbers = append(b.text.numbers, float32(s.number))
	} else {
		b.text.labels = append(b.text.labels, int32(s.label))
	}
	return cut
}

// translated adds a text and the text to be written for it.
func (b *builder) translated(s sample) (cut bool, err error) {
	if strings.TrimSpace(s.target) == "" {
		return false, errNoTarget
	}
	source, cut := b.frame.around(b.tokenizer.Encode(s.source), b.rules.Longest)
	target, cutTarget := b.frame.around(b.tokenizer.Encode(s.target), b.targetBound)
	if !cutTarget && len(b.frame.after) == 0 && len(target) < b.targetBound {
		target = b.end(target)
	}
	b.text.tokens.add(source)
	b.text.targets.add(target)
	b.text.references = append(b.text.references, s.references)
	return cut || cutTarget, nil
}

// end puts the end of text behind ids where the rules want it.
func (b *builder) end(ids []int32) []int32 {
	eos, ok := b.tokenizer.EOS()
	if !ok || !b.rules.EndOfText || len(ids) > 0 && ids[len(ids)-1] == eos {
		return ids
	}
	return append(ids, eos)
}

// passage adds a text that is learnt from its second token on.
func (b *builder) passage(bare []int32) (cut bool, err error) {
	ids, cut := b.frame.around(bare, b.rules.Longest)
	if !cut && len(ids) < b.rules.Longest {
		ids = b.end(ids)
	}
	return cut, b.causal(ids, 0)
}

// answered adds a prompt and the response to be learnt.
func (b *builder) answered(s sample) (cut bool, err error) {
	if strings.TrimSpace(s.target) == "" {
		return false, errNoTarget
	}
	longest := b.rules.Longest
	prompt := slices.Concat(b.frame.before, b.tokenizer.Encode(s.source))
	response := b.tokenizer.Encode(s.target)
	if b.rules.ResponseSpecial {
		response = slices.Concat(b.frame.before, response, b.frame.after)
	}
	response = b.end(response)
	whole := len(prompt) + len(response)
	asked := b.cutPrompt(prompt, longest)
	if b.rules.KeepLast {
		response = response[:min(len(response), longest)]
		prompt = asked[max(len(asked)+len(response)-longest, 0):]
	} else {
		response = response[:min(len(response), max(longest-len(prompt), longest/2))]
		prompt = b.cutPrompt(prompt, longest-len(response))
	}
	from := len(prompt)
	if b.rules.PromptLoss {
		from = 0
	}
	if err := b.causal(slices.Concat(prompt, response), from); err != nil {
		return false, err
	}
	b.text.prompts.add(asked)
	b.text.references = append(b.text.references, s.references)
	return len(prompt)+len(response) < whole, nil
}

// cutPrompt returns at most n ids of a prompt: its beginning and, by the rules, its marker.
func (b *builder) cutPrompt(ids []int32, n int) []int32 {
	if len(ids) <= n {
		return ids
	}
	ending := min(b.ending, n)
	return slices.Concat(ids[:n-ending], ids[len(ids)-ending:])
}

// causal adds ids that are learnt from one on; nothing predicts the first.
func (b *builder) causal(ids []int32, from int) error {
	if len(ids) <= max(from, 1) {
		return errNoLabelled
	}
	b.text.tokens.add(ids)
	b.text.from = append(b.text.from, int32(from))
	return nil
}

// finish returns the data set.
func (b *builder) finish() (*Text, error) {
	t := b.text
	if t.Len() == 0 {
		return nil, errors.New("there is not one example")
	}
	t.format = Format{Task: b.task, Classes: b.classes, Vocabulary: b.tokenizer.Vocabulary(), Tokenizer: b.tokenizer.Fingerprint()}
	for _, s := range []*spans{&t.tokens, &t.targets} {
		for i := range s.ends {
			t.format.Longest = max(t.format.Longest, len(s.at(i)))
		}
	}
	return t, nil
}
