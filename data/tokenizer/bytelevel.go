package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// runeOf is GPT-2's way to write any byte as a letter that can be seen: what Latin-1 prints
// stays as it is, and the other 68 bytes become U+0100, U+0101, ….
var runeOf, byteOf = byteLetters()

func byteLetters() (letters [256]rune, back map[rune]byte) {
	back = make(map[rune]byte, 256)
	next := rune(256)
	for b := range letters {
		r := rune(b)
		if r < '!' || r > '~' && r < '¡' || r == 0xad {
			r = next
			next++
		}
		letters[b] = r
		back[r] = byte(b)
	}
	return letters, back
}

// fromLetters returns the bytes that byte letters stand for; ok says whether the token has no other.
func fromLetters(token string) (text string, ok bool) {
	b := make([]byte, 0, len(token))
	for _, r := range token {
		c, ok := byteOf[r]
		if !ok {
			return "", false
		}
		b = append(b, c)
	}
	return string(b), true
}

// lossy replaces each maximal ill-formed sequence of bytes by one U+FFFD (Unicode 15, §3.9,
// U+FFFD Substitution of Maximal Subparts), as Python and Rust do; well-formed text is
// returned as it is.
func lossy(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var s strings.Builder
	for len(text) > 0 {
		if r, n := utf8.DecodeRuneInString(text); r != utf8.RuneError || n > 1 {
			s.WriteString(text[:n])
			text = text[n:]
			continue
		}
		s.WriteRune(utf8.RuneError)
		text = text[illFormed(text):]
	}
	return s.String()
}

// illFormed returns the length of the maximal ill-formed sequence that text begins with: the
// longest beginning of a well-formed sequence, and at least one byte.
func illFormed(text string) int {
	low, high, need := byte(0x80), byte(0xbf), 0 // of the second byte; how many follow the first
	switch b := text[0]; {
	case b >= 0xc2 && b <= 0xdf:
		need = 1
	case b >= 0xe0 && b <= 0xef:
		need = 2
		if b == 0xe0 {
			low = 0xa0
		} else if b == 0xed {
			high = 0x9f
		}
	case b >= 0xf0 && b <= 0xf4:
		need = 3
		if b == 0xf0 {
			low = 0x90
		} else if b == 0xf4 {
			high = 0x8f
		}
	}
	n := 1
	for ; n <= need && n < len(text) && text[n] >= low && text[n] <= high; n++ {
		low, high = 0x80, 0xbf
	}
	return n
}
