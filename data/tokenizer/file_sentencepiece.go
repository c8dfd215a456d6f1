package tokenizer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// wordStart is what SentencePiece writes for a space.
const wordStart = "▁"

func openSentencePiece(folder, name string, s *settings) (*Tokenizer, error) {
	data, err := readFile(folder, name)
	if err != nil {
		return nil, err
	}
	t, err := parseSentencePiece(data, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// parseSentencePiece makes of a tokenizer.model what Hugging Face converts it to.
func parseSentencePiece(data []byte, s *settings) (*Tokenizer, error) {
	m, err := parseSPM(data)
	if err != nil {
		return nil, err
	}
	switch m.kind {
	case modelBPE:
		return m.llama(s)
	case modelUnigram:
		return m.unigram(s)
	}
	return nil, fmt.Errorf("model type %d of SentencePiece, neither BPE nor Unigram: %w", m.kind, ErrUnsupported)
}

// llama is the tokenizer of Llama 1 and 2: BPE over the whole text, spaces written as ▁ and one
// put before the text, characters that are no token as their bytes, and <s> before the ids.
func (m *spm) llama(s *settings) (*Tokenizer, error) {
	switch {
	case s.class != "" && s.class != "LlamaTokenizer":
		return nil, fmt.Errorf("tokenizer_class %q with a tokenizer.model of type BPE: %w", s.class, ErrUnsupported)
	case len(m.charsmap) > 0:
		return nil, fmt.Errorf("a normaliser other than identity before BPE: %w", ErrUnsupported)
	case m.removeSpaces:
		return nil, fmt.Errorf("remove_extra_whitespaces before BPE: %w", ErrUnsupported)
	}
	v, err := m.vocabulary()
	if err != nil {
		return nil, err
	}
	b := &bpe{vocab: v, unknown: m.unk, fuseUnknown: true, byteFallback: m.byteFallback}
	if err := b.setMerges(m.merges(v)); err != nil {
		return nil, err
	}
	b.finish()
	t := &Tokenizer{
		normalizer: replace{" ", wordStart},
		model:      b,
		vocab:      v,
		added:      m.addedTokens(),
		decoder:    decoders{replaceDecoder{wordStart, " "}, byteFallbackDecoder{}, fuseDecoder{}},
	}
	if m.dummyPrefix {
		t.normalizer = normalizers{prepend(wordStart), replace{" ", wordStart}}
		t.decoder = append(t.decoder.(decoders), stripDecoder{" ", 1, 0})
	}
	s.apply(t, m.usual())
	if id, ok := t.BOS(); ok && isOr(s.addBOS, true) {
		t.frame.before = []int32{id}
	}
	if id, ok := t.EOS(); ok && isOr(s.addEOS, false) {
		t.frame.after = []int32{id}
	}
	return t.assemble(), nil
}

// unigram is a tokenizer of type Unigram; T5's puts </s> behind a text.
func (m *spm) unigram(s *settings) (*Tokenizer, error) {
	table, err := parseCharsMap(m.charsmap)
	if err != nil {
		return nil, err
	}
	v, err := m.vocabulary()
	if err != nil {
		return nil, err
	}
	u := &unigram{vocab: v, usable: make(map[string]int32), unknown: m.unk, byteFallback: m.byteFallback}
	for id, piece := range m.pieces {
		u.scores = append(u.scores, float64(piece.score))
		if m.kinds[id] == pieceNormal {
			u.usable[piece.text] = int32(id)
		}
	}
	if err := u.finish(); err != nil {
		return nil, err
	}
	t := &Tokenizer{
		normalizer: spmNormalizer{table, m.removeSpaces, m.dummyPrefix},
		model:      u,
		vocab:      v,
		added:      m.addedTokens(),
		decoder:    decoders{replaceDecoder{wordStart, " "}, byteFallbackDecoder{}, fuseDecoder{}},
	}
	switch {
	case m.removeSpaces:
		t.decoder = append(t.decoder.(decoders), stripDecoder{" ", math.MaxInt, 0})
	case m.dummyPrefix:
		t.decoder = append(t.decoder.(decoders), stripDecoder{" ", 1, 0})
	}
	s.apply(t, m.usual())
	switch s.class {
	case "":
	case "T5Tokenizer":
		if id, ok := t.EOS(); ok {
			t.frame.after = []int32{id}
		}
	default:
		return nil, fmt.Errorf("tokenizer_class %q with a tokenizer.model of type Unigram: %w", s.class, ErrUnsupported)
	}
	return t.assemble(), nil
}

// usual returns the special tokens by their names.
func (m *spm) usual() map[string]string {
	return map[string]string{
		"unk_token": m.token(m.unk), "bos_token": m.token(m.bos),
		"eos_token": m.token(m.eos), "pad_token": m.token(m.pad),
	}
}

// merges makes merges of scores, as Hugging Face's converter does: all pairs that make a piece,
// those of the best pieces first, and those of one piece by the longer left token.
func (m *spm) merges(v *vocabulary) [][2]string {
	type made struct {
		of          [2]string
		score       float32
		left, right int // characters
	}
	var all []made
	for _, piece := range m.pieces {
		from := len(all)
		for left, right := range v.halves(piece.text) {
			of := [2]string{v.tokens[left], v.tokens[right]}
			all = append(all, made{of, piece.score, utf8.RuneCountInString(of[0]), utf8.RuneCountInString(of[1])})
		}
		slices.SortStableFunc(all[from:], func(a, b made) int {
			return cmp.Or(cmp.Compare(v.ids[a.of[0]], v.ids[b.of[0]]), cmp.Compare(v.ids[a.of[1]], v.ids[b.of[1]]))
		})
	}
	slices.SortStableFunc(all, func(a, b made) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.left, a.left), cmp.Compare(b.right, a.right))
	})
	merges := make([][2]string, len(all))
	for i, one := range all {
		merges[i] = one.of
	}
	return merges
}
