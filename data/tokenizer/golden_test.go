package tokenizer_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/data/tokenizer"
)

var _ data.Tokenizer = (*tokenizer.Tokenizer)(nil)

// forms is the folders of testdata and the files in each that have the same tokenizer.
var forms = map[string][]string{
	"gpt2":    {"tokenizer.json", "vocab.json"},
	"roberta": {"tokenizer.json", "vocab.json"},
	"llama3":  {"tokenizer.json"},
	"llama":   {"tokenizer.json", "tokenizer.model"},
	"flags":   {"tokenizer.json"},
	"llama2c": {"tok400.bin"},
	"bert":    {"tokenizer.json", "vocab.txt"},

	"unigram":      {"tokenizer.model"},
	"unigram-json": {"tokenizer.json"},
}

// vector is what the reference makes of a text.
type vector struct {
	Text    string  `json:"-"`
	IDs     []int32 `json:"ids"`  // without special tokens
	Decoded *string `json:"dec"`  // of the ids with special tokens; nil: Text
	Skipped *string `json:"skip"` // likewise, special tokens left out
}

// framing is what the reference puts around ids.
type framing struct{ Before, After []int32 }

func readVectors(t *testing.T, folder string) (framing, []vector) {
	t.Helper()
	var texts []string
	readJSON(t, "testdata/texts.json", &texts)
	raw, err := os.ReadFile(filepath.Join(folder, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	if len(lines) != len(texts)+1 {
		t.Fatalf("%d vectors for %d texts", len(lines)-1, len(texts))
	}
	var f framing
	if err := json.Unmarshal(lines[0], &f); err != nil {
		t.Fatal(err)
	}
	all := make([]vector, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal(lines[i+1], &all[i]); err != nil {
			t.Fatal(err)
		}
		all[i].Text = text
	}
	return f, all
}

func readJSON(t *testing.T, path string, to any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestGolden compares with what Hugging Face's tokenizers (and run.c of llama2.c) give.
func TestGolden(t *testing.T) {
	for name, files := range forms {
		for _, file := range files {
			t.Run(name+"/"+file, func(t *testing.T) {
				folder := filepath.Join("testdata", name)
				tok := open(t, filepath.Join(folder, file))
				f, all := readVectors(t, folder)
				for _, v := range all {
					if v.IDs != nil { // the reference cannot be asked about each
						check(t, tok, f, v)
					}
				}
			})
		}
	}
}

func check(t *testing.T, tok *tokenizer.Tokenizer, f framing, v vector) {
	t.Helper()
	if got := tok.Encode(v.Text); !slices.Equal(got, v.IDs) {
		t.Errorf("Encode(%q) = %v, want %v", v.Text, got, v.IDs)
	}
	framed := slices.Concat(f.Before, v.IDs, f.After)
	if got := tok.EncodeSpecial(v.Text); !slices.Equal(got, framed) {
		t.Errorf("EncodeSpecial(%q) = %v, want %v", v.Text, got, framed)
	}
	for _, d := range []struct {
		skip bool
		want *string
	}{{false, v.Decoded}, {true, v.Skipped}} {
		want := v.Text
		if d.want != nil {
			want = *d.want
		}
		if got := tok.Decode(framed, d.skip); got != want {
			t.Errorf("Decode(%v, %t) = %q, want %q", framed, d.skip, got, want)
		}
	}
}

func TestFingerprintIsOfTheTokenizerAndNotOfItsFile(t *testing.T) {
	seen := make(map[string]string)
	for name, files := range forms {
		first := open(t, filepath.Join("testdata", name, files[0])).Fingerprint()
		for _, file := range files[1:] {
			if got := open(t, filepath.Join("testdata", name, file)).Fingerprint(); got != first {
				t.Errorf("%s: %s has fingerprint %s, and %s has %s", name, file, got, files[0], first)
			}
		}
		if other, twice := seen[first]; twice || len(first) != 64 {
			t.Errorf("%s and %s have the fingerprint %q", name, other, first)
		}
		seen[first] = name
	}
}

func TestSpecialTokens(t *testing.T) {
	type of func(*tokenizer.Tokenizer) (int32, bool)
	bos, eos, pad := (*tokenizer.Tokenizer).BOS, (*tokenizer.Tokenizer).EOS, (*tokenizer.Tokenizer).PAD
	for _, c := range []struct {
		file string
		of   of
		want int32 // -1: none
	}{
		{"gpt2/vocab.json", bos, 0}, {"gpt2/vocab.json", eos, 0}, {"gpt2/vocab.json", pad, -1},
		{"gpt2/tokenizer.json", eos, 0},
		{"roberta/vocab.json", bos, 0}, {"roberta/vocab.json", eos, 2}, {"roberta/vocab.json", pad, 1},
		{"roberta/tokenizer.json", bos, 0}, {"roberta/tokenizer.json", eos, 2}, {"roberta/tokenizer.json", pad, 1},
		{"llama3/tokenizer.json", bos, 0}, {"llama3/tokenizer.json", eos, 1},
		{"llama/tokenizer.model", bos, 1}, {"llama/tokenizer.model", eos, 2}, {"llama/tokenizer.model", pad, -1},
		{"llama2c/tok400.bin", bos, 1}, {"llama2c/tok400.bin", eos, 2}, {"llama2c/tok400.bin", pad, -1},
		{"bert/vocab.txt", bos, -1}, {"bert/vocab.txt", eos, -1}, {"bert/vocab.txt", pad, 0}, {"bert/tokenizer.json", pad, 0},
	} {
		id, ok := c.of(open(t, "testdata/"+c.file))
		if ok != (c.want >= 0) || ok && id != c.want {
			t.Errorf("%s: %d, %t, want %d", c.file, id, ok, c.want)
		}
	}
}

func TestVocabulary(t *testing.T) {
	tok := open(t, "testdata/flags")
	if got := tok.Vocabulary(); got != 406 { // 400 pieces, and six added that are none of them
		t.Errorf("Vocabulary() = %d", got)
	}
	for id := range int32(tok.Vocabulary()) {
		token, ok := tok.Token(id)
		if back, ok2 := tok.ID(token); !ok || !ok2 || back != id {
			t.Errorf("token %d is %q, %t, and its id %d, %t", id, token, ok, back, ok2)
		}
	}
	if token, ok := tok.Token(1 << 20); ok {
		t.Errorf("token 1<<20 is %q", token)
	}
	if got := tok.Decode([]int32{-1, 1 << 20}, false); got != "" {
		t.Errorf("ids that no token has are decoded as %q", got)
	}
}

// TestConcurrent encodes the same words from several goroutines, which share what is remembered.
func TestConcurrent(t *testing.T) {
	tok := open(t, "testdata/gpt2")
	_, all := readVectors(t, "testdata/gpt2")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, v := range all {
				if got := tok.Encode(v.Text); !slices.Equal(got, v.IDs) {
					t.Errorf("Encode(%q) = %v, want %v", v.Text, got, v.IDs)
				}
			}
		})
	}
	group.Wait()
}
