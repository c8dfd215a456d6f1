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
	Combines = func(r rune) bool { return stripAccents(string(r)) == "" }
)
