package tokenizer

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// delimiters cuts a text at delimiters.
type delimiters struct {
	name string
	next func(text string) (start, end int) // the first delimiter; start < 0: there is none
	how  string                             // one of hows
}

// hows is what may become of delimiters: they are dropped, they are pieces, they end the piece
// before them or begin the one behind, or those beside each other are one piece. Of several
// beside each other only one goes with another piece.
var hows = []string{"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"}

// span is a part of a text.
type span struct {
	start, end int
	delimits   bool
}

func (d delimiters) split(pieces []string, text string, _ bool) []string {
	spans := d.spans(text)
	switch d.how {
	case "MergedWithPrevious", "Contiguous":
		spans = d.join(spans)
	case "MergedWithNext":
		slices.Reverse(spans)
		spans = d.join(spans)
		slices.Reverse(spans)
	}
	for _, s := range spans {
		switch {
		case d.how != "Removed" || !s.delimits:
			pieces = append(pieces, text[s.start:s.end])
		case s.start == 0:
			pieces = append(pieces, "")
		}
	}
	return pieces
}

// spans returns the delimiters and what is between them.
func (d delimiters) spans(text string) []span {
	var spans []span
	for at := 0; at < len(text); {
		start, end := d.next(text[at:])
		if start < 0 {
			return append(spans, span{at, len(text), false})
		}
		if start > 0 {
			spans = append(spans, span{at, at + start, false})
		}
		spans = append(spans, span{at + start, at + end, true})
		at += end
	}
	return spans
}

// join joins spans with those before them.
func (d delimiters) join(spans []span) []span {
	var joined []span
	before := false // whether the span before delimits
	for _, s := range spans {
		joins := s.delimits && !before
		if d.how == "Contiguous" {
			joins = s.delimits == before
		}
		before = s.delimits
		if last := len(joined) - 1; joins && last >= 0 {
			joined[last] = span{min(joined[last].start, s.start), max(joined[last].end, s.end), false}
		} else {
			joined = append(joined, s)
		}
	}
	return joined
}

func (d delimiters) describe(w io.Writer) { fmt.Fprintf(w, "split %s %s\n", d.name, d.how) }

// atString cuts at a string that is not empty.
func atString(s, how string) splitter {
	return delimiters{fmt.Sprintf("%q", s), func(text string) (start, end int) {
		start = strings.Index(text, s)
		return start, start + len(s)
	}, how}
}

// atRunes cuts at each of some characters.
func atRunes(name string, is func(r rune) bool, how string) splitter {
	return delimiters{name, func(text string) (start, end int) {
		if start = strings.IndexFunc(text, is); start < 0 {
			return start, start
		}
		_, n := utf8.DecodeRuneInString(text[start:])
		return start, start + n
	}, how}
}

// words cuts into what \w+|[^\w\s]+ matches.
type words struct{}

func (words) split(pieces []string, text string, _ bool) []string {
	for start := 0; start < len(text); {
		r, _ := utf8.DecodeRuneInString(text[start:])
		kind, end := wordKind(r), len(text)
		if n := strings.IndexFunc(text[start:], func(r rune) bool { return wordKind(r) != kind }); n >= 0 {
			end = start + n
		}
		switch {
		case kind != space:
			pieces = append(pieces, text[start:end])
		case start == 0:
			pieces = append(pieces, "")
		}
		start = end
	}
	return pieces
}

// wordKind is letter for all of \w, space, or other.
func wordKind(r rune) class {
	switch {
	case isWord(r):
		return letter
	case unicode.IsSpace(r):
		return space
	}
	return other
}

func (words) describe(w io.Writer) { fmt.Fprintln(w, "split words") }
