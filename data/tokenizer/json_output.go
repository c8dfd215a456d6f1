package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// parseFrame reads a post-processor, of which only what it puts around one text counts here.
func parseFrame(data json.RawMessage, depth int) (frame, error) {
	kind, err := kindOf(data, depth)
	if err != nil {
		return frame{}, err
	}
	switch kind {
	case "":
		return frame{}, nil
	case "Sequence":
		return parseFrames(data, depth)
	case "ByteLevel": // it moves offsets, and ids have none
		var c byteLevelJSON
		return frame{}, strict(data, &c)
	case "TemplateProcessing":
		return parseTemplate(data)
	case "RobertaProcessing", "BertProcessing":
		var c struct {
			Type           string    `json:"type"`
			Sep            namedJSON `json:"sep"`
			Cls            namedJSON `json:"cls"`
			TrimOffsets    bool      `json:"trim_offsets"`
			AddPrefixSpace bool      `json:"add_prefix_space"`
		}
		if err := strict(data, &c); err != nil {
			return frame{}, err
		}
		return frame{[]int32{int32(c.Cls)}, []int32{int32(c.Sep)}}, nil
	}
	return frame{}, unsupported(kind)
}

// namedJSON is the id in a list of a token and its id.
type namedJSON int32

// UnmarshalJSON reads the list.
func (n *namedJSON) UnmarshalJSON(data []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	if len(list) != 2 {
		return fmt.Errorf("%s is not a token and its id", data)
	}
	return json.Unmarshal(list[1], (*int32)(n))
}

// parseFrames reads post-processors behind each other: each puts its own around what the one
// before made.
func parseFrames(data json.RawMessage, depth int) (frame, error) {
	var c struct {
		Type string            `json:"type"`
		All  []json.RawMessage `json:"processors"`
	}
	if err := strict(data, &c); err != nil {
		return frame{}, err
	}
	var all frame
	for _, one := range c.All {
		next, err := parseFrame(one, depth+1)
		if err != nil {
			return frame{}, err
		}
		all.before = append(next.before, all.before...)
		all.after = append(all.after, next.after...)
	}
	return all, nil
}

func parseTemplate(data json.RawMessage) (frame, error) {
	type placed struct {
		ID   string `json:"id"`
		Type int    `json:"type_id"`
	}
	var c struct {
		Type   string `json:"type"`
		Single []struct {
			Special  *placed `json:"SpecialToken"`
			Sequence *placed `json:"Sequence"`
		} `json:"single"`
		Pair    json.RawMessage `json:"pair"`
		Special map[string]struct {
			ID     string   `json:"id"`
			IDs    []int32  `json:"ids"`
			Tokens []string `json:"tokens"`
		} `json:"special_tokens"`
	}
	if err := strict(data, &c); err != nil {
		return frame{}, err
	}
	var f frame
	texts := 0
	for _, part := range c.Single {
		switch {
		case part.Sequence != nil:
			texts++
		case part.Special != nil:
			token, ok := c.Special[part.Special.ID]
			if !ok {
				return frame{}, fmt.Errorf("TemplateProcessing: special_tokens lacks %q", part.Special.ID)
			}
			if texts == 0 {
				f.before = append(f.before, token.IDs...)
			} else {
				f.after = append(f.after, token.IDs...)
			}
		}
	}
	if texts != 1 {
		return frame{}, fmt.Errorf("TemplateProcessing: the text comes %d times in single: %w", texts, ErrUnsupported)
	}
	return f, nil
}

func parseDecoder(data json.RawMessage, depth int) (decoder, error) {
	kind, err := kindOf(data, depth)
	if err != nil {
		return nil, err
	}
	var plain struct{ Type string }
	switch kind {
	case "":
		return nil, nil
	case "Sequence":
		return parseDecoders(data, depth)
	case "ByteLevel":
		var c byteLevelJSON
		return byteLevelDecoder{}, strict(data, &c)
	case "ByteFallback":
		return byteFallbackDecoder{}, strict(data, &plain)
	case "Fuse":
		return fuseDecoder{}, strict(data, &plain)
	case "Replace":
		old, content, err := replaceParts(data)
		return replaceDecoder{old, content}, err
	case "Strip":
		return parseStrip(data)
	case "WordPiece":
		var c struct {
			Type    string `json:"type"`
			Prefix  string `json:"prefix"`
			CleanUp bool   `json:"cleanup"`
		}
		err := strict(data, &c)
		return wordPieceDecoder{c.Prefix, c.CleanUp}, err
	case "Metaspace":
		var c metaspaceJSON
		scheme, err := c.parse(data)
		return metaspaceDecoder{c.Replacement, scheme != "never"}, err
	}
	return nil, unsupported(kind)
}

func parseStrip(data json.RawMessage) (decoder, error) {
	var c struct {
		Type    string `json:"type"`
		Content string `json:"content"`
		Start   int    `json:"start"`
		Stop    int    `json:"stop"`
	}
	if err := strict(data, &c); err != nil {
		return nil, err
	}
	if c.Content == "" {
		return nil, errors.New("the decoder Strip has no content")
	}
	return stripDecoder{c.Content, c.Start, c.Stop}, nil
}

func parseDecoders(data json.RawMessage, depth int) (decoder, error) {
	var c struct {
		Type string            `json:"type"`
		All  []json.RawMessage `json:"decoders"`
	}
	if err := strict(data, &c); err != nil {
		return nil, err
	}
	var all decoders
	for _, one := range c.All {
		d, err := parseDecoder(one, depth+1)
		if err != nil {
			return nil, err
		}
		if d != nil {
			all = append(all, d)
		}
	}
	return all, nil
}

// metaspaceDecoder makes spaces of the characters that stand for them; where one was put before
// the text, those of the first token are dropped.
type metaspaceDecoder struct {
	replacement string
	prefixed    bool
}

func (d metaspaceDecoder) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		blank := " "
		if i == 0 && d.prefixed {
			blank = ""
		}
		out[i] = strings.ReplaceAll(token, d.replacement, blank)
	}
	return out
}
