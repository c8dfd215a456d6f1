package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// class is what the split patterns tell characters apart by.
type class uint8

const (
	other  class = iota // [^\s\p{L}\p{N}]
	letter              // \p{L}
	number              // \p{N}
	space               // \s
)

// asciiClass has the class of each ASCII character, because most text is ASCII.
var asciiClass = func() (table [utf8.RuneSelf]class) {
	for r := range table {
		table[r] = unicodeClass(rune(r))
	}
	return table
}()

func unicodeClass(r rune) class {
	switch {
	case isLetter(r):
		return letter
	case isNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// classAt returns the class of the character at i, and its length.
func classAt(s string, i int) (class, int) {
	if b := s[i]; b < utf8.RuneSelf {
		return asciiClass[b], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return unicodeClass(r), n
}

// run returns where the characters of class c that begin at i end.
func run(s string, i int, c class) int {
	for i < len(s) {
		at, n := classAt(s, i)
		if at != c {
			break
		}
		i += n
	}
	return i
}

func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.Is(laterLetters, r) }

func isNumber(r rune) bool { return unicode.IsNumber(r) || unicode.Is(laterNumbers, r) }
