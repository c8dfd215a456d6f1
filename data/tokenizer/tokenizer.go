// Package tokenizer makes token ids of text, and text of ids, exactly as Hugging Face's
// tokenizers library does for the same files: byte-level BPE (GPT-2, RoBERTa, BART, Llama 3),
// BPE with byte fallback (Llama 2), WordPiece (BERT) and Unigram. What a file asks for and
// this package does not have is refused by name: nothing is ever skipped.
//
// Text that is not well-formed UTF-8 is taken as Python and Rust would hand it over, with one
// U+FFFD in the place of each maximal ill-formed sequence.
package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// ErrUnsupported is what errors wrap about files that are well-formed but ask for something
// that this package does not have.
var ErrUnsupported = errors.New("not supported")

// ErrNotFound is what errors wrap about folders that have no tokenizer.
var ErrNotFound = errors.New("no tokenizer")

// Tokenizer makes token ids of text. It may be used by several goroutines at once.
type Tokenizer struct {
	normalizer normalizer // nil: text stays as it is
	splitter   splitter   // nil: text stays in one piece
	model      model
	vocab      *vocabulary // the model's tokens
	added      *addedTokens
	frame      frame
	decoder    decoder // nil: tokens are joined by spaces

	bos, eos, pad string // "": there is none
	fingerprint   func() string
}

// normalizer changes a text before it is cut.
type normalizer interface {
	apply(text string) string
	describe(w io.Writer)
}

// dropper is a normaliser that may leave nothing of the first character of a text.
type dropper interface{ dropsFirst(text string) bool }

// splitter cuts a text into the pieces that the model sees one at a time.
type splitter interface {
	// split appends the pieces of a text; first says that it begins the whole text. Where it drops
	// what the text begins with it appends an empty piece, so that no other is taken for the first.
	split(pieces []string, text string, first bool) []string
	describe(w io.Writer)
}

// model makes ids of a piece.
type model interface {
	encode(ids []int32, piece string) []int32
	describe(w io.Writer)
}

// decoder makes text of tokens: the text is the results joined.
type decoder interface {
	decode(tokens []string) []string
}

// frame is what is put around the ids of a text for the model.
type frame struct{ before, after []int32 }

// assemble completes a tokenizer whose parts are set.
func (t *Tokenizer) assemble() *Tokenizer {
	t.added.index(t.normalizer)
	t.fingerprint = sync.OnceValue(t.digest)
	return t
}

// Encode returns the ids of a text and none that it does not have. Added tokens, as
// <|endoftext|>, are recognised where they are written in the text.
func (t *Tokenizer) Encode(text string) []int32 {
	text = lossy(text)
	ids := make([]int32, 0, len(text)/3+1)
	var pieces []string
	t.added.cut(text, t.normalizer, func(segment string, id int32, first bool) {
		switch {
		case id >= 0:
			ids = append(ids, id)
		case t.splitter == nil:
			ids = t.model.encode(ids, segment)
		default:
			pieces = t.splitter.split(pieces[:0], segment, first)
			for _, piece := range pieces {
				if piece != "" {
					ids = t.model.encode(ids, piece)
				}
			}
		}
	})
	return ids
}

// EncodeSpecial returns the ids of a text with those around it that the model expects, as in
// <s> … </s>.
func (t *Tokenizer) EncodeSpecial(text string) []int32 {
	ids := t.Encode(text)
	framed := make([]int32, 0, len(ids)+len(t.frame.before)+len(t.frame.after))
	return append(append(append(framed, t.frame.before...), ids...), t.frame.after...)
}

// Decode returns the text of ids, without special tokens if skipSpecial. Ids that no token
// has are left out.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		token, ok := t.vocab.token(id)
		if added, is := t.added.byID[id]; is {
			token, ok = added.decoded, true
		}
		if ok && !(skipSpecial && t.added.left[token]) {
			tokens = append(tokens, token)
		}
	}
	if t.decoder == nil {
		return strings.Join(tokens, " ")
	}
	return strings.Join(t.decoder.decode(tokens), "")
}

// Vocabulary returns 1 + the largest id.
func (t *Tokenizer) Vocabulary() int { return max(len(t.vocab.tokens), t.added.end()) }

// ID returns the id of a token as the vocabulary writes it.
func (t *Tokenizer) ID(token string) (id int32, ok bool) {
	if id, ok := t.added.ids[token]; ok {
		return id, true
	}
	id, ok = t.vocab.ids[token]
	return id, ok
}

// Token returns the token of an id as the vocabulary writes it.
func (t *Tokenizer) Token(id int32) (token string, ok bool) {
	if added, ok := t.added.byID[id]; ok {
		return added.content, true
	}
	return t.vocab.token(id)
}

// BOS returns the id that begins a text, if there is one.
func (t *Tokenizer) BOS() (id int32, ok bool) { return t.named(t.bos) }

// EOS returns the id that ends a text, if there is one.
func (t *Tokenizer) EOS() (id int32, ok bool) { return t.named(t.eos) }

// PAD returns the id that fills up a text, if there is one.
func (t *Tokenizer) PAD() (id int32, ok bool) { return t.named(t.pad) }

func (t *Tokenizer) named(token string) (int32, bool) {
	if token == "" {
		return 0, false
	}
	return t.ID(token)
}

// Fingerprint returns a SHA-256 in hex of all that decides which ids a text has, in a form of
// its own: the same tokenizer read from files of another form has the same fingerprint.
func (t *Tokenizer) Fingerprint() string { return t.fingerprint() }

func (t *Tokenizer) digest() string {
	h := sha256.New()
	fmt.Fprintln(h, "cola tokenizer 1")
	if t.normalizer != nil {
		t.normalizer.describe(h)
	}
	if t.splitter != nil {
		t.splitter.describe(h)
	}
	t.model.describe(h)
	t.added.describe(h, t.normalizer != nil)
	fmt.Fprintln(h, "frame", t.frame.before, t.frame.after)
	return hex.EncodeToString(h.Sum(nil))
}
