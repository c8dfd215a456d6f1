package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
)

// openVocab reads vocab.json and merges.txt, the files of byte-level BPE as GPT-2, RoBERTa and
// BART have it. RoBERTa's is known by its <s> and </s>, which it puts around a text.
func openVocab(folder, name string, s *settings) (*Tokenizer, error) {
	vocabulary, err := readFile(folder, name)
	if err != nil {
		return nil, err
	}
	merges, err := readFile(folder, "merges.txt")
	if err != nil {
		return nil, err
	}
	m, err := parseVocab(vocabulary, merges)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{model: m, vocab: m.vocab, added: newAdded(), decoder: byteLevelDecoder{}}
	if s.addPrefixSpace {
		t.splitter = chain(prefixSpace{}, gpt2)
	} else {
		t.splitter = gpt2
	}
	begin, end := m.vocab.id("<s>"), m.vocab.id("</s>")
	switch s.class {
	case "", "RobertaTokenizer", "BartTokenizer":
		if begin >= 0 && end >= 0 {
			s.apply(t, map[string]string{
				"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>",
				"pad_token": "<pad>", "cls_token": "<s>", "mask_token": "<mask>",
			})
			t.frame = frame{[]int32{begin}, []int32{end}}
			return t.assemble(), nil
		}
		if s.class != "" {
			return nil, fmt.Errorf("vocab.json: %s puts <s> and </s> around a text, and the vocabulary lacks them", s.class)
		}
	case "GPT2Tokenizer":
	default:
		return nil, fmt.Errorf("tokenizer_config.json: tokenizer_class %q with vocab.json and merges.txt: %w; "+
			"have the tokenizer's owner save tokenizer.json", s.class, ErrUnsupported)
	}
	s.apply(t, map[string]string{
		"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
	})
	if id, ok := t.BOS(); ok && isOr(s.addBOS, false) {
		t.frame.before = []int32{id}
	}
	return t.assemble(), nil
}

// gpt2 cuts as GPT-2 does.
var gpt2 = pattern{"gpt2", nextGPT2}

// parseVocab makes byte-level BPE of a vocab.json and a merges.txt.
func parseVocab(vocab, merges []byte) (*bpe, error) {
	var ids map[string]int32
	if err := json.Unmarshal(vocab, &ids); err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	v, err := newVocabulary(ids)
	if err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	pairs, err := parseMerges(string(merges))
	if err != nil {
		return nil, fmt.Errorf("merges.txt: %w", err)
	}
	m := &bpe{vocab: v, unknown: -1, byteLevel: true}
	if err := m.setMerges(pairs); err != nil {
		return nil, fmt.Errorf("merges.txt: %w", err)
	}
	m.finish()
	return m, nil
}

// parseMerges reads one merge a line, the two tokens with one space between them.
func parseMerges(text string) ([][2]string, error) {
	var pairs [][2]string
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#version") {
			continue
		}
		left, right, ok := strings.Cut(line, " ")
		if !ok || left == "" || right == "" || strings.Contains(right, " ") {
			return nil, fmt.Errorf("line %d: %q is not two tokens with one space between them", number, line)
		}
		pairs = append(pairs, [2]string{left, right})
	}
	return pairs, nil
}
