package tokenizer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sharedData returns a path within the data that lie beside the repository, and skips the test
// where they do not.
func sharedData(t testing.TB, path string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(root, "..", "shared", "data", path)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not there", path)
	}
	return path
}

// TestPublished compares the tokenizers as their owners publish them with published vectors.
func TestPublished(t *testing.T) {
	var all map[string][]struct {
		Input   string
		Encoded struct {
			IDs []int32 `json:"input_ids"`
		}
		With    string `json:"decoded_with_special"`
		Without string `json:"decoded_without_special"`
	}
	readJSON(t, sharedData(t, "tokenizers/vectors/tokenizer_tests.json"), &all)
	for vectors, path := range map[string]string{
		"distilgpt2":                             "tokenizers/gpt2",
		"bert-base-uncased":                      "tokenizers/bert-base-uncased/vocab.txt",
		"coreml-projects/Llama-2-7b-chat-coreml": "tokenizers/llama",
	} {
		tok := open(t, sharedData(t, path))
		if len(all[vectors]) == 0 {
			t.Errorf("no vectors of %s", vectors)
		}
		for _, v := range all[vectors] {
			if got := tok.EncodeSpecial(v.Input); !slices.Equal(got, v.Encoded.IDs) {
				t.Errorf("%s: %q has the ids %v, want %v", path, v.Input, got, v.Encoded.IDs)
			}
			if vectors != "coreml-projects/Llama-2-7b-chat-coreml" {
				continue // transformers takes more spaces away after the tokenizer's own decoding
			}
			with, without := tok.Decode(v.Encoded.IDs, false), tok.Decode(v.Encoded.IDs, true)
			if with != v.With || without != v.Without {
				t.Errorf("%s: %v is decoded as %q and %q, want %q and %q", path, v.Encoded.IDs, with, without, v.With, v.Without)
			}
		}
	}
}

// TestQuestions encodes some ten thousand questions as BERT does.
func TestQuestions(t *testing.T) {
	var words [][]string
	var ids [][]int32
	readJSON(t, sharedData(t, "tokenizers/vectors/basic_tokenized_questions.json"), &words)
	readJSON(t, sharedData(t, "tokenizers/vectors/tokenized_questions.json"), &ids)
	tok := open(t, sharedData(t, "tokenizers/bert-base-uncased"))
	for i, want := range ids {
		if i%10 != 0 && testing.Short() {
			continue
		}
		if got := tok.Encode(strings.Join(words[i], " ")); !slices.Equal(got, want) {
			t.Errorf("%q has the ids %v, want %v", words[i], got, want)
		}
	}
}

// TestFrench is a text that GPT-2 was not made for.
func TestFrench(t *testing.T) {
	var v struct {
		Text string
		IDs  []int32 `json:"token_ids"`
	}
	raw, err := os.ReadFile(sharedData(t, "tokenizers/vectors/gpt2_encoded_tokens.json"))
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	tok := open(t, sharedData(t, "tokenizers/gpt2"))
	if got := tok.Encode(v.Text); !slices.Equal(got, v.IDs) || len(got) == 0 {
		t.Errorf("ids %v, want %v", got, v.IDs)
	}
	if got := tok.Decode(v.IDs, false); got != v.Text {
		t.Errorf("decoded as %q", got)
	}
}

func BenchmarkEncodeGPT2(b *testing.B) {
	raw, err := os.ReadFile(sharedData(b, "text/tinyshakespeare_first90.txt"))
	if err != nil {
		b.Fatal(err)
	}
	tok, text, tokens := open(b, sharedData(b, "tokenizers/gpt2")), string(raw), 0
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tokens += len(tok.Encode(text))
	}
	b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
}
