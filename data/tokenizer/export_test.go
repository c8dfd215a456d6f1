package tokenizer

import "unicode"

// Lower, IsAccent and the others let tests look at every code point by itself.
var (
	Lower    = lower
	Lossy    = lossy
	IsAccent = isAccent
	IsLetter = func(r rune) bool { return unicodeClass(r) == letter }
	IsNumber = func(r rune) bool { return unicodeClass(r) == number }
	IsSpace  = func(r rune) bool { return unicodeClass(r) == space }
	IsCut    = func(r rune) bool { return isPunctuation(r) || unicode.IsSpace(r) }
	Cleaned  = cleaned
	Chinese  = func(r rune) bool { return unicode.Is(chinese, r) }
	Combines = combines
	IsWord   = isWord
)

// NormalForms is NFC, NFD, NFKC and NFKD.
var NormalForms = []func(text string) string{nfc.apply, nfd.apply, nfkc.apply, nfkd.apply}
