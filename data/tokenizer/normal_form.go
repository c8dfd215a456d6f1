package tokenizer

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The normal forms of Unicode Standard Annex 15.
var (
	nfc  = normalForm{"nfc", norm.NFC}
	nfd  = normalForm{"nfd", norm.NFD}
	nfkc = normalForm{"nfkc", norm.NFKC}
	nfkd = normalForm{"nfkd", norm.NFKD}
)

// normalForm is a normal form as the reference has it, by Unicode 9. What x/text does otherwise is
// done here: behind thirty marks it puts a U+034F of its own, it joins a mark with a letter across
// another letter (a, U+09BE, U+0334, U+0301), and takes U+E0113 for U+0113 where it joins.
type normalForm struct {
	name string
	form norm.Form
}

func (n normalForm) apply(text string) string {
	if isASCII(text) {
		return text
	}
	var s strings.Builder
	start := 0
	for i, r := range text {
		if unicode.Is(laterForms, r) { // nothing is known of it: it parts what is around it
			s.WriteString(n.part(text[start:i]))
			start = i + utf8.RuneLen(r)
			s.WriteString(text[i:start])
		}
	}
	s.WriteString(n.part(text[start:]))
	return s.String()
}

// part is apply for a text without characters of laterForms.
func (n normalForm) part(text string) string {
	const joiner = "\u034f"
	switch {
	case n.form.IsNormalString(text):
		return text
	case n.form == norm.NFC:
		return string(compose(decompose(norm.NFD, text)))
	case n.form == norm.NFKC:
		return string(compose(decompose(norm.NFKD, text)))
	}
	if out := n.form.String(text); strings.Count(out, joiner) == strings.Count(text, joiner) {
		return out
	}
	return string(decompose(n.form, text))
}

// decompose takes characters apart, and puts the marks behind each letter in the order of their
// classes.
func decompose(form norm.Form, text string) []rune {
	var all []rune
	for _, r := range text {
		all = append(all, []rune(form.String(string(r)))...)
	}
	for i := 0; i < len(all); i++ {
		start := i
		for i < len(all) && combiningClass(all[i]) != 0 {
			i++
		}
		slices.SortStableFunc(all[start:i], func(a, b rune) int { return cmp.Compare(combiningClass(a), combiningClass(b)) })
	}
	return all
}

// compose joins each mark with the letter before it, unless a mark of no lower class between
// the two stays, and letters beside each other.
func compose(all []rune) []rune {
	out := all[:0]
	letter, class := -1, uint8(0) // where the letter is, and the class of the last mark that stays
	for _, r := range all {
		c := combiningClass(r)
		if letter >= 0 && (class == 0 || class < c) {
			if both, ok := composed(out[letter], r); ok {
				out[letter] = both
				continue
			}
		}
		if class = c; c == 0 {
			letter = len(out)
		}
		out = append(out, r)
	}
	return out
}

// composed returns the character that two others make, if there is one.
func composed(a, b rune) (both rune, ok bool) {
	if norm.NFC.PropertiesString(string(b)).BoundaryBefore() {
		return 0, false
	}
	two := string([]rune{a, b})
	one := norm.NFC.String(two)
	both, n := utf8.DecodeRuneInString(one)
	return both, n == len(one) && norm.NFD.String(one) == norm.NFD.String(two)
}

// combiningClass is the canonical combining class of a character that does not decompose.
func combiningClass(r rune) uint8 { return norm.NFD.PropertiesString(string(r)).CCC() }

func (n normalForm) describe(w io.Writer) { fmt.Fprintln(w, n.name) }
