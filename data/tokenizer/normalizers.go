package tokenizer

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
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

// dropsFirst goes by what the reference aligns a replacement with, the last character replaced.
func (r replace) dropsFirst(text string) bool {
	return strings.HasPrefix(text, r.old) && (r.new == "" || utf8.RuneCountInString(r.old) > 1)
}

func (r replace) describe(w io.Writer) { fmt.Fprintf(w, "replace %q %q\n", r.old, r.new) }

// normalizers is normalizers behind each other.
type normalizers []normalizer

func (all normalizers) apply(text string) string {
	for _, n := range all {
		text = n.apply(text)
	}
	return text
}

func (all normalizers) dropsFirst(text string) bool {
	for _, n := range all {
		if d, ok := n.(dropper); ok && d.dropsFirst(text) {
			return true
		}
		text = n.apply(text)
	}
	return false
}

func (all normalizers) describe(w io.Writer) {
	for _, n := range all {
		n.describe(w)
	}
}

// lowercase makes letters small.
type lowercase struct{}

func (lowercase) apply(text string) string { return lower(text) }

func (lowercase) describe(w io.Writer) { fmt.Fprintln(w, "lower") }

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

func (s strip) dropsFirst(text string) bool {
	r, n := utf8.DecodeRuneInString(text)
	return s.left && n > 0 && unicode.IsSpace(r)
}

func (s strip) describe(w io.Writer) { fmt.Fprintf(w, "strip left=%t right=%t\n", s.left, s.right) }

// stripAccents drops all marks that combine.
type stripAccents struct{}

func (stripAccents) apply(text string) string {
	return strings.Map(func(r rune) rune {
		if combines(r) {
			return -1
		}
		return r
	}, text)
}

func (stripAccents) dropsFirst(text string) bool {
	r, n := utf8.DecodeRuneInString(text)
	return n > 0 && combines(r)
}

func (stripAccents) describe(w io.Writer) { fmt.Fprintln(w, "strip accents") }

func combines(r rune) bool {
	return unicode.Is(unicode.M, r) && !unicode.Is(laterCombining, r) || r == 0x1cf2 || r == 0x1cf3
}
