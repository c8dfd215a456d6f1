package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/protocol"
)

var quiet = slog.New(slog.DiscardHandler)

// write writes a file and returns its path.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// letters writes a tokenizer of ASCII letters to a folder: a has the id 97.
func letters(t *testing.T, dir string) string {
	t.Helper()
	vocabulary := map[string]int{"Ġ": 32}
	for b := range 127 {
		if b > 32 {
			vocabulary[string(rune(b))] = b
		}
	}
	text, err := json.Marshal(vocabulary)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "merges.txt"), "#version: 0.2\n")
	write(t, filepath.Join(dir, "tokenizer_config.json"), `{"tokenizer_class":"GPT2Tokenizer"}`)
	write(t, filepath.Join(dir, "vocab.json"), string(text))
	return dir
}

// rows writes a table of n rows in three categories, each longer than the one before.
func rows(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"question":"%s?","response":"yes","category":"%c"}`+"\n", strings.Repeat("a", 50*i), 'x'+i%3)
	}
	return write(t, filepath.Join(t.TempDir(), "rows.jsonl"), b.String())
}

func TestDataOfTextAreReadByTheFlags(t *testing.T) {
	tokenizer, spec := letters(t, t.TempDir()), "jsonl:"+rows(t, 12)
	column := map[string]string{"prompt": "question"}
	for name, c := range map[string]struct {
		flags    cli.DataFlags
		fallback string
		context  int
		longest  int
	}{
		"default":              {cli.DataFlags{Tokenizer: tokenizer}, "", 0, 512},
		"paper":                {cli.DataFlags{Tokenizer: tokenizer, Rules: "paper"}, "", 0, 128},
		"asked for":            {cli.DataFlags{Tokenizer: tokenizer, MaxLength: 40}, "nowhere", 1000, 40},
		"the model's":          {cli.DataFlags{}, tokenizer, 100, 100},
		"the model's is large": {cli.DataFlags{}, tokenizer, 1000, 512},
	} {
		t.Run(name, func(t *testing.T) {
			c.flags.Column = column
			ds, err := c.flags.Open(t.Context(), quiet, spec, c.fallback, c.context)
			if err != nil {
				t.Fatal(err)
			}
			if f := ds.Format(); f.Longest != c.longest || f.Task != data.CausalLM || f.Vocabulary != 127 || len(f.Tokenizer) != 64 || ds.Len() != 12 {
				t.Errorf("%d examples, %+v", ds.Len(), f)
			}
		})
	}
	classes := write(t, filepath.Join(t.TempDir(), "classes.csv"), "sentence,label\nfine,good\nawful,bad\n")
	ds, err := cli.DataFlags{Tokenizer: tokenizer, Column: map[string]string{"text": "sentence"}, Labels: []string{"bad", "good"}}.Open(t.Context(), quiet, "csv:"+classes, "", 0)
	if err != nil || ds.Label(0) != 1 || ds.Format().Classes != 2 {
		t.Errorf("%+v, %v", ds, err)
	}
	if images, err := (cli.DataFlags{Tokenizer: "nowhere"}).Open(t.Context(), quiet, smallData, "", 0); err != nil || images.Len() != 40 {
		t.Errorf("images: %v", err)
	}
}

func wantCode(t *testing.T, err error, code protocol.Code, says string) {
	t.Helper()
	if f := protocol.AsFault(err); err == nil || f.Code != code || f.Fix == "" || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, expected %s with a fix, about %q", err, code, says)
	}
}

func TestDataThatCannotBeOpened(t *testing.T) {
	tokenizer, empty := letters(t, t.TempDir()), t.TempDir()
	open := func(f cli.DataFlags, spec string) error {
		_, err := f.Open(t.Context(), quiet, spec, "", 0)
		return err
	}
	wantCode(t, open(cli.DataFlags{}, "jsonl:x"), protocol.CodeUsage, "no tokenizer is named")
	wantCode(t, open(cli.DataFlags{Tokenizer: empty}, "jsonl:x"), protocol.CodeBadData, empty)
	wantCode(t, open(cli.DataFlags{Tokenizer: tokenizer}, "jsonl:none.jsonl"), protocol.CodeBadData, "none.jsonl")
	wantCode(t, open(cli.DataFlags{Tokenizer: tokenizer}, "jsonl:"+rows(t, 3)), protocol.CodeBadData, "prompt")
	wantCode(t, open(cli.DataFlags{Tokenizer: tokenizer, MaxLength: 3}, "jsonl:"+rows(t, 3)), protocol.CodeBadData, "maximum length")
	wantCode(t, open(cli.DataFlags{Tokenizer: "hub:../x"}, "jsonl:x"), protocol.CodeUsage, "hub:../x")
	wantCode(t, open(cli.DataFlags{}, "imagenet"), protocol.CodeBadData, "imagenet")
}

func TestPartOfTheData(t *testing.T) {
	text, err := cli.DataFlags{Tokenizer: letters(t, t.TempDir()), Column: map[string]string{"prompt": "question"}}.Open(t.Context(), quiet, "jsonl:"+rows(t, 12), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	images := data.Synthetic(40, []int{2, 2, 1}, 4, 1)
	for name, c := range map[string]struct {
		of       data.Dataset
		flags    cli.PartFlags
		examples int
		labels   string
	}{
		"all":                 {text, cli.PartFlags{}, 12, "012"},
		"a category":          {text, cli.PartFlags{Category: "y"}, 4, "1"},
		"half a category":     {text, cli.PartFlags{Category: "z", Shard: "1/2", Split: "label"}, 2, "2"},
		"sorted":              {text, cli.PartFlags{Shard: "0/2", Split: "label"}, 6, "01"},
		"at random":           {text, cli.PartFlags{Shard: "0/2", Split: "shuffled"}, 6, "012"},
		"whole categories":    {text, cli.PartFlags{Shard: "1/2", Split: "category"}, 4, "1"},
		"whole classes":       {images, cli.PartFlags{Shard: "3/4", Split: "category"}, 10, "3"},
		"of images, by label": {images, cli.PartFlags{Shard: "0/8", Split: "label"}, 5, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			part, err := c.flags.Part(c.of)
			if err != nil {
				t.Fatal(err)
			}
			labels := ""
			for l := range 10 {
				for i := range part.Len() {
					if part.Label(i) == l {
						labels += fmt.Sprint(l)
						break
					}
				}
			}
			if part.Len() != c.examples || labels != c.labels {
				t.Errorf("%d examples with the labels %s", part.Len(), labels)
			}
		})
	}
	refuse := func(ds data.Dataset, f cli.PartFlags, says string) {
		t.Helper()
		_, err := f.Part(ds)
		wantCode(t, err, protocol.CodeUsage, says)
	}
	refuse(text, cli.PartFlags{Category: "w"}, `"w"`)
	refuse(images, cli.PartFlags{Category: "w"}, "no categories")
	refuse(text, cli.PartFlags{Shard: "12/12"}, "12/12")
	refuse(text, cli.PartFlags{Shard: "7/8", Split: "category"}, "not one example")
}

// TestResolveTakesWhatIsInTheCache needs no network.
func TestResolveTakesWhatIsInTheCache(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	t.Setenv("HF_HUB_OFFLINE", "1")
	commit := strings.Repeat("0123456789", 4)
	repository := filepath.Join(cache, "models--org--tiny")
	write(t, filepath.Join(repository, "refs", "main"), commit)
	folder := letters(t, filepath.Join(repository, "snapshots", commit))
	got, err := cli.Resolve(t.Context(), quiet, "hub:org/tiny", cli.TokenizerFiles)
	if err != nil || got != folder {
		t.Errorf("%q, %v", got, err)
	}
	if tok, err := cli.OpenTokenizer(t.Context(), quiet, "hub:org/tiny"); err != nil || tok.Vocabulary() != 127 {
		t.Errorf("its tokenizer: %v", err)
	}
	if got, err := cli.Resolve(t.Context(), quiet, "folder", nil); err != nil || got != "folder" {
		t.Errorf("a folder becomes %q, %v", got, err)
	}
	for ref, code := range map[string]protocol.Code{"hub:org/none": protocol.CodeBadData, "hub:a/b/c": protocol.CodeUsage} {
		_, err := cli.Resolve(t.Context(), quiet, ref, cli.TokenizerFiles)
		wantCode(t, err, code, ref[len("hub:"):])
	}
	_, err = cli.DataFlags{Tokenizer: folder}.Open(t.Context(), quiet, "dolly:hub:org/none", "", 0)
	wantCode(t, err, protocol.CodeBadData, "org/none")
	t.Setenv("HF_HUB_OFFLINE", "0")
	t.Setenv("HF_ENDPOINT", "http://127.0.0.1:1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cli.Resolve(ctx, quiet, "hub:org/none", cli.TokenizerFiles); err == nil || protocol.AsFault(err).Code == protocol.CodeBadData {
		t.Errorf("cancelled: %v", err)
	}
}
