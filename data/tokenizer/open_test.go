package tokenizer_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/data/tokenizer"
)

// folder makes a folder of files; a content that begins with @ is the name of a file to copy.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if from, ok := strings.CutPrefix(content, "@"); ok {
			raw, err := os.ReadFile(filepath.Join("testdata", from))
			if err != nil {
				t.Fatal(err)
			}
			content = string(raw)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpenRefuses(t *testing.T) {
	gpt2 := map[string]string{"vocab.json": "@gpt2/vocab.json", "merges.txt": "@gpt2/merges.txt"}
	with := func(more map[string]string) map[string]string {
		all := maps.Clone(gpt2)
		maps.Copy(all, more)
		return all
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		is    error
		says  string
	}{
		{"empty folder", nil, tokenizer.ErrNotFound, "it has none of tokenizer.json, vocab.json"},
		{"no merges", map[string]string{"vocab.json": "{}"}, os.ErrNotExist, "merges.txt"},
		{"bad vocabulary", with(map[string]string{"vocab.json": "["}), nil, "vocab.json"},
		{"negative id", with(map[string]string{"vocab.json": `{"a":-1}`}), nil, `"a" has the id -1`},
		{"huge id", with(map[string]string{"vocab.json": `{"a":2000000000}`}), nil, "beyond"},
		{"bad merge", with(map[string]string{"merges.txt": "a b c"}), nil, "line 1"},
		{"strange merge", with(map[string]string{"merges.txt": "#version: 0.2\nA B"}), nil, "merge 0"},
		{"class", with(map[string]string{"tokenizer_config.json": `{"tokenizer_class":"CLIPTokenizer"}`}), tokenizer.ErrUnsupported, "CLIPTokenizer"},
		{"not RoBERTa", with(map[string]string{"tokenizer_config.json": `{"tokenizer_class":"RobertaTokenizerFast"}`}), nil, "lacks them"},
		{"bad settings", with(map[string]string{"tokenizer_config.json": `{`}), nil, "tokenizer_config.json"},
		{"bad name", with(map[string]string{"special_tokens_map.json": `{"bos_token":1}`}), nil, "bos_token"},
		{"bad added", with(map[string]string{"added_tokens.json": `{"x":-5}`}), nil, "added_tokens.json"},
		{"bad added id", with(map[string]string{"tokenizer_config.json": `{"added_tokens_decoder":{"x":{}}}`}), nil, `"x" is not an id`},
		{"WordPiece without unknown", map[string]string{"vocab.txt": "a\nb\n"}, nil, "[UNK]"},
		{"WordPiece without frame", map[string]string{"vocab.txt": "a\n[UNK]\n"}, nil, "[CLS]"},
		{"WordPiece class", map[string]string{"vocab.txt": "a\n", "tokenizer_config.json": `{"tokenizer_class":"XTokenizer"}`}, tokenizer.ErrUnsupported, "XTokenizer"},
		{"llama class", map[string]string{"tokenizer.model": "@llama/tokenizer.model", "tokenizer_config.json": `{"tokenizer_class":"GemmaTokenizer"}`}, tokenizer.ErrUnsupported, "GemmaTokenizer"},
		{"Unigram class", map[string]string{"tokenizer.model": "@unigram/tokenizer.model", "tokenizer_config.json": `{"tokenizer_class":"XLMRobertaTokenizer"}`}, tokenizer.ErrUnsupported, "XLMRoberta"},
		{"word model", map[string]string{"tokenizer.model": "\x0a\x03\x0a\x01a\x12\x02\x18\x03\x1a\x02\x20\x00"}, tokenizer.ErrUnsupported, "model type 3"},
		{"text as model", map[string]string{"tokenizer.model": "IQ== 0\nIg== 1\n"}, nil, "not a SentencePiece model"},
		{"empty model", map[string]string{"tokenizer.model": ""}, nil, "no pieces"},
		{"empty bin", map[string]string{"tokenizer.bin": ""}, nil, "header"},
		{"short bin", map[string]string{"tok5.bin": "\x05\x00\x00\x00\x00\x00"}, nil, "token 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tokenizer.Open(folder(t, c.files))
			if err == nil || !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v, want %v and %q", err, c.is, c.says)
			}
		})
	}
	if _, err := tokenizer.Open("testdata/nowhere"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if _, err := tokenizer.Open("testdata/texts.json"); !errors.Is(err, tokenizer.ErrNotFound) {
		t.Errorf("a file that is no tokenizer: %v", err)
	}
}

