package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
)

// openWordPiece reads vocab.txt, BERT's file: a token a line, the first one's id is 0. Letters
// are made small unless tokenizer_config.json says otherwise.
func openWordPiece(folder, name string, s *settings) (*Tokenizer, error) {
	switch s.class {
	case "", "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer":
	default:
		return nil, fmt.Errorf("tokenizer_config.json: tokenizer_class %q with vocab.txt: %w", s.class, ErrUnsupported)
	}
	data, err := readFile(folder, name)
	if err != nil {
		return nil, err
	}
	t, err := parseWordPiece(string(data), s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

func parseWordPiece(text string, s *settings) (*Tokenizer, error) {
	ids := make(map[string]int32)
	id := int32(0)
	for line := range strings.Lines(text) {
		if id > largestID {
			return nil, fmt.Errorf("it has more than %d lines", largestID)
		}
		ids[strings.TrimRightFunc(line, unicode.IsSpace)] = id
		id++
	}
	v, err := newVocabulary(ids)
	if err != nil {
		return nil, err
	}
	m, err := newWordPiece(v, s.content("unk_token", "[UNK]"), "##", 100)
	if err != nil {
		return nil, err
	}
	small := isOr(s.lower, true)
	t := &Tokenizer{
		normalizer: bertNormalizer{clean: true, chinese: isOr(s.chinese, true), accents: isOr(s.accents, small), lower: small},
		splitter:   bertSplitter{},
		model:      m,
		vocab:      v,
		added:      newAdded(),
		decoder:    wordPieceDecoder{"##", true},
	}
	s.apply(t, map[string]string{
		"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
	})
	begin, end := s.content("cls_token", "[CLS]"), s.content("sep_token", "[SEP]")
	before, ok := t.ID(begin)
	after, ok2 := t.ID(end)
	if !ok || !ok2 {
		return nil, fmt.Errorf("the vocabulary lacks %q or %q, which BERT puts around a text", begin, end)
	}
	t.frame = frame{[]int32{before}, []int32{after}}
	return t.assemble(), nil
}
