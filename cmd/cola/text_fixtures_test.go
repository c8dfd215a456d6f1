package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// writeTextModel makes a tiny GPT-2 of bytes with random weights in dir/writer, and beside it
// adapters of two participants for it and a merged update.
func writeTextModel(dir string) error {
	folder := filepath.Join(dir, "writer")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	vocabulary := map[string]int{"<|endoftext|>": 256}
	for b, r := range byteLetters() {
		vocabulary[string(r)] = b
	}
	vocab, err := json.Marshal(vocabulary)
	if err != nil {
		return err
	}
	const config = `{"model_type":"gpt2","vocab_size":257,"n_positions":64,"n_embd":12,"n_layer":1,"n_head":2,"eos_token_id":256}`
	for name, text := range map[string]string{
		"config.json": config, "vocab.json": string(vocab), "merges.txt": "#version: 0.2\n",
		"tokenizer_config.json": `{"eos_token":"<|endoftext|>","tokenizer_class":"GPT2Tokenizer"}`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	b, err := model.New(linalg.NewCPU(), model.Config{Path: folder, Random: true, Seed: 5})
	if err != nil {
		return err
	}
	var blobs []linalg.Blob
	write := func(name string, kind adapter.Kind) error {
		var list []adapter.Adapter
		for _, site := range b.Sites() {
			r := adapter.Rand(1, name, site.Name)
			a, err := adapter.New(site, adapter.Spec{Kind: kind, Rank: 2}, r)
			if err != nil {
				return err
			}
			for _, p := range a.Params() {
				for i := range p.Value.F32() {
					p.Value.F32()[i] = float32(r.NormFloat64())
				}
			}
			list, blobs = append(list, a), adapter.Blobs(site, a)
		}
		return adapter.WriteFile(filepath.Join(dir, name+".safetensors"), b.Sites(), list, map[string]string{"participant": name})
	}
	return errors.Join(
		b.Save(filepath.Join(folder, "model.safetensors")), write("ada", adapter.LowRank), write("bob", adapter.Linear),
		adapter.WriteMerged(filepath.Join(dir, "together.safetensors"), blobs, nil),
	)
}

// byteLetters are the letters that GPT-2's tokenizer writes bytes with: those that are seen
// as they are, the others from U+0100 on.
func byteLetters() []rune {
	letters := make([]rune, 256)
	next := rune(256)
	for b := range letters {
		if letters[b] = rune(b); b <= ' ' || b >= 127 && b <= 160 || b == 173 {
			letters[b] = next
			next++
		}
	}
	return letters
}
