package data

import "slices"

// Tokenizer makes token ids of text.
type Tokenizer interface {
	// Encode returns the ids of a text, and none that the text does not have.
	Encode(text string) []int32
	// EncodeSpecial returns the ids with those that the model expects around a text, as in
	// <s> … </s>.
	EncodeSpecial(text string) []int32
	// Vocabulary returns 1 + the largest id.
	Vocabulary() int
	// EOS returns the id that ends a text, if there is one.
	EOS() (id int32, ok bool)
	// Fingerprint is the same for tokenizers that make the same ids.
	Fingerprint() string
}

// frame is what a tokenizer puts around a text.
type frame struct{ before, after []int32 }

// newFrame learns the frame from a text of one letter. Where the letter's ids are not found
// among the others the tokenizer puts nothing around.
func newFrame(t Tokenizer) frame {
	bare, framed := t.Encode("a"), t.EncodeSpecial("a")
	for at := 0; at+len(bare) <= len(framed); at++ {
		if slices.Equal(framed[at:at+len(bare)], bare) {
			return frame{slices.Clone(framed[:at]), slices.Clone(framed[at+len(bare):])}
		}
	}
	return frame{}
}

// around returns the ids framed, cut at their end so that all are at most longest.
func (f frame) around(ids []int32, longest int) (framed []int32, cut bool) {
	room := max(longest-len(f.before)-len(f.after), 0)
	if cut = len(ids) > room; cut {
		ids = ids[:room]
	}
	return slices.Concat(f.before, ids, f.after), cut
}
