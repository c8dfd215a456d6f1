package tokenizer

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// prepend puts something before a text that is not empty.
type prepend string

func (p prepend) apply(text string) string {
	if text == "" {
		return ""
	}
	return string(p) + text
}

func (p prepend) describe(w io.Writer) { fmt.Fprintf(w, "prepend %q\n", string(p)) }

// replace replaces one string by another.
type replace struct{ old, new string }

func (r replace) apply(text string) string { return strings.ReplaceAll(text, r.old, r.new) }

func (r replace) describe(w io.Writer) { fmt.Fprintf(w, "replace %q %q\n", r.old, r.new) }

// normalizers is normalizers behind each other.
type normalizers []normalizer

func (all normalizers) apply(text string) string {
	for _, n := range all {
		text = n.apply(text)
	}
	return text
}

func (all normalizers) describe(w io.Writer) {
	for _, n := range all {
		n.describe(w)
	}
}

// mapping is a normaliser that nothing more is to be said of than its name.
type mapping struct {
	name string
	of   func(text string) string
}

func (m mapping) apply(text string) string { return m.of(text) }

func (m mapping) describe(w io.Writer) { fmt.Fprintln(w, m.name) }

// strip takes spaces off the ends of a text.
type strip struct{ left, right bool }

func (s strip) apply(text string) string {
	if s.left {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
	}
	if s.right {
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	}
	return text
}

func (s strip) describe(w io.Writer) { fmt.Fprintf(w, "strip left=%t right=%t\n", s.left, s.right) }

// stripAccents drops all marks that combine.
func stripAccents(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.M, r) && !unicode.Is(laterCombining, r) || r == 0x1cf2 || r == 0x1cf3 {
			return -1
		}
		return r
	}, text)
}
