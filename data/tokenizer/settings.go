package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// settings is what the files beside a vocabulary say: tokenizer_config.json,
// special_tokens_map.json and added_tokens.json.
type settings struct {
	class          string
	addPrefixSpace bool
	addBOS, addEOS *bool
	lower, accents *bool
	chinese        *bool

	named map[string]addedToken // bos_token, eos_token, … as they are to be treated
	added []addedToken          // with their ids, by id
}

// tokenNames is the special tokens that have a name.
var tokenNames = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

func readSettings(folder string) (*settings, error) {
	s := &settings{named: make(map[string]addedToken)}
	for _, file := range []struct {
		name  string
		parse func(data []byte) error
	}{
		{"special_tokens_map.json", s.parseNames},
		{"tokenizer_config.json", s.parseConfig},
		{"added_tokens.json", s.parseAdded},
	} {
		data, err := readOptional(folder, file.name)
		if err == nil && data != nil {
			err = file.parse(data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.name, err)
		}
	}
	slices.SortStableFunc(s.added, func(a, b addedToken) int { return cmp.Compare(a.id, b.id) })
	return s, nil
}

// tokenJSON is a token in the settings: a string, or an object.
type tokenJSON struct {
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	// InNormal is true where nothing is given, but for special tokens.
	InNormal *bool `json:"normalized"` //nolint:misspell // the file's word
	Special  bool  `json:"special"`
}

// UnmarshalJSON reads either form.
func (t *tokenJSON) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte{'"'}) {
		return json.Unmarshal(data, &t.Content)
	}
	type object tokenJSON
	return json.Unmarshal(data, (*object)(t))
}

func (t tokenJSON) token(id int32) addedToken {
	inNormal := !t.Special
	if t.InNormal != nil {
		inNormal = *t.InNormal
	}
	return addedToken{
		content: t.Content, id: id, singleWord: t.SingleWord, lstrip: t.LStrip, rstrip: t.RStrip,
		inNormal: inNormal, special: t.Special,
	}
}

// parseNames reads what a file says of tokens that have a name.
func (s *settings) parseNames(data []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for _, name := range tokenNames {
		raw, ok := all[name]
		if !ok || string(raw) == "null" {
			continue
		}
		var t tokenJSON
		if err := json.Unmarshal(raw, &t); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		t.Special = true
		t.LStrip = t.LStrip || t.Content == "<mask>" && raw[0] == '"' // as RoBERTa takes the bare name
		s.named[name] = t.token(-1)
	}
	return nil
}

func (s *settings) parseConfig(data []byte) error {
	var c struct {
		Class          string               `json:"tokenizer_class"`
		AddPrefixSpace bool                 `json:"add_prefix_space"`
		AddBOS         *bool                `json:"add_bos_token"`
		AddEOS         *bool                `json:"add_eos_token"`
		Lower          *bool                `json:"do_lower_case"`
		Accents        *bool                `json:"strip_accents"`
		Chinese        *bool                `json:"tokenize_chinese_chars"`
		Added          map[string]tokenJSON `json:"added_tokens_decoder"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	s.class = strings.TrimSuffix(c.Class, "Fast")
	s.addPrefixSpace, s.addBOS, s.addEOS = c.AddPrefixSpace, c.AddBOS, c.AddEOS
	s.lower, s.accents, s.chinese = c.Lower, c.Accents, c.Chinese
	for _, key := range slices.Sorted(maps.Keys(c.Added)) {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil || id < 0 || id > largestID {
			return fmt.Errorf("added_tokens_decoder: %q is not an id", key)
		}
		s.added = append(s.added, c.Added[key].token(int32(id)))
	}
	return s.parseNames(data)
}

func (s *settings) parseAdded(data []byte) error {
	var all map[string]int32
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for _, content := range slices.Sorted(maps.Keys(all)) {
		known := slices.ContainsFunc(s.added, func(t addedToken) bool { return t.content == content })
		if id := all[content]; id < 0 || id > largestID {
			return fmt.Errorf("token %q has the id %d, beyond 0 … %d", content, id, largestID)
		} else if !known {
			s.added = append(s.added, addedToken{content: content, id: id, inNormal: true})
		}
	}
	return nil
}

// apply gives a tokenizer the added and the named tokens, the latter with what is usual for its
// kind unless the settings say otherwise.
func (s *settings) apply(t *Tokenizer, usual map[string]string) {
	for _, token := range s.added {
		t.added.add(token)
	}
	for _, name := range tokenNames {
		token, given := s.named[name]
		if !given {
			token = addedToken{content: usual[name], special: true, lstrip: usual[name] == "<mask>"}
		}
		id, ok := t.ID(token.content)
		if !ok {
			continue // a name that no token has, as <pad> where nothing was ever padded
		}
		switch name {
		case "bos_token":
			t.bos = token.content
		case "eos_token":
			t.eos = token.content
		case "pad_token":
			t.pad = token.content
		}
		if _, known := t.added.ids[token.content]; !known {
			token.id = id
			t.added.add(token)
		}
	}
}

// content returns how a named token is written.
func (s *settings) content(name, usual string) string {
	if token, ok := s.named[name]; ok {
		return token.content
	}
	return usual
}

func isOr(given *bool, otherwise bool) bool {
	if given == nil {
		return otherwise
	}
	return *given
}
