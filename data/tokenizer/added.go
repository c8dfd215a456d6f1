package tokenizer

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is found in the text itself, before the text is cut.
type addedToken struct {
	content    string
	id         int32
	singleWord bool // only where no word goes on before or behind it
	lstrip     bool // it takes the spaces before it
	rstrip     bool // it takes the spaces behind it
	inNormal   bool // it is looked for in the normalised text
	special    bool // it is left out of a decoded text on demand
	hidden     bool // it is not looked for at all

	decoded string // what it is decoded as: its content, normalised if it is looked for in that form
}

// addedTokens is the added tokens of a tokenizer.
type addedTokens struct {
	ids    map[string]int32
	byID   map[int32]addedToken
	raw    finder          // of those looked for in the text as it is
	normal finder          // of those looked for in the normalised text
	left   map[string]bool // what is left out of a decoded text on demand: the contents of special tokens
}

func newAdded(tokens ...addedToken) *addedTokens {
	a := &addedTokens{ids: make(map[string]int32), byID: make(map[int32]addedToken)}
	for _, t := range tokens {
		a.add(t)
	}
	return a
}

// add adds a token, or changes the one that has its content.
func (a *addedTokens) add(t addedToken) {
	if t.content == "" {
		return
	}
	if old, ok := a.ids[t.content]; ok {
		delete(a.byID, old)
	}
	if old, ok := a.byID[t.id]; ok {
		delete(a.ids, old.content)
	}
	a.ids[t.content], a.byID[t.id] = t.id, t
}

// end returns 1 + the largest id; 0 if there are none.
func (a *addedTokens) end() int {
	end := 0
	for id := range a.byID {
		end = max(end, int(id)+1)
	}
	return end
}

// index makes the finders, and finds out what tokens are decoded as.
func (a *addedTokens) index(n normalizer) {
	a.raw, a.normal, a.left = finder{}, finder{}, make(map[string]bool)
	for _, id := range slices.Sorted(maps.Keys(a.byID)) {
		t := a.byID[id]
		if t.decoded = t.content; t.inNormal && n != nil {
			t.decoded = n.apply(t.content)
		}
		a.byID[id] = t
		if t.special {
			a.left[t.content] = true
		}
		switch {
		case t.hidden:
		case t.inNormal:
			a.normal.add(t.decoded, t)
		default:
			a.raw.add(t.content, t)
		}
	}
}

// cut goes through a text from its beginning: added tokens come with their id, and what is
// between them comes normalised with id -1. first says that a segment begins the text: it does
// not if the normaliser dropped the text's first character.
func (a *addedTokens) cut(text string, n normalizer, emit func(segment string, id int32, first bool)) {
	a.raw.cut(text, func(start int, segment string, id int32) {
		if id >= 0 {
			emit(segment, id, false)
			return
		}
		begins := start == 0
		if n != nil {
			if d, ok := n.(dropper); ok && begins {
				begins = !d.dropsFirst(segment)
			}
			segment = n.apply(segment)
		}
		a.normal.cut(segment, func(at int, segment string, id int32) {
			emit(segment, id, begins && at == 0)
		})
	})
}

// describe writes what decides ids; where nothing normalises, it decides nothing whether a
// token is looked for before or after.
func (a *addedTokens) describe(w io.Writer, changes bool) {
	for _, id := range slices.Sorted(maps.Keys(a.byID)) {
		t := a.byID[id]
		fmt.Fprintf(w, "added %d %q word=%t left=%t right=%t normal=%t hidden=%t\n",
			id, t.content, t.singleWord, t.lstrip, t.rstrip, t.inNormal && changes, t.hidden)
	}
}

// finder finds tokens in a text: the leftmost, and the longest of those that begin there.
type finder struct {
	first [256][]found // by the first byte, the longest first
	some  bool
}

type found struct {
	pattern string
	addedToken
}

func (f *finder) add(pattern string, t addedToken) {
	if pattern == "" {
		return
	}
	list := append(f.first[pattern[0]], found{pattern, t})
	slices.SortStableFunc(list, func(a, b found) int { return cmp.Compare(len(b.pattern), len(a.pattern)) })
	f.first[pattern[0]], f.some = list, true
}

// next returns the first match at or after from; nil if there is none.
func (f *finder) next(text string, from int) (at int, match *found) {
	for i := from; i < len(text); i++ {
		list := f.first[text[i]]
		for k := range list {
			if strings.HasPrefix(text[i:], list[k].pattern) {
				return i, &list[k]
			}
		}
	}
	return len(text), nil
}

// cut goes through a text: tokens come with their id, what is between them with -1.
func (f *finder) cut(text string, emit func(start int, segment string, id int32)) {
	done := 0
	for from := 0; f.some; {
		start, t := f.next(text, from)
		if t == nil {
			break
		}
		end := start + len(t.pattern)
		from = end
		if t.singleWord && (endsInWord(text[:start]) || beginsWithWord(text[end:])) {
			continue
		}
		if t.lstrip {
			start = max(len(strings.TrimRightFunc(text[:start], unicode.IsSpace)), done)
		}
		if t.rstrip {
			end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
		}
		if done < start {
			emit(done, text[done:start], -1)
		}
		if start < end { // one before may have taken all of it, if it is spaces
			emit(start, text[start:end], t.id)
			done = end
		}
	}
	if done < len(text) {
		emit(done, text[done:], -1)
	}
}

func endsInWord(text string) bool {
	r, n := utf8.DecodeLastRuneInString(text)
	return n > 0 && isWord(r)
}

func beginsWithWord(text string) bool {
	r, n := utf8.DecodeRuneInString(text)
	return n > 0 && isWord(r)
}

// isWord is \w of Unicode Technical Standard 18.
func isWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc,
		unicode.Other_Alphabetic, unicode.Join_Control, laterWords)
}
