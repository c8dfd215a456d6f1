package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxDepth bounds how deep sequences may lie in each other.
const maxDepth = 16

// fileJSON is a tokenizer.json. What it says of truncation and padding is left to those who
// make batches, as transformers leaves it.
type fileJSON struct {
	Version       string          `json:"version"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []addedJSON     `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

type addedJSON struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	InNormal   bool   `json:"normalized"` //nolint:misspell // the file's word
	Special    bool   `json:"special"`
}

func openJSON(folder, name string, s *settings) (*Tokenizer, error) {
	data, err := readFile(folder, name)
	if err != nil {
		return nil, err
	}
	t, err := parseJSON(data, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// parseJSON reads a tokenizer.json.
func parseJSON(data []byte, s *settings) (*Tokenizer, error) {
	var f fileJSON
	if err := strict(data, &f); err != nil {
		return nil, err
	}
	t := &Tokenizer{added: newAdded()}
	var err error
	if t.normalizer, err = parseNormalizer(f.Normalizer, 0); err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	var bytes bool
	if t.splitter, bytes, err = parseSplitter(f.PreTokenizer, 0); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: %w", err)
	}
	if t.model, t.vocab, err = parseModel(f.Model, bytes); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if t.frame, err = parseFrame(f.PostProcessor, 0); err != nil {
		return nil, fmt.Errorf("post_processor: %w", err)
	}
	if t.decoder, err = parseDecoder(f.Decoder, 0); err != nil {
		return nil, fmt.Errorf("decoder: %w", err)
	}
	if err := t.addAll(f.AddedTokens); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	s.apply(t, t.guessNames())
	t.assemble()
	for content, id := range t.added.ids {
		if t.added.byID[id].decoded == "" {
			return nil, fmt.Errorf("added_tokens: the normaliser leaves nothing of %q: %w", content, ErrUnsupported)
		}
	}
	return t, t.checkFrame()
}

// addAll adds the tokens of a file. One that the model has keeps the model's id.
func (t *Tokenizer) addAll(all []addedJSON) error {
	for _, a := range all {
		if id := t.vocab.id(a.Content); id >= 0 {
			a.ID = id
		}
		if a.ID < 0 || a.ID > largestID {
			return fmt.Errorf("token %q has the id %d, beyond 0 … %d", a.Content, a.ID, largestID)
		}
		t.added.add(addedToken{
			content: a.Content, id: a.ID, singleWord: a.SingleWord, lstrip: a.LStrip, rstrip: a.RStrip,
			inNormal: a.InNormal, special: a.Special,
		})
	}
	return nil
}

// guessNames finds the special tokens whose names a tokenizer.json does not have, by how they
// are usually written.
func (t *Tokenizer) guessNames() map[string]string {
	names := make(map[string]string)
	for name, usual := range map[string][]string{
		"bos_token": {"<s>", "<bos>", "<|begin_of_text|>", "<|endoftext|>"},
		"eos_token": {"</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>"},
		"pad_token": {"<pad>", "[PAD]", "<|pad|>"},
	} {
		for _, content := range usual {
			if id, ok := t.added.ids[content]; ok && t.added.byID[id].special {
				names[name] = content
				break
			}
		}
	}
	return names
}

// checkFrame finds out whether all that is put around a text is in the vocabulary.
func (t *Tokenizer) checkFrame() error {
	for _, ids := range [][]int32{t.frame.before, t.frame.after} {
		for _, id := range ids {
			if _, ok := t.Token(id); !ok {
				return fmt.Errorf("post_processor: it puts the id %d around a text, and no token has it", id)
			}
		}
	}
	return nil
}

// strict decodes a JSON value, all of which must have a place in to.
func strict(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// kindOf returns the type of a component; "" for null, where there is none.
func kindOf(data json.RawMessage, depth int) (string, error) {
	if len(data) == 0 || string(data) == "null" {
		return "", nil
	}
	if depth > maxDepth {
		return "", fmt.Errorf("sequences lie more than %d deep in each other: %w", maxDepth, ErrUnsupported)
	}
	var c struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return "", err
	}
	if c.Type == "" {
		return "", errors.New("it has no type")
	}
	return c.Type, nil
}

// unsupported says which component this package does not have.
func unsupported(kind string) error { return fmt.Errorf("%s: %w", kind, ErrUnsupported) }

// patternJSON is what Replace and Split look for: one of the two.
type patternJSON struct {
	String *string
	Regex  *string
}

// literal returns the string of a pattern.
func (p patternJSON) literal(kind string) (string, error) {
	switch {
	case p.String != nil && *p.String != "":
		return *p.String, nil
	case p.Regex != nil:
		return "", fmt.Errorf("%s with the regular expression %q: %w", kind, *p.Regex, ErrUnsupported)
	}
	return "", fmt.Errorf("%s has no pattern", kind)
}
