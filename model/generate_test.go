package model_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// writers are the tiny models that write text.
var writers = []string{"gpt2", "llama", "bart"}

// newPrompts makes random prompts for owners with adapters of their own.
func newPrompts(t *testing.T, b *model.Base, counts ...int) *model.Prompts {
	t.Helper()
	batch := textAdapted(t, b, newTexts(b, counts...))
	return &model.Prompts{Inputs: batch.Inputs, Starts: batch.Starts, Owners: batch.Owners}
}

// alone is text e of prompts, by itself.
func alone(p *model.Prompts, e int) *model.Prompts {
	lo, hi := int(p.Starts[e]), p.Inputs.Rows()
	if e+1 < len(p.Starts) {
		hi = int(p.Starts[e+1])
	}
	one := &model.Prompts{Inputs: p.Inputs.RowRange(lo, hi), Starts: []int32{0}}
	for _, o := range p.Owners {
		if o.Lo <= e && e < o.Hi {
			one.Numbers = []int{e - o.Lo}
			o.Lo, o.Hi = 0, 1
			one.Owners = []model.Owner{o}
		}
	}
	return one
}

// ways are settings of every kind of search.
func ways(t *testing.T, b *model.Base) map[string]model.Generation {
	t.Helper()
	g := must[model.Generation](t)(b.Generation())
	g.MaxNew, g.EOS = 9, []int32{1, 3, 5, 8, 11, 14, 17, 20}
	list := map[string]model.Generation{"likeliest": g}
	g.NoRepeat, g.Beams = 2, 3
	list["beams"] = g
	g.Beams, g.Temperature, g.TopK, g.TopP, g.Seed = 1, 1.5, 12, 0.9, 5
	list["drawn"] = g
	return list
}

// A text's continuation is the same, bit for bit, by itself and among others, of other
// owners too, on one thread, and on a device with memory of its own.
func TestGenerateIsIsolated(t *testing.T) {
	for _, name := range writers {
		c := saved(t, tinyConfig(t, name))
		c.Targets = []string{model.AllLinear, "lm_head"}
		b := newBase(t, c)
		p := newPrompts(t, b, 3, 4, 2)
		for way, g := range ways(t, b) {
			t.Run(name+"/"+way, func(t *testing.T) {
				together := generate(t, b, p, g)
				lengths := map[int]bool{}
				for e := range p.Starts {
					own := generate(t, b, alone(p, e), g)[0]
					same(t, fmt.Sprint("text ", e, " alone"), own, together[e])
					lengths[len(own.IDs)] = true
				}
				if len(lengths) < 2 {
					t.Errorf("all continuations have %v tokens: none left the batch before another", lengths)
				}
				before := runtime.GOMAXPROCS(1)
				single := generate(t, b, p, g)
				runtime.GOMAXPROCS(before)
				for e := range single {
					same(t, fmt.Sprint("text ", e, " on one thread"), single[e], together[e])
				}
			})
		}
	}
}

