package tokenizer

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// The ids that llama2.c takes for granted.
const (
	llama2cBOS   = 1
	llama2cEOS   = 2
	llama2cBytes = 3 // the token of byte 0; those of the others follow
)

// scored is a token with the score that says how early it is made.
type scored struct {
	text  string
	score float32
}

func openLlama2c(folder, name string, _ *settings) (*Tokenizer, error) {
	data, err := readFile(folder, name)
	if err != nil {
		return nil, err
	}
	t, err := parseLlama2c(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// parseLlama2c reads the tokenizer that llama2.c has beside its weights: int32 length of the
// longest token, then of each token float32 score, int32 length and its bytes, all little
// endian. Tokens are made as its encode does: a space before the text, characters, bytes where
// there is no such character, and then the pair of the best score again and again. llama2.c
// looks for no special token in a text, and nor does this.
func parseLlama2c(data []byte) (*Tokenizer, error) {
	tokens, err := llama2cTokens(data)
	if err != nil {
		return nil, err
	}
	m := &bpe{vocab: &vocabulary{ids: make(map[string]int32, len(tokens))}, unknown: -1}
	for id := len(tokens) - 1; id >= 0; id-- { // of equal tokens the first counts
		if err := m.vocab.add(tokens[id].text, int32(id)); err != nil {
			return nil, err
		}
	}
	m.finish()
	m.byteFallback = true
	for b := range m.bytes {
		m.bytes[b] = int32(llama2cBytes + b)
	}
	m.setScores(tokens)
	t := &Tokenizer{
		normalizer: prepend(" "),
		model:      m,
		vocab:      m.vocab,
		added:      newAdded(),
		frame:      frame{before: []int32{llama2cBOS}},
		decoder:    decoders{byteFallbackDecoder{}, fuseDecoder{}, stripDecoder{" ", 1, 0}},
		bos:        tokens[llama2cBOS].text,
		eos:        tokens[llama2cEOS].text,
	}
	for id := range int32(llama2cBytes) {
		t.added.add(addedToken{content: tokens[id].text, id: id, special: true, hidden: true})
	}
	return t.assemble(), nil
}

func llama2cTokens(data []byte) ([]scored, error) {
	if len(data) < 4 {
		return nil, errors.New("it ends in its header")
	}
	longest, data := int32(binary.LittleEndian.Uint32(data)), data[4:]
	var tokens []scored
	for len(data) > 0 {
		if len(data) < 8 {
			return nil, fmt.Errorf("it ends in token %d", len(tokens))
		}
		score := math.Float32frombits(binary.LittleEndian.Uint32(data))
		length := int32(binary.LittleEndian.Uint32(data[4:]))
		data = data[8:]
		if length < 0 || length > longest {
			return nil, fmt.Errorf("token %d has %d bytes, and the longest is said to have %d", len(tokens), length, longest)
		}
		if int(length) > len(data) {
			return nil, fmt.Errorf("it ends in token %d", len(tokens))
		}
		if score != score {
			return nil, fmt.Errorf("token %d has a score that is not a number", len(tokens))
		}
		tokens = append(tokens, scored{string(data[:length]), score})
		data = data[length:]
	}
	if len(tokens) < llama2cBytes+256 {
		return nil, fmt.Errorf("it has %d tokens; 3 special ones and 256 bytes are the least", len(tokens))
	}
	return tokens, nil
}

// setScores makes merges of scores: any two tokens may make a third, and among the pairs of a
// text that make one of the best score the leftmost goes first.
func (m *bpe) setScores(tokens []scored) {
	scores := make([]float32, 0, len(tokens))
	for _, t := range tokens {
		scores = append(scores, t.score)
	}
	slices.SortFunc(scores, func(a, b float32) int { return cmp.Compare(b, a) })
	scores = slices.Compact(scores)
	m.merges = make(map[pair]merge, 2*len(tokens))
	for text, id := range m.vocab.ids {
		rank, _ := slices.BinarySearchFunc(scores, tokens[id].score, func(a, b float32) int { return cmp.Compare(b, a) })
		for left, right := range m.vocab.halves(text) {
			m.merges[pairOf(left, right)] = merge{int32(rank), id}
		}
	}
}

// halves goes through the pairs of tokens that a text can be cut into between two characters.
func (v *vocabulary) halves(text string) func(yield func(left, right int32) bool) {
	return func(yield func(left, right int32) bool) {
		for i := 1; i < len(text); i++ {
			if !utf8.RuneStart(text[i]) {
				continue
			}
			left, right := v.id(text[:i]), v.id(text[i:])
			if left >= 0 && right >= 0 && !yield(left, right) {
				return
			}
		}
	}
}