// TestJSONRefuses changes one component of a tokenizer.json at a time.
func TestJSONRefuses(t *testing.T) {
	for _, c := range []struct{ key, value, says string }{
		{"normalizer", `{"type":"Nmt"}`, "normalizer: Nmt: not supported"},
		{"normalizer", `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Precompiled","precompiled_charsmap":""}]}`, "Precompiled: not supported"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"x+"},"content":""}`, `regular expression "x+"`},
		{"normalizer", `{"type":"Replace","pattern":{},"content":""}`, "no pattern"},
		{"normalizer", `{"type":"NFC","more":1}`, "unknown field"},
		{"normalizer", `{}`, "no type"},
		{"normalizer", strings.Repeat(`{"type":"Sequence","normalizers":[`, 30) + strings.Repeat("]}", 30), "deep"},
		{"pre_tokenizer", `{"type":"UnicodeScripts"}`, "UnicodeScripts: not supported"},
		{"pre_tokenizer", `{"type":"Punctuation","behavior":"Melted"}`, `"Melted"`}, //nolint:misspell // the file's word
		{"pre_tokenizer", `{"type":"CharDelimiterSplit","delimiter":"ab"}`, "not one character"},
		{"pre_tokenizer", `{"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Isolated","invert":false}`, `\\w+`},                       //nolint:misspell // the file's word
		{"pre_tokenizer", `{"type":"Split","pattern":{"String":" "},"behavior":"Isolated","invert":true}`, "an inverted Split by a string"}, //nolint:misspell // the file's word
		{"pre_tokenizer", `{"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"Digits"}]}`, "behind ByteLevel"},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"ab"}`, "one character"},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"_","prepend_scheme":"x"}`, `prepend_scheme "x"`},
		{"post_processor", `{"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{}}`, "0 times"},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{}}`, `lacks "x"`},
		{"post_processor", `{"type":"BertProcessing","sep":["a",99999],"cls":["b",0]}`, "99999"},
		{"post_processor", `{"type":"BertProcessing","sep":["a"],"cls":["b",0]}`, "not a token and its id"},
		{"post_processor", `{"type":"X"}`, "X: not supported"},
		{"decoder", `{"type":"CTC"}`, "CTC: not supported"},
		{"decoder", `{"type":"Sequence","decoders":[{"type":"BPEDecoder","suffix":""}]}`, "BPEDecoder: not supported"},
		{"decoder", `{"type":"Strip","content":"","start":1,"stop":0}`, "no content"},
		{"model", `{"type":"WordLevel","vocab":{},"unk_token":"x"}`, "WordLevel behind the pre-tokenizer ByteLevel"},
		{"model", `{"type":"WordPiece","vocab":{}}`, "behind the pre-tokenizer ByteLevel"},
		{"model", `{"type":"BPE","vocab":{},"merges":[],"dropout":0.1}`, "dropout"},
		{"model", `{"type":"BPE","vocab":{},"merges":[],"end_of_word_suffix":"</w>"}`, "end_of_word_suffix"},
		{"model", `{"type":"BPE","vocab":{},"merges":[],"continuing_subword_prefix":"@@"}`, "continuing_subword_prefix"},
		{"model", `{"type":"BPE","vocab":{},"merges":[],"unk_token":"x"}`, "unk_token"},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":["a a a"]}`, "not two tokens"},
		{"model", `{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}`, `"a" and "b" both have the id 0`},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}`, "1 tokens"},
		{"pre_tokenizer", `{"type":"Split","pattern":{"Regex":"\\s"},"behavior":"Removed"}`, `\\s`}, //nolint:misspell // the file's word
		{"added_tokens", `[{"id":-1,"content":"x@x"}]`, "id -1"},
		{"more", `1`, "unknown field"},
	} {
		var all map[string]json.RawMessage
		readJSON(t, "testdata/gpt2/tokenizer.json", &all)
		all[c.key] = json.RawMessage(c.value)
		raw, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tokenizer.Open(folder(t, map[string]string{"tokenizer.json": string(raw)}))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v, want %q", c.key, c.value, err, c.says)
		}
	}
}

// TestSettings has what the files beside a vocabulary change.
func TestSettings(t *testing.T) {
	gpt2 := func(files map[string]string) *tokenizer.Tokenizer {
		files["vocab.json"], files["merges.txt"] = "@gpt2/vocab.json", "@gpt2/merges.txt"
		return open(t, folder(t, files))
	}
	plain := gpt2(map[string]string{})
	tok := gpt2(map[string]string{
		"tokenizer_config.json": `{"tokenizer_class":"GPT2Tokenizer","add_prefix_space":true,"add_bos_token":true,
			"pad_token":{"content":"<pad>"},"added_tokens_decoder":{"421":{"content":"<pad>","special":true},"422":{"content":"zz","rstrip":true}}}`,
		"special_tokens_map.json": `{"pad_token":null,"eos_token":"zz"}`,
		"added_tokens.json":       `{"qq":425,"zz":422}`,
	})
	if pad, ok := tok.PAD(); !ok || pad != 421 {
		t.Errorf("PAD() = %d, %t", pad, ok)
	}
	if eos, ok := tok.EOS(); !ok || eos != 422 {
		t.Errorf("EOS() = %d, %t", eos, ok)
	}
	if tok.Vocabulary() != 426 || plain.Vocabulary() != 420 {
		t.Errorf("Vocabulary() = %d, %d", tok.Vocabulary(), plain.Vocabulary())
	}
	if got, want := tok.Encode("the"), plain.Encode(" the"); !slices.Equal(got, want) {
		t.Errorf("with a prefix space: %v, want %v", got, want)
	}
	want := slices.Concat([]int32{0}, plain.Encode(" a"), []int32{422}, plain.Encode(" b"), []int32{425})
	if got := tok.EncodeSpecial("azz  bqq"); !slices.Equal(got, want) {
		t.Errorf("with added tokens: %v, want %v", got, want)
	}
	if tok.Fingerprint() == plain.Fingerprint() {
		t.Error("the settings do not change the fingerprint")
	}

	cased := open(t, folder(t, map[string]string{
		"vocab.txt": "@bert/vocab.txt", "tokenizer_config.json": `{"do_lower_case":false,"tokenizer_class":"BertTokenizerFast"}`,
	}))
	small := open(t, "testdata/bert")
	if a, b := cased.Encode("The"), small.Encode("The"); slices.Equal(a, b) {
		t.Errorf("The is %v, with great letters and without", a)
	}
	llama := open(t, folder(t, map[string]string{
		"tokenizer.model": "@llama/tokenizer.model", "tokenizer_config.json": `{"add_bos_token":false,"add_eos_token":true}`,
	}))
	if got, want := llama.EncodeSpecial("a"), append(llama.Encode("a"), 2); !slices.Equal(got, want) {
		t.Errorf("EncodeSpecial = %v, want %v", got, want)
	}
	t5 := open(t, folder(t, map[string]string{
		"tokenizer.model": "@unigram/tokenizer.model", "tokenizer_config.json": `{"tokenizer_class":"T5Tokenizer"}`,
	}))
	if got, want := t5.EncodeSpecial("a<sep>"), append(t5.Encode("a<sep>"), 2); !slices.Equal(got, want) || !slices.Contains(got, 3) {
		t.Errorf("EncodeSpecial = %v, want %v", got, want)
	}
	mask := open(t, folder(t, map[string]string{
		"vocab.json": "@roberta/vocab.json", "merges.txt": "@roberta/merges.txt", "special_tokens_map.json": `{"mask_token":"<mask>"}`,
	}))
	if got := mask.Encode("  <mask>"); !slices.Equal(got, []int32{4}) {
		t.Errorf("<mask> leaves the spaces before it: %v", got)
	}
}

// TestUnigramRefuses has what a Unigram model in tokenizer.json may lack.
func TestUnigramRefuses(t *testing.T) {
	for _, c := range []struct{ model, says string }{
		{`{"type":"Unigram","vocab":[["a",-1]]}`, "without unk_id"},
		{`{"type":"Unigram","unk_id":1,"vocab":[["a",-1]]}`, "the id 1, and there are 1"},
		{`{"type":"Unigram","unk_id":0,"vocab":[["a"]]}`, "not a token and its score"},
		{`{"type":"Unigram","unk_id":0,"vocab":[[1,-1]]}`, "cannot unmarshal"},
	} {
		_, err := tokenizer.Open(folder(t, map[string]string{"tokenizer.json": `{"model":` + c.model + `}`}))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.model, err, c.says)
		}
	}
}