func same(t *testing.T, what string, got, want model.Continuation) {
	t.Helper()
	if !slices.Equal(got.IDs, want.IDs) || got.Ended != want.Ended || math.Float64bits(got.Score) != math.Float64bits(want.Score) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// On a device with memory of its own the same is written.
func TestGenerateFarAway(t *testing.T) {
	for _, name := range writers {
		c := tinyConfig(t, name)
		b := newBase(t, c)
		p := newPrompts(t, b, 3)
		p.Owners[0].Adapters = nil
		far := must[*model.Base](t)(model.New(newFar(), c))
		for way, g := range ways(t, b) {
			want := generate(t, b, p, g)
			for e, got := range generate(t, far, p, g) {
				same(t, fmt.Sprint(name, ", ", way, ", text ", e), got, want[e])
			}
		}
	}
}

// With kept keys and values the model writes what it writes when it reads everything anew
// for each token.
func TestGenerateLikeFullPasses(t *testing.T) {
	for _, name := range writers {
		t.Run(name, func(t *testing.T) {
			b := newBase(t, saved(t, tinyConfig(t, name)))
			p := newPrompts(t, b, 2, 2)
			g := must[model.Generation](t)(b.Generation())
			g.MaxNew, g.EOS, g.ForcedEOS = 8, nil, model.NoToken
			continued := generate(t, b, p, g)
			g.Beams, g.LengthPenalty = 4, 0
			searched := generate(t, b, p, g)
			for e := range p.Starts {
				one := alone(p, e)
				var ids []int32
				for range g.MaxNew {
					row := behind(t, b, one, g.Start, ids)
					ids = append(ids, int32(argmax(row)))
				}
				if !slices.Equal(continued[e].IDs, ids) || continued[e].Ended {
					t.Errorf("text %d goes on with %v, by full passes with %v", e, continued[e], ids)
				}
				sum := 0.0
				for i, id := range searched[e].IDs {
					sum += logProbability(behind(t, b, one, g.Start, searched[e].IDs[:i]), id)
				}
				if math.Abs(sum-searched[e].Score) > 1e-5*math.Abs(sum) {
					t.Errorf("text %d: the best beam's score is %g, by full passes %g", e, searched[e].Score, sum)
				}
			}
		})
	}
}

// behind returns the logits behind a prompt and some ids, by a pass over all of it.
func behind(t *testing.T, b *model.Base, one *model.Prompts, start int32, ids []int32) []float32 {
	t.Helper()
	read := slices.Concat(one.Inputs.I32(), ids)
	batch := &model.Batch{Starts: []int32{0}, Owners: one.Owners}
	if b.Config().Task == "seq2seq-lm" {
		read = append([]int32{start}, ids...)
		batch.Inputs, batch.LabelStarts = one.Inputs, []int32{0}
		batch.Decoder = linalg.FromI32(read, len(read))
		batch.Labels = batch.Decoder
	} else {
		batch.Inputs = linalg.FromI32(read, len(read))
		batch.Labels = batch.Inputs
	}
	all := logits(t, b, batch, model.Unmerged)
	return all.RowRange(all.Rows()-1, all.Rows()).F32()
}

func argmax(row []float32) int {
	best := 0
	for i, v := range row {
		if v > row[best] {
			best = i
		}
	}
	return best
}

func logProbability(row []float32, id int32) float64 {
	sum := 0.0
	for _, v := range row {
		sum += math.Exp(float64(v))
	}
	return float64(row[id]) - math.Log(sum)
}

// Tokens are drawn with the probabilities that the logits and the settings give them.
func TestGenerateDraws(t *testing.T) {
	b := newBase(t, saved(t, tinyConfig(t, "gpt2")))
	p := prompts([]int32{4, 2, 19})
	row := behind(t, b, p, 0, nil)
	order := make([]int, len(row))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return int(math.Copysign(1, float64(row[j]-row[i]))) })
	for name, c := range map[string]struct {
		temperature, topP float64
		topK              int
	}{"all": {1, 0, 0}, "hot": {2, 0, 0}, "top-k": {1, 0, 3}, "top-p": {1.5, 0.6, 0}, "both": {1.5, 0.7, 6}, "one": {1, 1e-9, 0}} {
		t.Run(name, func(t *testing.T) {
			// The definition, written down once more: the softmax of the k largest, of
			// which the fewest that reach p.
			want, total, kept := make([]float64, len(row)), 0.0, 0.0
			k := len(row)
			if c.topK > 0 {
				k = c.topK
			}
			for _, i := range order[:k] {
				total += math.Exp(float64(row[i]) / c.temperature)
			}
			for _, i := range order[:k] {
				if c.topP > 0 && kept >= c.topP*total {
					break
				}
				want[i] = math.Exp(float64(row[i]) / c.temperature)
				kept += want[i]
			}
			g := must[model.Generation](t)(b.Generation())
			g.MaxNew, g.Temperature, g.TopK, g.TopP = 1, c.temperature, c.topK, c.topP
			const draws = 4000
			counts := make([]float64, len(row))
			many := prompts(slices.Repeat([][]int32{{4, 2, 19}}, draws)...)
			for _, one := range generate(t, b, many, g) {
				counts[one.IDs[0]]++
			}
			for i := range counts {
				share := want[i] / kept
				if share == 0 && counts[i] > 0 {
					t.Errorf("token %d was drawn, and may not be", i)
				}
				if got := counts[i] / draws; math.Abs(got-share) > 5*math.Sqrt(share*(1-share)/draws)+1e-12 {
					t.Errorf("token %d: drawn in %.4f of all, probability %.4f", i, got, share)
				}
			}
		})
	}
}

