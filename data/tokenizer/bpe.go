package tokenizer

import (
	"fmt"
	"io"
)

// bpe is byte pair encoding (Sennrich et al. 2016): a word begins as its characters, and the
// adjacent pair of the lowest rank becomes one token, the leftmost first among equals, until
// no pair has a rank.
type bpe struct {
	vocab        *vocabulary
	merges       map[pair]merge
	unknown      int32 // the token of characters that have none; -1: they are left out
	fuseUnknown  bool  // several unknown characters behind each other become one token
	byteFallback bool  // characters that have no token become tokens of their bytes, <0x00> … <0xFF>
	ignoreMerges bool  // a word that is a token is that token, whatever the merges say
	byteLevel    bool  // words are bytes, and the vocabulary writes bytes as byte letters

	symbols [256]int32       // byteLevel: the token of each byte; -1: none
	bytes   [256]int32       // byteFallback: the token of each byte; -1: none
	whole   map[string]int32 // ignoreMerges: the tokens, as words are written
	cache   *cache
}

// pair is two tokens beside each other, the left one in the high half.
type pair uint64

func pairOf(left, right int32) pair { return pair(uint32(left))<<32 | pair(uint32(right)) }

// merge says what becomes of a pair.
type merge struct{ rank, id int32 }

// finish derives the tables from what the fields above them say.
func (m *bpe) finish() {
	for b := range 256 {
		m.symbols[b] = m.vocab.id(string(runeOf[b]))
		m.bytes[b] = m.vocab.id(fmt.Sprintf("<0x%02X>", b))
	}
	m.cache = newCache()
	if !m.ignoreMerges {
		return
	}
	m.whole = m.vocab.ids
	if m.byteLevel {
		m.whole = make(map[string]int32, len(m.vocab.ids))
		for token, id := range m.vocab.ids {
			if text, ok := fromLetters(token); ok {
				m.whole[text] = id
			}
		}
	}
}

// setMerges takes the merges in the order of their ranks.
func (m *bpe) setMerges(merges [][2]string) error {
	m.merges = make(map[pair]merge, len(merges))
	for rank, p := range merges {
		left, right, both := m.vocab.id(p[0]), m.vocab.id(p[1]), m.vocab.id(p[0]+p[1])
		if left < 0 || right < 0 || both < 0 {
			return fmt.Errorf("merge %d, %q with %q: the vocabulary lacks one of them or what they make", rank, p[0], p[1])
		}
		m.merges[pairOf(left, right)] = merge{int32(rank), both}
	}
	return nil
}

func (m *bpe) encode(ids []int32, word string) []int32 {
	slot := m.cache.slot(word)
	if slot == nil {
		return m.compute(ids, word)
	}
	if c := slot.Load(); c != nil && c.word == word {
		return append(ids, c.ids...)
	}
	start := len(ids)
	ids = m.compute(ids, word)
	put(slot, word, ids[start:])
	return ids
}

// compute is encode without memory.
func (m *bpe) compute(ids []int32, word string) []int32 {
	if m.ignoreMerges {
		if id, ok := m.whole[word]; ok {
			return append(ids, id)
		}
	}
	start := len(ids)
	ids = m.start(ids, word)
	return ids[:start+m.join(ids[start:])]
}

// start appends the tokens that the characters of a word begin as.
func (m *bpe) start(ids []int32, word string) []int32 {
	unknown := false // whether an unknown character waits for its token, to take more with it
	flush := func() {
		if unknown {
			ids, unknown = append(ids, m.unknown), false
		}
	}
	one := func(character string) {
		if id := m.vocab.id(character); id >= 0 {
			flush()
			ids = append(ids, id)
			return
		}
		if m.byteFallback && m.hasBytes(character) {
			for i := range len(character) {
				ids = append(ids, m.bytes[character[i]])
			}
			return
		}
		if m.unknown >= 0 {
			if !m.fuseUnknown {
				flush()
			}
			unknown = true
		}
	}
	if m.byteLevel {
		for i := range len(word) {
			if id := m.symbols[word[i]]; id >= 0 && !unknown {
				ids = append(ids, id)
			} else {
				one(string(runeOf[word[i]]))
			}
		}
	} else {
		for i, r := range word {
			one(word[i : i+runeLen(r)])
		}
	}
	flush()
	return ids
}

func (m *bpe) hasBytes(character string) bool {
	for i := range len(character) {
		if m.bytes[character[i]] < 0 {
			return false
		}
	}
	return true
}

// describe writes what decides ids.
func (m *bpe) describe(w io.Writer) {
	fmt.Fprintf(w, "bpe unknown=%d fuse=%t fallback=%t ignore=%t bytes=%t merges=%d\n",
		m.unknown, m.fuseUnknown, m.byteFallback, m.ignoreMerges, m.byteLevel, len(m.merges))
	describeMerges(w, m.merges)
	m.vocab.describe(w)
}
