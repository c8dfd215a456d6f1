package tokenizer

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// wordPiece takes the longest token that a word begins with, and again of what is left, which
// is written behind prefix. A word that comes out in no way is unknown as a whole.
type wordPiece struct {
	vocab   *vocabulary
	unknown int32
	prefix  string // "##"
	longest int    // characters of the longest word that is not unknown at once
	bytes   int    // of the longest token
}

func newWordPiece(v *vocabulary, unknown, prefix string, longest int) (*wordPiece, error) {
	m := &wordPiece{vocab: v, unknown: v.id(unknown), prefix: prefix, longest: longest}
	if m.unknown < 0 {
		return nil, fmt.Errorf("the vocabulary lacks its token for unknown words, %q", unknown)
	}
	for token := range v.ids {
		m.bytes = max(m.bytes, len(token))
	}
	return m, nil
}

func (m *wordPiece) encode(ids []int32, word string) []int32 {
	start := len(ids)
	if utf8.RuneCountInString(word) > m.longest {
		return append(ids, m.unknown)
	}
	for rest := word; rest != ""; {
		id, n := m.longestIn(rest, len(rest) < len(word))
		if n == 0 {
			return append(ids[:start], m.unknown)
		}
		ids, rest = append(ids, id), rest[n:]
	}
	return ids
}

// longestIn returns the longest token that text begins with, and its length in text.
func (m *wordPiece) longestIn(text string, inside bool) (id int32, n int) {
	for n = min(len(text), m.bytes); n > 0; n-- {
		if n < len(text) && !utf8.RuneStart(text[n]) {
			continue
		}
		token := text[:n]
		if inside {
			token = m.prefix + token
		}
		if id = m.vocab.id(token); id >= 0 {
			return id, n
		}
	}
	return -1, 0
}

func (m *wordPiece) describe(w io.Writer) {
	fmt.Fprintf(w, "wordpiece unknown=%d prefix=%q longest=%d\n", m.unknown, m.prefix, m.longest)
	m.vocab.describe(w)
}

// wordPieceDecoder puts a space before each token but the first and those that begin with
// prefix, and takes the spaces away again that English has not.
type wordPieceDecoder struct {
	prefix  string
	cleanUp bool
}

func (d wordPieceDecoder) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		if i > 0 {
			if rest, ok := strings.CutPrefix(token, d.prefix); ok {
				token = rest
			} else {
				token = " " + token
			}
		}
		if d.cleanUp {
			token = cleanUp(token)
		}
		out[i] = token
	}
	return out
}

// cleanUp makes the replacements one after the other, as the reference does.
func cleanUp(token string) string {
	for _, r := range [...][2]string{
		{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"},
		{" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
	} {
		token = strings.ReplaceAll(token, r[0], r[1])
	}
	return token
}
