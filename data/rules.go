package data

import "fmt"

// Rules say how text becomes an example of at most so many tokens. [DefaultRules] and
// [PaperRules] are the two sets to choose from, and to change.
type Rules struct {
	// Longest is the most tokens of an example, special ones included, and of a target.
	Longest int
	// KeepMarker cuts a prompt that is too long before its marker ("response: "), so that
	// what is cut is the end of the context. Otherwise a prompt loses its end, and the
	// marker with it: the model is then trained, and asked, without being told that it is
	// its turn.
	KeepMarker bool
	// KeepLast cuts prompt and response at Longest tokens each, and then keeps the last
	// Longest tokens of both together: a long response drives its prompt out. Otherwise
	// a response takes what its prompt leaves, and at least half of Longest if it needs it.
	KeepLast bool
	// EndOfText puts the tokenizer's end of text behind a response or target that was not
	// cut, so that the model learns to stop.
	EndOfText bool
	// ResponseSpecial puts the tokenizer's special tokens around a response too: Llama's
	// <s> is then in the middle of an example.
	ResponseSpecial bool
	// PromptLoss trains on the tokens of the prompt too.
	PromptLoss bool
	// PresetTargets holds targets to the bound of the preset, where it has one below
	// Longest: 3 tokens for fpb.
	PresetTargets bool
}

// DefaultRules keep the marker of a prompt, end responses and train on responses only.
func DefaultRules(longest int) Rules {
	return Rules{Longest: longest, KeepMarker: true, EndOfText: true}
}

// PaperRules are those of the code of the ColA paper: 128 tokens; a prompt is cut at its
// right; GPT-2's responses do not end, and Llama's have another <s>; the last 128 tokens are
// kept. That code pads prompts at their left and counts positions from the padding on;
// here nothing is padded and positions count from the first token.
func PaperRules() Rules {
	return Rules{Longest: 128, KeepLast: true, ResponseSpecial: true, PresetTargets: true}
}

// shortest is the least of Rules.Longest: special tokens, a marker and something between.
const shortest = 8

// Validate says what is wrong with the rules.
func (r Rules) Validate() error {
	if r.Longest < shortest || r.Longest > 1<<24 {
		return fmt.Errorf("examples of at most %d tokens: use a maximum length from %d to %d", r.Longest, shortest, 1<<24)
	}
	return nil
}