// What is drawn depends on the seed, the participant and the text's number.
func TestGenerateSeeds(t *testing.T) {
	b := newBase(t, tinyConfig(t, "llama"))
	g := must[model.Generation](t)(b.Generation())
	g.MaxNew, g.Temperature, g.EOS = 9, 1, nil
	p := prompts([]int32{4, 2, 19}, []int32{4, 2, 19})
	first := generate(t, b, p, g)
	again := generate(t, b, p, g)
	same(t, "again", again[0], first[0])
	if slices.Equal(first[0].IDs, first[1].IDs) {
		t.Error("two texts of one owner draw the same")
	}
	p.Numbers = []int{1, 0}
	swapped := generate(t, b, p, g)
	same(t, "the other number", swapped[0], first[1])
	p.Owners[0].Participant = "bob"
	if got := generate(t, b, p, g); slices.Equal(got[0].IDs, swapped[0].IDs) {
		t.Error("two participants draw the same")
	}
	p.Owners[0].Participant, g.Seed = "ada", 1
	if got := generate(t, b, p, g); slices.Equal(got[0].IDs, swapped[0].IDs) {
		t.Error("two seeds draw the same")
	}
}

// Text and continuation end where the context does; a prompt that fills it gets nothing.
func TestGenerateToTheContext(t *testing.T) {
	for _, beams := range []int{1, 2} {
		b := newBase(t, tinyConfig(t, "gpt2"))
		g := must[model.Generation](t)(b.Generation())
		g.MaxNew, g.Beams = 100, beams
		got := generate(t, b, prompts(make([]int32, 13), make([]int32, 16), make([]int32, 1)), g)
		for e, want := range []int{3, 0, 15} {
			if len(got[e].IDs) != want || got[e].Ended {
				t.Errorf("%d beams, text %d: %v; want %d tokens", beams, e, got[e], want)
			}
		}
	}
}

// Where no token may come next a beam search ends with what it has.
func TestBeamsWithNothingLeft(t *testing.T) {
	c := tinyConfig(t, "gpt2")
	b := newBase(t, c)
	g := must[model.Generation](t)(b.Generation())
	g.MaxNew, g.Beams, g.NoRepeat, g.EOS = 15, 2, 1, nil
	var prompt []int32
	for id := range int32(20) { // 3 of the 23 tokens are left
		prompt = append(prompt, id)
	}
	c.Path = folder(t, edited(t, tiny["gpt2"].config, "n_positions", "64"))
	got := generate(t, newBase(t, c), prompts(prompt), g)[0]
	slices.Sort(got.IDs)
	if !slices.Equal(got.IDs, []int32{20, 21, 22}) || got.Ended || math.IsInf(got.Score, 0) || got.Score >= 0 {
		t.Errorf("%v, want what was left", got)
	}
}

