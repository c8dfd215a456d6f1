package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parseSplitter reads a pre-tokenizer; bytes says that it makes byte letters of its pieces, and
// such a one can only be the last.
func parseSplitter(data json.RawMessage, depth int) (s splitter, bytes bool, err error) {
	kind, err := kindOf(data, depth)
	if err != nil {
		return nil, false, err
	}
	switch kind {
	case "":
		return nil, false, nil
	case "Sequence":
		return parseSplitters(data, depth)
	case "ByteLevel":
		s, err = parseByteLevel(data)
		return s, true, err
	case "Split":
		s, err = parseSplit(data)
		return s, false, err
	case "Metaspace":
		s, err = parseMetaspace(data)
		return s, false, err
	case "Digits":
		var c struct {
			Type       string `json:"type"`
			Individual bool   `json:"individual_digits"`
		}
		err = strict(data, &c)
		return digits{c.Individual}, false, err
	case "Punctuation":
		c := struct {
			Type    string
			Matches string `json:"behavior"` //nolint:misspell // the file's word
		}{Matches: "Isolated"}
		if err = strict(data, &c); err == nil {
			err = checkHow(c.Matches)
		}
		return atRunes("punctuation", isPunctuation, c.Matches), false, err
	case "CharDelimiterSplit":
		var c struct{ Type, Delimiter string }
		if err = strict(data, &c); err == nil && utf8.RuneCountInString(c.Delimiter) != 1 {
			err = fmt.Errorf("the CharDelimiterSplit delimiter %q is not one character", c.Delimiter)
		}
		return atString(c.Delimiter, "Removed"), false, err
	}
	if s, ok := plainSplitters[kind]; ok {
		var c struct{ Type string }
		return s, false, strict(data, &c)
	}
	return nil, false, unsupported(kind)
}

// plainSplitters is those that nothing more is said of.
var plainSplitters = map[string]splitter{
	"BertPreTokenizer": bertSplitter{},
	"Whitespace":       words{},
	"WhitespaceSplit":  atRunes("space", unicode.IsSpace, "Removed"),
}

// checkHow checks what is to become of delimiters.
func checkHow(how string) error {
	if !slices.Contains(hows, how) {
		return fmt.Errorf("matches may be %s, not %q", strings.Join(hows, ", "), how)
	}
	return nil
}

func parseSplitters(data json.RawMessage, depth int) (s splitter, bytes bool, err error) {
	var c struct {
		Type string            `json:"type"`
		All  []json.RawMessage `json:"pretokenizers"`
	}
	if err := strict(data, &c); err != nil {
		return nil, false, err
	}
	var all []splitter
	for _, one := range c.All {
		if bytes {
			return nil, false, unsupported("a pre-tokenizer behind ByteLevel")
		}
		next, is, err := parseSplitter(one, depth+1)
		if err != nil {
			return nil, false, err
		}
		bytes = is
		all = append(all, next)
	}
	return chain(all...), bytes, nil
}

// byteLevelJSON is ByteLevel as pre-tokenizer, post-processor and decoder; the latter two do
// nothing of what it says.
type byteLevelJSON struct {
	Type           string `json:"type"`
	AddPrefixSpace bool   `json:"add_prefix_space"`
	TrimOffsets    bool   `json:"trim_offsets"`
	UseRegex       *bool  `json:"use_regex"`
}

func parseByteLevel(data json.RawMessage) (splitter, error) {
	var c byteLevelJSON
	if err := strict(data, &c); err != nil {
		return nil, err
	}
	var all []splitter
	if c.AddPrefixSpace {
		all = append(all, prefixSpace{})
	}
	if isOr(c.UseRegex, true) {
		all = append(all, gpt2)
	}
	return chain(all...), nil
}

// parseSplit reads a Split whose pattern is one that there is a scanner for. As these patterns
// leave nothing out, isolating what matches and removing what does not are the same.
func parseSplit(data json.RawMessage) (splitter, error) {
	var c struct {
		Type    string      `json:"type"`
		Pattern patternJSON `json:"pattern"`
		Matches string      `json:"behavior"` //nolint:misspell // the file's word
		Invert  bool        `json:"invert"`
	}
	if err := strict(data, &c); err != nil {
		return nil, err
	}
	if err := checkHow(c.Matches); err != nil {
		return nil, err
	}
	if c.Pattern.Regex == nil {
		s, err := c.Pattern.literal("Split")
		if err == nil && c.Invert {
			err = unsupported("an inverted Split by a string")
		}
		return atString(s, c.Matches), err
	}
	p, ok := patterns[*c.Pattern.Regex]
	if !ok {
		return nil, fmt.Errorf("a Split by the regular expression %q: %w", *c.Pattern.Regex, ErrUnsupported)
	}
	if (c.Matches == "Removed") != c.Invert || c.Matches == "Contiguous" {
		return nil, fmt.Errorf("a Split by a regular expression whose matches are %q, inverted %t: %w", c.Matches, c.Invert, ErrUnsupported)
	}
	return p, nil
}

// metaspaceJSON is Metaspace as pre-tokenizer and decoder. Old files say add_prefix_space for
// the schemes always and never.
type metaspaceJSON struct {
	Type           string  `json:"type"`
	Replacement    string  `json:"replacement"`
	StrRep         string  `json:"str_rep"`
	AddPrefixSpace *bool   `json:"add_prefix_space"`
	Scheme         *string `json:"prepend_scheme"`
	Split          *bool   `json:"split"`
}

func (c *metaspaceJSON) parse(data json.RawMessage) (scheme string, err error) {
	if err := strict(data, c); err != nil {
		return "", err
	}
	if utf8.RuneCountInString(c.Replacement) != 1 {
		return "", fmt.Errorf("the Metaspace replacement %q is not one character", c.Replacement)
	}
	scheme = "always"
	if c.Scheme != nil {
		scheme = *c.Scheme
	} else if !isOr(c.AddPrefixSpace, true) {
		scheme = "never"
	}
	switch scheme {
	case "always", "first", "never":
		return scheme, nil
	}
	return "", fmt.Errorf("a Metaspace with prepend_scheme %q: %w", scheme, ErrUnsupported)
}

func parseMetaspace(data json.RawMessage) (splitter, error) {
	var c metaspaceJSON
	scheme, err := c.parse(data)
	return metaspace{c.Replacement, scheme, isOr(c.Split, true)}, err
}
