package tokenizer

import "encoding/json"

func parseNormalizer(data json.RawMessage, depth int) (normalizer, error) {
	kind, err := kindOf(data, depth)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "":
		return nil, nil
	case "Sequence":
		return parseNormalizers(data, depth)
	case "BertNormalizer":
		return parseBertNormalizer(data)
	case "Prepend":
		var c struct{ Type, Prepend string }
		err := strict(data, &c)
		return prepend(c.Prepend), err
	case "Replace":
		return parseReplace(data)
	case "Strip":
		var c struct {
			Type  string `json:"type"`
			Left  bool   `json:"strip_left"`
			Right bool   `json:"strip_right"`
		}
		err := strict(data, &c)
		return strip{c.Left, c.Right}, err
	}
	if n, ok := plainNormalizers[kind]; ok {
		var c struct{ Type string }
		return n, strict(data, &c)
	}
	return nil, unsupported(kind)
}

// plainNormalizers is those that nothing more is said of.
var plainNormalizers = map[string]normalizer{
	"Lowercase":    lowercase{},
	"StripAccents": stripAccents{},
	"NFC":          nfc,
	"NFD":          nfd,
	"NFKC":         nfkc,
	"NFKD":         nfkd,
}

func parseNormalizers(data json.RawMessage, depth int) (normalizer, error) {
	var c struct {
		Type string            `json:"type"`
		All  []json.RawMessage `json:"normalizers"`
	}
	if err := strict(data, &c); err != nil {
		return nil, err
	}
	var all normalizers
	for _, one := range c.All {
		n, err := parseNormalizer(one, depth+1)
		if err != nil {
			return nil, err
		}
		if n != nil {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}

func parseBertNormalizer(data json.RawMessage) (normalizer, error) {
	var c struct {
		Type    string `json:"type"`
		Clean   bool   `json:"clean_text"`
		Chinese bool   `json:"handle_chinese_chars"`
		Accents *bool  `json:"strip_accents"` // null: as lowercase
		Lower   bool   `json:"lowercase"`
	}
	err := strict(data, &c)
	return bertNormalizer{c.Clean, c.Chinese, isOr(c.Accents, c.Lower), c.Lower}, err
}

func parseReplace(data json.RawMessage) (normalizer, error) {
	old, content, err := replaceParts(data)
	return replace{old, content}, err
}

// replaceParts reads a Replace, which is among the normalisers and among the decoders.
func replaceParts(data json.RawMessage) (old, content string, err error) {
	var c struct {
		Type    string      `json:"type"`
		Pattern patternJSON `json:"pattern"`
		Content string      `json:"content"`
	}
	if err := strict(data, &c); err != nil {
		return "", "", err
	}
	old, err = c.Pattern.literal("Replace")
	return old, c.Content, err
}
