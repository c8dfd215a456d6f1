package tokenizer

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// pattern cuts by one of the regular expressions that there is a scanner for.
type pattern struct {
	name string
	next func(s string, i int) int // where the match that begins at i ends
}

func (p pattern) split(pieces []string, text string, _ bool) []string {
	for i := 0; i < len(text); {
		end := p.next(text, i)
		pieces = append(pieces, text[i:end])
		i = end
	}
	return pieces
}

func (p pattern) describe(w io.Writer) { fmt.Fprintf(w, "split %s\n", p.name) }

// prefixSpace puts a space before a text that does not begin with one, as byte-level BPE does
// on demand so that the first word is like the others.
type prefixSpace struct{}

func (prefixSpace) split(pieces []string, text string, _ bool) []string {
	if text != "" && text[0] != ' ' {
		text = " " + text
	}
	return append(pieces, text)
}

func (prefixSpace) describe(w io.Writer) { fmt.Fprintln(w, "prefix space") }

// sequence is splitters behind each other, each cutting what the one before left.
type sequence []splitter

func (s sequence) split(pieces []string, text string, first bool) []string {
	if len(s) == 0 {
		return append(pieces, text)
	}
	now := s[0].split(nil, text, first)
	for k, next := range s[1:] {
		var cut []string
		if k == len(s)-2 {
			cut = pieces
		}
		for i, piece := range now {
			if piece == "" {
				cut = append(cut, "")
				continue
			}
			cut = next.split(cut, piece, first && i == 0)
		}
		now = cut
	}
	if len(s) == 1 {
		return append(pieces, now...)
	}
	return now
}

func (s sequence) describe(w io.Writer) {
	for _, next := range s {
		next.describe(w)
	}
}

// chain returns splitters as one, without those that are nil; nil if there are none.
func chain(all ...splitter) splitter {
	var s sequence
	for _, next := range all {
		switch next := next.(type) {
		case nil:
		case sequence:
			s = append(s, next...)
		default:
			s = append(s, next)
		}
	}
	switch len(s) {
	case 0:
		return nil
	case 1:
		return s[0]
	}
	return s
}

// metaspace writes spaces as another character, puts one before the text, and cuts before each.
type metaspace struct {
	replacement string
	scheme      string // before which texts one is put: always, first, never
	cut         bool
}

func (m metaspace) split(pieces []string, text string, first bool) []string {
	text = strings.ReplaceAll(text, " ", m.replacement)
	if (m.scheme == "always" || m.scheme == "first" && first) && !strings.HasPrefix(text, m.replacement) {
		text = m.replacement + text
	}
	for m.cut {
		_, size := utf8.DecodeRuneInString(text)
		next := strings.Index(text[size:], m.replacement)
		if next < 0 {
			break
		}
		pieces, text = append(pieces, text[:size+next]), text[size+next:]
	}
	return append(pieces, text)
}

func (m metaspace) describe(w io.Writer) {
	fmt.Fprintf(w, "metaspace %q %s cut=%t\n", m.replacement, m.scheme, m.cut)
}

// digits cuts around numbers, or around each digit.
type digits struct{ each bool }

func (d digits) split(pieces []string, text string, _ bool) []string {
	start, was := 0, false
	for i, r := range text {
		is := isNumber(r)
		if i > start && (is != was || is && d.each) {
			pieces = append(pieces, text[start:i])
			start = i
		}
		was = is
	}
	return append(pieces, text[start:])
}

func (d digits) describe(w io.Writer) { fmt.Fprintf(w, "digits each=%t\n", d.each) }
