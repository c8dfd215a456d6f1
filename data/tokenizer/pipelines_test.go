package tokenizer_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/gradientlearning/cola/data/tokenizer"
)

// pipelines is testdata/pipelines.json.gz.
type pipelines struct {
	Vocab map[string]int32 `json:"vocab"`
	Texts []string         `json:"texts"`
	Cases []struct {
		Parts   map[string]json.RawMessage `json:"parts"` // of a tokenizer.json
		IDs     [][]int32                  `json:"ids"`
		Skipped []string                   `json:"skipped"` // what the ids are decoded to without special tokens
	} `json:"cases"`
	Word [][2]rune `json:"word"`
}

func readPacked(t *testing.T, path string, to any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it is read only
	z, err := gzip.NewReader(f)
	if err == nil {
		err = json.NewDecoder(z).Decode(to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPipelines compares where many normalisers, pre-tokenizers and added tokens cut a text with
// where the reference does: the ids of the one model tell characters inside a piece from first ones.
func TestPipelines(t *testing.T) {
	var all pipelines
	readPacked(t, "testdata/pipelines.json.gz", &all)
	for _, c := range all.Cases {
		c.Parts["model"], _ = json.Marshal(map[string]any{
			"type": "WordPiece", "unk_token": "?", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": all.Vocab,
		})
		file, err := json.Marshal(c.Parts)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "tokenizer.json")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		tok, err := tokenizer.Open(path)
		if err != nil {
			t.Errorf("%s, %s: %v", c.Parts["normalizer"], c.Parts["pre_tokenizer"], err)
			continue
		}
		for i, text := range all.Texts {
			if got := tok.Encode(text); !slices.Equal(got, c.IDs[i]) {
				t.Errorf("%s, %s, %s: Encode(%q) = %v, want %v", c.Parts["normalizer"], c.Parts["pre_tokenizer"], c.Parts["added_tokens"], text, got, c.IDs[i])
			}
			if got := tok.Decode(c.IDs[i], true); got != c.Skipped[i] {
				t.Errorf("%s, %s: Decode(%v) = %q, want %q", c.Parts["normalizer"], c.Parts["added_tokens"], c.IDs[i], got, c.Skipped[i])
			}
		}
	}
	next := 0
	for r := rune(0); r <= utf8.MaxRune; r++ {
		for next < len(all.Word) && all.Word[next][1] < r {
			next++
		}
		want := next < len(all.Word) && all.Word[next][0] <= r
		if utf8.ValidRune(r) && tokenizer.IsWord(r) != want {
			t.Errorf("%U is of a word: %t, want %t", r, !want, want)
		}
	}
}

// TestNormalForms compares the four normal forms of rows of marks with the reference's.
func TestNormalForms(t *testing.T) {
	var rows [][]string
	readPacked(t, "testdata/normal.json.gz", &rows)
	for _, row := range rows {
		for i, form := range tokenizer.NormalForms {
			if got := form(row[0]); got != row[i+1] {
				t.Errorf("form %d of %+q is %+q, want %+q", i, row[0], got, row[i+1])
			}
		}
	}
}
