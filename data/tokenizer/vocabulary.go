package tokenizer

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// largestID bounds what a file may claim: a vocabulary is held as a table of all ids.
const largestID = 1<<22 - 1

// vocabulary is tokens and their ids.
type vocabulary struct {
	ids    map[string]int32
	tokens []string // by id
	taken  []bool   // which ids have a token
}

func newVocabulary(ids map[string]int32) (*vocabulary, error) {
	v := &vocabulary{ids: make(map[string]int32, len(ids))}
	for token, id := range ids {
		if err := v.add(token, id); err != nil {
			return nil, err
		}
	}
	for token, id := range ids {
		if kept := v.tokens[id]; kept != token { // the reference would decode the id as either
			return nil, fmt.Errorf("the tokens %q and %q both have the id %d", min(kept, token), max(kept, token), id)
		}
	}
	return v, nil
}

// add gives a token an id. Of two tokens with one id the smaller is what the id is decoded as.
func (v *vocabulary) add(token string, id int32) error {
	if id < 0 || id > largestID {
		return fmt.Errorf("token %q has the id %d, beyond 0 … %d", token, id, largestID)
	}
	if int(id) >= len(v.tokens) {
		grow := int(id) + 1 - len(v.tokens)
		v.tokens = append(v.tokens, make([]string, grow)...)
		v.taken = append(v.taken, make([]bool, grow)...)
	}
	if !v.taken[id] || token < v.tokens[id] {
		v.tokens[id] = token
	}
	v.taken[id] = true
	v.ids[token] = id
	return nil
}

// id returns the id of a token; -1 if there is none.
func (v *vocabulary) id(token string) int32 {
	if id, ok := v.ids[token]; ok {
		return id
	}
	return -1
}

// token returns the token of an id, if there is one.
func (v *vocabulary) token(id int32) (string, bool) {
	if id < 0 || int(id) >= len(v.tokens) || !v.taken[id] {
		return "", false
	}
	return v.tokens[id], true
}

// describe writes what decides ids.
func (v *vocabulary) describe(w io.Writer) {
	for id, token := range v.tokens {
		if v.taken[id] {
			fmt.Fprintf(w, "%d %q\n", id, token)
		}
	}
}

// runeLen is the length of a character of well-formed text.
func runeLen(r rune) int { return utf8.RuneLen(r) }
