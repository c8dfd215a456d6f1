package tokenizer_test

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/gradientlearning/cola/data/tokenizer"
)

// use tries a tokenizer that some file made: whatever it is, nothing may panic, and every id
// must be one that the tokenizer has.
func use(t *testing.T, tok *tokenizer.Tokenizer) {
	t.Helper()
	const text = "Hello, 'tis 1234 wörds <s> a  b\n\n \xff"
	ids := tok.EncodeSpecial(text)
	for _, id := range ids {
		if int(id) >= tok.Vocabulary() || id < 0 {
			t.Errorf("id %d of %d", id, tok.Vocabulary())
		}
	}
	if d := tok.Decode(ids, true); len(tok.Fingerprint()) != 64 {
		t.Errorf("decoded %q, no fingerprint", d)
	}
}

// fuzzFile fuzzes the reader of files of one name.
func fuzzFile(f *testing.F, name string, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if tok, err := tokenizer.Open(path); err == nil {
			use(t, tok)
		}
	})
}

func FuzzJSON(f *testing.F) {
	fuzzFile(f, "tokenizer.json",
		`{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]},"pre_tokenizer":{"type":"ByteLevel"},"decoder":{"type":"ByteLevel"}}`,
		`{"model":{"type":"WordPiece","unk_token":"?","continuing_subword_prefix":"##","max_input_chars_per_word":9,"vocab":{"?":0,"a":1,"##b":2}},
			"normalizer":{"type":"BertNormalizer","lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},"decoder":{"type":"WordPiece","prefix":"##","cleanup":true}}`,
		`{"model":{"type":"BPE","vocab":{"<s>":0,"a":1,"▁":2},"merges":[],"unk_token":"<s>","byte_fallback":true},"added_tokens":[{"id":0,"content":"<s>","lstrip":true}],
			"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
			"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[0]}}}}`)
}

func FuzzModel(f *testing.F) {
	fuzzFile(f, "tokenizer.model", "\x0a\x0c\x0a\x03▁\x15\x00\x00\x80\xbf\x12\x05\x18\x01\xc0\x02\x00\x1a\x0c\x12\x0a\x04\x00\x00\x00\x00\x04\x00\x00a\x00", "\x0a\x05\x0a\x01a\x18\x01\x0a\x0c\x0a\x03▁\x15\x00\x00\x80\xbf\x12\x02\x18\x02\x1a\x02\x20\x00")
}

func FuzzLlama2c(f *testing.F) {
	fuzzFile(f, "tok.bin", "\x05\x00\x00\x00\x00\x00\x80\xbf\x01\x00\x00\x00a")
}

func FuzzVocab(f *testing.F) {
	f.Add([]byte(`{"a":0,"b":1,"ab":2,"<s>":3,"</s>":4}`), []byte("#version: 0.2\na b\n"), []byte(`{"pad_token":"a","add_prefix_space":true}`))
	f.Fuzz(func(t *testing.T, vocab, merges, settings []byte) {
		dir := t.TempDir()
		for name, content := range map[string][]byte{"vocab.json": vocab, "merges.txt": merges, "tokenizer_config.json": settings} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if tok, err := tokenizer.Open(dir); err == nil {
			use(t, tok)
		}
	})
}

func FuzzWordPiece(f *testing.F) {
	fuzzFile(f, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n")
}

// FuzzText encodes and decodes any text: byte-level BPE gives back what it was given.
func FuzzText(f *testing.F) {
	bytes, spaces := open(f, "testdata/gpt2"), open(f, "testdata/llama")
	llama3, bert, flags := open(f, "testdata/llama3"), open(f, "testdata/bert"), open(f, "testdata/flags")
	f.Add("it's  a\n test'S 1234 é\xff")
	f.Add("  <|endoftext|> <s>")
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range []*tokenizer.Tokenizer{bert, flags} {
			if got := tok.Decode(tok.EncodeSpecial(text), true); !utf8.ValidString(got) {
				t.Errorf("%q is decoded as %q", text, got)
			}
		}
		if !utf8.ValidString(text) {
			return
		}
		for _, tok := range []*tokenizer.Tokenizer{bytes, llama3, spaces} {
			if got := tok.Decode(tok.Encode(text), false); got != text && !(tok == spaces && hasWordStart(text)) {
				t.Errorf("%q is decoded as %q", text, got)
			}
		}
	})
}

// hasWordStart says whether a text has what Llama's tokenizer takes for a space, or the name
// of a byte, or a special token, before which it takes away a space that it did not put there.
func hasWordStart(text string) bool {
	for _, r := range text {
		if r == '▁' || r == '<' {
			return true
		}
	}
	return false
}
