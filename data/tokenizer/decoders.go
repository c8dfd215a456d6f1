package tokenizer

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// byteLevelDecoder reads tokens as byte letters; a token that has another character is taken
// as it is written.
type byteLevelDecoder struct{}

func (byteLevelDecoder) decode(tokens []string) []string {
	var all []byte
	for _, token := range tokens {
		if text, ok := fromLetters(token); ok {
			all = append(all, text...)
		} else {
			all = append(all, token...)
		}
	}
	return []string{lossy(string(all))}
}

// byteFallbackDecoder makes text of runs of <0x00> … <0xFF>; a run that is not well-formed
// becomes one U+FFFD a byte.
type byteFallbackDecoder struct{}

func (byteFallbackDecoder) decode(tokens []string) []string {
	var out []string
	var bytes []byte
	flush := func() {
		switch {
		case len(bytes) == 0:
		case utf8.Valid(bytes):
			out = append(out, string(bytes))
		default:
			for range bytes {
				out = append(out, "\ufffd")
			}
		}
		bytes = bytes[:0]
	}
	for _, token := range tokens {
		if b, ok := byteToken(token); ok {
			bytes = append(bytes, b)
			continue
		}
		flush()
		out = append(out, token)
	}
	flush()
	return out
}

// byteToken reads <0x00> … <0xFF>.
func byteToken(token string) (byte, bool) {
	if len(token) != 6 || token[:3] != "<0x" || token[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(token[3:5], 16, 8)
	return byte(b), err == nil
}

// fuseDecoder joins all to one.
type fuseDecoder struct{}

func (fuseDecoder) decode(tokens []string) []string { return []string{strings.Join(tokens, "")} }

// replaceDecoder replaces one string by another in each token.
type replaceDecoder struct{ old, new string }

func (d replaceDecoder) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		out[i] = strings.ReplaceAll(token, d.old, d.new)
	}
	return out
}

// stripDecoder takes up to start of a character from the beginning of each token, and up to
// stop of it from the end.
type stripDecoder struct {
	content     string
	start, stop int
}

func (d stripDecoder) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		for k := 0; k < d.start && strings.HasPrefix(token, d.content); k++ {
			token = token[len(d.content):]
		}
		for k := 0; k < d.stop && strings.HasSuffix(token, d.content); k++ {
			token = token[:len(token)-len(d.content)]
		}
		out[i] = token
	}
	return out
}

// decoders is decoders behind each other.
type decoders []decoder

func (all decoders) decode(tokens []string) []string {
	for _, d := range all {
		tokens = d.decode(tokens)
	}
	return tokens
}
