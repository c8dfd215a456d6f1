package model_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// generated is what transformers wrote: testdata/generation/make.py.
type generated struct {
	Prompt   []int32
	Settings struct {
		MaxNew            int             `json:"max_new_tokens"`
		MinNew            int             `json:"min_new_tokens"`
		Beams             int             `json:"num_beams"`
		NoRepeat          int             `json:"no_repeat_ngram_size"`
		RepetitionPenalty float64         `json:"repetition_penalty"`
		LengthPenalty     *float64        `json:"length_penalty"`
		EarlyStopping     bool            `json:"early_stopping"`
		EOS               json.RawMessage `json:"eos_token_id"`
	}
	IDs   []int32
	Score float64
}

// settings are a case's, over those of the model's files.
func (c generated) settings(t *testing.T, b *model.Base) model.Generation {
	t.Helper()
	g := must[model.Generation](t)(b.Generation())
	s := c.Settings
	g.MaxNew, g.MinNew, g.Beams, g.NoRepeat = s.MaxNew, s.MinNew, s.Beams, s.NoRepeat
	g.RepetitionPenalty, g.EarlyStopping = s.RepetitionPenalty, s.EarlyStopping
	if s.LengthPenalty != nil {
		g.LengthPenalty = *s.LengthPenalty
	}
	if s.EOS != nil {
		if err := json.Unmarshal(s.EOS, &g.EOS); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// Continuations are token for token those of transformers: the likeliest tokens, beam
// searches with their penalties, n-grams that may not be repeated, forced tokens.
func TestGenerateLikeTransformers(t *testing.T) {
	folders := must[[]string](t)(filepath.Glob("testdata/generation/*/cases.json"))
	if len(folders) < 3 {
		t.Fatalf("testdata/generation holds %d models: run testdata/generation/make.py", len(folders))
	}
	for _, file := range folders {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			b := newBase(t, model.Config{Path: folder})
			var cases []generated
			if err := json.Unmarshal(must[[]byte](t)(os.ReadFile(file)), &cases); err != nil {
				t.Fatal(err)
			}
			for i, c := range cases {
				got := generate(t, b, prompts(c.Prompt), c.settings(t, b))[0]
				if !slices.Equal(got.IDs, c.IDs) {
					t.Errorf("case %d: %v goes on with %v, transformers with %v", i, c.Prompt, got.IDs, c.IDs)
				}
				if e := math.Abs(got.Score - c.Score); e > 1e-4*max(1, math.Abs(c.Score)) {
					t.Errorf("case %d: score %g, transformers has %g", i, got.Score, c.Score)
				}
			}
		})
	}
}

// prompts are one owner's.
func prompts(texts ...[]int32) *model.Prompts {
	p := &model.Prompts{Owners: []model.Owner{{Participant: "ada", Hi: len(texts)}}}
	var ids []int32
	for _, text := range texts {
		p.Starts = append(p.Starts, int32(len(ids)))
		ids = append(ids, text...)
	}
	p.Inputs = linalg.FromI32(ids, len(ids))
	return p
}

func generate(t *testing.T, b *model.Base, p *model.Prompts, g model.Generation) []model.Continuation {
	t.Helper()
	return must[[]model.Continuation](t)(b.Generate(t.Context(), p, model.Unmerged, g))
}
