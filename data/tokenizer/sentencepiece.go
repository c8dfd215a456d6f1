package tokenizer

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// The kinds of pieces and of models, as sentencepiece_model.proto numbers them.
const (
	pieceNormal      = 1
	pieceUnknown     = 2
	pieceControl     = 3
	pieceUserDefined = 4

	modelUnigram = 1
	modelBPE     = 2
)

// spm is what counts of a SentencePiece model.
type spm struct {
	pieces        []scored
	kinds         []uint64
	kind          uint64 // of the model
	byteFallback  bool
	unk, bos, eos int32
	pad           int32
	charsmap      []byte
	dummyPrefix   bool
	removeSpaces  bool
}

// parseSPM reads a tokenizer.model.
func parseSPM(data []byte) (*spm, error) {
	m := &spm{kind: modelUnigram, bos: 1, eos: 2, pad: -1, dummyPrefix: true, removeSpaces: true}
	err := eachField(data, func(f field) error {
		switch f.number {
		case 1:
			return m.addPiece(f.bytes)
		case 2:
			return eachField(f.bytes, m.trainerField)
		case 3:
			return eachField(f.bytes, m.normalizerField)
		}
		return nil
	})
	if err == nil && len(m.pieces) == 0 {
		err = errors.New("it has no pieces")
	}
	if err != nil {
		return nil, fmt.Errorf("not a SentencePiece model: %w", err)
	}
	return m, nil
}

func (m *spm) addPiece(data []byte) error {
	piece, kind := scored{}, uint64(pieceNormal)
	err := eachField(data, func(f field) error {
		switch f.number {
		case 1:
			piece.text = string(f.bytes)
		case 2:
			piece.score = math.Float32frombits(uint32(f.value))
		case 3:
			kind = f.value
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case piece.text == "" || !utf8.ValidString(piece.text):
		return fmt.Errorf("piece %d, %q, is not a text", len(m.pieces), piece.text)
	case math.IsNaN(float64(piece.score)) || math.IsInf(float64(piece.score), 0):
		return fmt.Errorf("piece %d, %q, has the score %v", len(m.pieces), piece.text, piece.score)
	case len(m.pieces) > largestID:
		return fmt.Errorf("it has more than %d pieces", largestID)
	}
	m.pieces, m.kinds = append(m.pieces, piece), append(m.kinds, kind)
	return nil
}

func (m *spm) trainerField(f field) error {
	switch f.number {
	case 3:
		m.kind = f.value
	case 35:
		m.byteFallback = f.value != 0
	case 40:
		m.unk = int32(f.value)
	case 41:
		m.bos = int32(f.value)
	case 42:
		m.eos = int32(f.value)
	case 43:
		m.pad = int32(f.value)
	}
	return nil
}

func (m *spm) normalizerField(f field) error {
	switch f.number {
	case 2:
		m.charsmap = f.bytes
	case 3:
		m.dummyPrefix = f.value != 0
	case 4:
		m.removeSpaces = f.value != 0
	}
	return nil
}

// token returns a piece by id; "" where there is none.
func (m *spm) token(id int32) string {
	if id < 0 || int(id) >= len(m.pieces) {
		return ""
	}
	return m.pieces[id].text
}

// vocabulary returns the pieces as tokens.
func (m *spm) vocabulary() (*vocabulary, error) {
	v := &vocabulary{ids: make(map[string]int32, len(m.pieces))}
	for id, piece := range m.pieces {
		if _, twice := v.ids[piece.text]; twice {
			return nil, fmt.Errorf("two pieces are %q", piece.text)
		}
		if err := v.add(piece.text, int32(id)); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// addedTokens returns the control pieces as special tokens, and those that users defined as
// added ones.
func (m *spm) addedTokens() *addedTokens {
	added := newAdded()
	for id, piece := range m.pieces {
		switch m.kinds[id] {
		case pieceUnknown, pieceControl:
			added.add(addedToken{content: piece.text, id: int32(id), special: true})
		case pieceUserDefined:
			added.add(addedToken{content: piece.text, id: int32(id)})
		}
	}
	return added
}
