package tokenizer

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// bertNormalizer is BERT's: it drops control characters and makes every space a blank, puts
// spaces around Chinese characters, takes accents off and makes letters small.
type bertNormalizer struct{ clean, chinese, accents, lower bool }

func (b bertNormalizer) apply(text string) string {
	if b.clean {
		text = strings.Map(cleaned, text)
	}
	if b.chinese {
		text = spaceChinese(text)
	}
	if b.accents {
		text = withoutAccents(text)
	}
	if b.lower {
		text = lower(text)
	}
	return text
}

func (b bertNormalizer) dropsFirst(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	if text == "" || b.clean && cleaned(r) < 0 {
		return text != ""
	}
	if b.accents && r >= utf8.RuneSelf {
		r, _ = utf8.DecodeRuneInString(nfd.apply(text))
		return isAccent(r)
	}
	return false
}

func (b bertNormalizer) describe(w io.Writer) {
	fmt.Fprintf(w, "bert clean=%t chinese=%t accents=%t lower=%t\n", b.clean, b.chinese, b.accents, b.lower)
}

// cleaned returns what becomes of a character; -1: it is dropped. Characters that are not
// assigned stay.
func cleaned(r rune) rune {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return ' '
	case r == 0 || r == utf8.RuneError || isControl(r):
		return -1
	case unicode.IsSpace(r):
		return ' '
	}
	return r
}

func isControl(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) && !unicode.Is(laterFormats, r)
}

// chinese is the blocks of CJK ideographs that BERT takes one character at a time, with the
// slip of the reference (2B920 for 2B820).
var chinese = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x3400, Hi: 0x4dbf, Stride: 1}, {Lo: 0x4e00, Hi: 0x9fff, Stride: 1}, {Lo: 0xf900, Hi: 0xfaff, Stride: 1}},
	R32: []unicode.Range32{
		{Lo: 0x20000, Hi: 0x2a6df, Stride: 1}, {Lo: 0x2a700, Hi: 0x2b73f, Stride: 1}, {Lo: 0x2b740, Hi: 0x2b81f, Stride: 1},
		{Lo: 0x2b920, Hi: 0x2ceaf, Stride: 1}, {Lo: 0x2f800, Hi: 0x2fa1f, Stride: 1},
	},
}

func spaceChinese(text string) string {
	if isASCII(text) {
		return text
	}
	var s strings.Builder
	for _, r := range text {
		if unicode.Is(chinese, r) {
			s.WriteByte(' ')
			s.WriteRune(r)
			s.WriteByte(' ')
		} else {
			s.WriteRune(r)
		}
	}
	return s.String()
}

// withoutAccents decomposes (NFD) and drops nonspacing marks.
func withoutAccents(text string) string {
	if isASCII(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if isAccent(r) {
			return -1
		}
		return r
	}, nfd.apply(text))
}

func isAccent(r rune) bool {
	return unicode.Is(unicode.Mn, r) && !unicode.Is(laterMarks, r) || r == 0x1734
}

// lower makes each letter small by itself, with no regard to where in a word it stands.
func lower(text string) string {
	if strings.ContainsRune(text, 'İ') {
		text = strings.ReplaceAll(text, "İ", "i\u0307") // the one letter that becomes two
	}
	return strings.Map(toLower, text)
}

func toLower(r rune) rune {
	for _, later := range laterCapitals {
		if r >= later.lo && r <= later.hi {
			return r + later.down
		}
	}
	return unicode.ToLower(r)
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// bertSplitter cuts at spaces, which it drops, and around each punctuation mark.
type bertSplitter struct{}

func (bertSplitter) split(pieces []string, text string, _ bool) []string {
	start := 0
	for i, r := range text {
		isSpace := unicode.IsSpace(r)
		if !isSpace && !isPunctuation(r) {
			continue
		}
		if start < i {
			pieces = append(pieces, text[start:i])
		}
		start = i + utf8.RuneLen(r)
		if !isSpace {
			pieces = append(pieces, text[i:start])
		} else if i == 0 {
			pieces = append(pieces, "")
		}
	}
	if start < len(text) {
		pieces = append(pieces, text[start:])
	}
	return pieces
}

func (bertSplitter) describe(w io.Writer) { fmt.Fprintln(w, "split bert") }

// isPunctuation says yes to all that ASCII has of marks, symbols too.
func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return r > ' ' && r < 0x7f && asciiClass[r] == other
	}
	return unicode.IsPunct(r) && !unicode.Is(laterPunctuation, r) || unicode.Is(formerPunctuation, r)
}
