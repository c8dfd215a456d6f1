package tokenizer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// charsMap is SentencePiece's normaliser: the longest beginning of a text that its table has is
// replaced, and again of what is left. The table is a trie of pairs (a double array, Aoe 1989)
// whose values say where in a string of NUL-terminated texts the replacement begins.
type charsMap struct {
	units []uint32
	texts string
}

// parseCharsMap reads precompiled_charsmap: uint32 size of the trie in bytes, the trie, the texts.
func parseCharsMap(data []byte) (charsMap, error) {
	if len(data) == 0 {
		return charsMap{}, nil
	}
	if len(data) < 4 {
		return charsMap{}, errors.New("precompiled_charsmap ends in its header")
	}
	size, data := binary.LittleEndian.Uint32(data), data[4:]
	if uint64(size) > uint64(len(data)) || size%4 != 0 {
		return charsMap{}, fmt.Errorf("precompiled_charsmap has a trie of %d bytes within %d", size, len(data))
	}
	m := charsMap{texts: string(data[size:])}
	if !utf8.ValidString(m.texts) {
		return charsMap{}, errors.New("precompiled_charsmap has replacements that are no text")
	}
	for i := 0; i < int(size); i += 4 {
		m.units = append(m.units, binary.LittleEndian.Uint32(data[i:]))
	}
	return m, nil
}

// next returns what a text that is not empty begins with, and what is to stand for it.
func (m charsMap) next(text string) (taken int, replacement string) {
	if n, value := m.longest(text); n > 0 && value < len(m.texts) {
		to, _, _ := strings.Cut(m.texts[value:], "\x00")
		return n, to
	}
	_, n := utf8.DecodeRuneInString(text)
	return n, text[:n]
}

// longest returns the length of the longest beginning that the trie has, and its value.
func (m charsMap) longest(text string) (n, value int) {
	at := uint32(0)
	unit, ok := m.unit(at)
	for i := 0; ok && i < len(text); i++ {
		at ^= unitOffset(unit) ^ uint32(text[i])
		if unit, ok = m.unit(at); !ok || unit&(1<<31|0xff) != uint32(text[i]) {
			break
		}
		if unit>>8&1 == 0 {
			continue
		}
		leaf, has := m.unit(at ^ unitOffset(unit))
		if has && utf8.RuneStart(byteAt(text, i+1)) {
			n, value = i+1, int(leaf&(1<<31-1))
		}
	}
	return n, value
}

func (m charsMap) unit(at uint32) (uint32, bool) {
	if uint64(at) >= uint64(len(m.units)) {
		return 0, false
	}
	return m.units[at], true
}

// unitOffset is what the place of a unit's children differs by from its own.
func unitOffset(unit uint32) uint32 { return unit >> 10 << (unit >> 9 & 1 << 3) }

// byteAt returns a byte of a text, and 0 at its end.
func byteAt(text string, i int) byte {
	if i < len(text) {
		return text[i]
	}
	return 0
}

// spmNormalizer is all that SentencePiece does to a text: the table, one space for several and
// none at the ends, a space before the text, and ▁ for each.
type spmNormalizer struct {
	table        charsMap
	removeSpaces bool
	dummyPrefix  bool
}

func (n spmNormalizer) apply(text string) string {
	var s strings.Builder
	for text != "" {
		taken, to := n.table.next(text)
		s.WriteString(to)
		text = text[taken:]
	}
	text = s.String()
	if n.removeSpaces {
		text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ")
	}
	if text != "" && n.dummyPrefix {
		text = " " + text
	}
	text = strings.ReplaceAll(text, " ", wordStart)
	for n.removeSpaces && strings.HasSuffix(text, wordStart) { // those written as such, too
		text = strings.TrimSuffix(text, wordStart)
	}
	return text
}

func (n spmNormalizer) describe(w io.Writer) {
	fmt.Fprintf(w, "sentencepiece spaces=%t prefix=%t %q %x\n", n.removeSpaces, n.dummyPrefix, n.table.texts, n.table.units)
}