// generation_config.json says which tokens end and begin texts, then config.json, then the
// type of the model.
func TestGenerationTokens(t *testing.T) {
	type files map[string]string
	for name, c := range map[string]struct {
		model string
		files files
		want  model.Generation
		err   string
	}{
		"type":     {model: "bart", want: model.Generation{EOS: []int32{2}, Start: 2, ForcedBOS: -1, ForcedEOS: 2}},
		"large":    {model: "gpt2", want: model.Generation{ForcedBOS: -1, ForcedEOS: -1}},
		"config":   {"bart", files{"config.json": edited(t, edited(t, tiny["bart"].config, "eos_token_id", "7"), "forced_bos_token_id", "0")}, model.Generation{EOS: []int32{7}, Start: 2, ForcedBOS: 0, ForcedEOS: 2}, ""},
		"over it":  {"bart", files{"generation_config.json": `{"eos_token_id":[3,4,99],"forced_eos_token_id":null,"decoder_start_token_id":5,"num_beams":4}`}, model.Generation{EOS: []int32{3, 4}, Start: 5, ForcedBOS: -1, ForcedEOS: -1}, ""},
		"no token": {"gpt2", files{"generation_config.json": `{"eos_token_id":"end"}`}, model.Generation{}, `eos_token_id = "end": a token id is wanted`},
		"no list":  {"gpt2", files{"generation_config.json": `{"eos_token_id":[1.5]}`}, model.Generation{}, "a token id is wanted"},
		"no JSON":  {"gpt2", files{"generation_config.json": `[`}, model.Generation{}, "not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			config := tinyConfig(t, c.model)
			for file, text := range c.files {
				if err := os.WriteFile(filepath.Join(config.Path, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			g, err := newBase(t, config).Generation()
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || !slices.Equal(g.EOS, c.want.EOS) || g.Start != c.want.Start || g.ForcedBOS != c.want.ForcedBOS || g.ForcedEOS != c.want.ForcedEOS {
				t.Errorf("%+v %v, want %+v", g, err, c.want)
			}
			if g.Beams != 1 || g.Temperature != 0 || g.MaxNew < 1 {
				t.Errorf("%+v searches or draws unasked", g)
			}
		})
	}
}

// Settings and prompts that cannot be are refused with what is wrong.
func TestGenerateRefuses(t *testing.T) {
	for _, c := range []struct {
		model, want string
		change      func(p *model.Prompts, g *model.Generation)
	}{
		{"gpt2", "0 new tokens", func(_ *model.Prompts, g *model.Generation) { g.MaxNew = 0 }},
		{"gpt2", "the least must be the less", func(_ *model.Prompts, g *model.Generation) { g.MinNew = g.MaxNew + 1 }},
		{"gpt2", "temperature NaN", func(_ *model.Prompts, g *model.Generation) { g.Temperature = math.NaN() }},
		{"gpt2", "top-k -1", func(_ *model.Prompts, g *model.Generation) { g.TopK = -1 }},
		{"gpt2", "top-p 1.5", func(_ *model.Prompts, g *model.Generation) { g.TopP = 1.5 }},
		{"gpt2", "-2 beams", func(_ *model.Prompts, g *model.Generation) { g.Beams = -2 }},
		{"gpt2", "draws nothing", func(_ *model.Prompts, g *model.Generation) { g.Beams, g.Temperature = 2, 1 }},
		{"gpt2", "length penalty NaN", func(_ *model.Prompts, g *model.Generation) { g.LengthPenalty = math.NaN() }},
		{"gpt2", "n-grams of -1", func(_ *model.Prompts, g *model.Generation) { g.NoRepeat = -1 }},
		{"gpt2", "repetition penalty -1", func(_ *model.Prompts, g *model.Generation) { g.RepetitionPenalty = -1 }},
		{"gpt2", "the end of text is token 23", func(_ *model.Prompts, g *model.Generation) { g.EOS = []int32{23} }},
		{"gpt2", "the forced last token is token 99", func(_ *model.Prompts, g *model.Generation) { g.ForcedEOS = 99 }},
		{"gpt2", "the forced first token is token 99", func(_ *model.Prompts, g *model.Generation) { g.ForcedBOS = 99 }},
		{"bart", "the start of an answer is token -1", func(_ *model.Prompts, g *model.Generation) { g.Start = -1 }},
		{"gpt2", "there are no prompts", func(p *model.Prompts, _ *model.Generation) { p.Inputs = nil }},
		{"gpt2", "2 numbers for 1 prompts", func(p *model.Prompts, _ *model.Generation) { p.Numbers = []int{0, 1} }},
		{"gpt2", "the model's context is 16", func(p *model.Prompts, _ *model.Generation) { p.Inputs = linalg.New(linalg.I32, 17) }},
		{"bart", "the model's context is 16", func(p *model.Prompts, _ *model.Generation) { p.Inputs = linalg.New(linalg.I32, 17) }},
		{"gpt2", "token id 23", func(p *model.Prompts, _ *model.Generation) { p.Inputs.I32()[0] = 23 }},
		{"bert", "does not write text", func(*model.Prompts, *model.Generation) {}},
	} {
		b := newBase(t, tinyConfig(t, c.model))
		p, g := prompts([]int32{1, 2}), must[model.Generation](t)(b.Generation())
		c.change(p, &g)
		if _, err := b.Generate(t.Context(), p, model.Unmerged, g); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.model, err, c.want)
		}
	}
}

// A participant whose adapters give what is not finite is named, and a cancelled context
// ends the writing.
func TestGenerateFails(t *testing.T) {
	b := newBase(t, tinyConfig(t, "gpt2"))
	p := newPrompts(t, b, 1, 2)
	for _, a := range p.Owners[1].Adapters {
		for _, param := range a.Params() {
			param.Value.F32()[0] = float32(math.NaN())
		}
	}
	g := must[model.Generation](t)(b.Generation())
	for _, g.Beams = range []int{1, 2} {
		_, err := b.Generate(t.Context(), p, model.Unmerged, g)
		if err == nil || !strings.Contains(err.Error(), "participant bob: text 0: a logit is not finite") {
			t.Errorf("%d beams: error %v", g.Beams, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Generate(ctx, prompts([]int32{1}), model.Unmerged, g); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v of a cancelled context", err)
	}
}
