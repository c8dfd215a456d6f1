package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// parseModel reads a model; bytes says that the pre-tokenizer makes byte letters of its pieces.
func parseModel(data json.RawMessage, bytes bool) (model, *vocabulary, error) {
	var c struct {
		Type    string          `json:"type"`
		Merges  json.RawMessage `json:"merges"`
		Longest json.RawMessage `json:"max_input_chars_per_word"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, nil, err
	}
	switch { // the files of old say no type
	case c.Type == "" && c.Merges != nil:
		c.Type = "BPE"
	case c.Type == "" && c.Longest != nil:
		c.Type = "WordPiece"
	}
	if bytes && c.Type != "BPE" {
		return nil, nil, fmt.Errorf("%s behind the pre-tokenizer ByteLevel: %w", c.Type, ErrUnsupported)
	}
	switch c.Type {
	case "BPE":
		return parseBPE(data, bytes)
	case "WordPiece":
		return parseWordPieceJSON(data)
	case "Unigram":
		return parseUnigram(data)
	}
	return nil, nil, unsupported(c.Type)
}

// mergeJSON is a merge: two tokens with a space between them, or a list of two.
type mergeJSON [2]string

// UnmarshalJSON reads either form.
func (m *mergeJSON) UnmarshalJSON(data []byte) error {
	var line string
	if json.Unmarshal(data, &line) == nil {
		left, right, ok := strings.Cut(line, " ")
		if !ok || strings.Contains(right, " ") {
			return fmt.Errorf("merge %q is not two tokens with one space between them", line)
		}
		*m = mergeJSON{left, right}
		return nil
	}
	var two []string
	if err := json.Unmarshal(data, &two); err != nil {
		return err
	}
	if len(two) != 2 {
		return fmt.Errorf("a merge has %d tokens, not two", len(two))
	}
	*m = mergeJSON(two)
	return nil
}

func parseBPE(data json.RawMessage, bytes bool) (model, *vocabulary, error) {
	var c struct {
		Type         string           `json:"type"`
		Dropout      *float64         `json:"dropout"`
		Unknown      *string          `json:"unk_token"`
		Prefix       *string          `json:"continuing_subword_prefix"`
		Suffix       *string          `json:"end_of_word_suffix"`
		FuseUnknown  bool             `json:"fuse_unk"`
		ByteFallback bool             `json:"byte_fallback"`
		IgnoreMerges bool             `json:"ignore_merges"`
		Vocab        map[string]int32 `json:"vocab"`
		Merges       []mergeJSON      `json:"merges"`
	}
	if err := strict(data, &c); err != nil {
		return nil, nil, err
	}
	switch {
	case c.Dropout != nil && *c.Dropout != 0:
		return nil, nil, unsupported("BPE with dropout")
	case c.Prefix != nil && *c.Prefix != "":
		return nil, nil, unsupported("BPE with continuing_subword_prefix")
	case c.Suffix != nil && *c.Suffix != "":
		return nil, nil, unsupported("BPE with end_of_word_suffix")
	}
	v, err := newVocabulary(c.Vocab)
	if err != nil {
		return nil, nil, err
	}
	m := &bpe{
		vocab: v, unknown: -1, fuseUnknown: c.FuseUnknown, byteFallback: c.ByteFallback,
		ignoreMerges: c.IgnoreMerges, byteLevel: bytes,
	}
	if c.Unknown != nil {
		if m.unknown = v.id(*c.Unknown); m.unknown < 0 {
			return nil, nil, fmt.Errorf("the vocabulary lacks unk_token, %q", *c.Unknown)
		}
	}
	merges := make([][2]string, len(c.Merges))
	for i, pair := range c.Merges {
		merges[i] = pair
	}
	if err := m.setMerges(merges); err != nil {
		return nil, nil, err
	}
	m.finish()
	return m, v, nil
}

func parseWordPieceJSON(data json.RawMessage) (model, *vocabulary, error) {
	var c struct {
		Type    string           `json:"type"`
		Unknown string           `json:"unk_token"`
		Prefix  string           `json:"continuing_subword_prefix"`
		Longest int              `json:"max_input_chars_per_word"`
		Vocab   map[string]int32 `json:"vocab"`
	}
	if err := strict(data, &c); err != nil {
		return nil, nil, err
	}
	if c.Longest < 1 {
		return nil, nil, errors.New("max_input_chars_per_word must be at least 1")
	}
	v, err := newVocabulary(c.Vocab)
	if err != nil {
		return nil, nil, err
	}
	m, err := newWordPiece(v, c.Unknown, c.Prefix, c.Longest)
	return m, v, err
}

// pieceJSON is a token of Unigram: a list of its text and its score.
type pieceJSON struct {
	text  string
	score float64
}

// UnmarshalJSON reads the list.
func (p *pieceJSON) UnmarshalJSON(data []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	if len(list) != 2 {
		return fmt.Errorf("%s is not a token and its score", data)
	}
	if err := json.Unmarshal(list[0], &p.text); err != nil {
		return err
	}
	return json.Unmarshal(list[1], &p.score)
}

func parseUnigram(data json.RawMessage) (model, *vocabulary, error) {
	var c struct {
		Type         string      `json:"type"`
		Unknown      *int32      `json:"unk_id"`
		ByteFallback bool        `json:"byte_fallback"`
		Vocab        []pieceJSON `json:"vocab"`
	}
	if err := strict(data, &c); err != nil {
		return nil, nil, err
	}
	if c.Unknown == nil {
		return nil, nil, unsupported("Unigram without unk_id")
	}
	v := &vocabulary{ids: make(map[string]int32, len(c.Vocab))}
	u := &unigram{vocab: v, usable: v.ids, unknown: *c.Unknown, byteFallback: c.ByteFallback}
	for id, piece := range c.Vocab {
		if err := v.add(piece.text, int32(min(id, largestID+1))); err != nil {
			return nil, nil, err
		}
		u.scores = append(u.scores, piece.score)
	}
	return u, v, u.finish()
}
