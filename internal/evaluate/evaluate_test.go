package evaluate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/evaluate"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// Every kind of model is scored on every participant's own examples as the model by itself
// scores them, however the examples are cut into passes.
func TestLossOfEveryKind(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		task   data.Task
	}{"causal": {gpt2, data.CausalLM}, "seq2seq": {bart, data.SequenceToSequence}} {
		t.Run(name, func(t *testing.T) {
			b := open(t, c.config, model.Config{Task: string(c.task)})
			ds := newTexts(c.task, 0, 17)
			alone := map[string][]adapter.Adapter{"ada": adapters(t, b, "ada", adapter.LowRank), "bob": adapters(t, b, "bob", adapter.Linear)}
			together := adapters(t, b, "all", adapter.LowRank)
			report := must[evaluate.Report](t)(evaluate.Run(t.Context(), evaluate.Config{
				Base: b, Data: ds, Categories: categories, Alone: alone, Collaborative: together, Together: 5,
			}))
			want := []evaluate.Kind{evaluate.Base, evaluate.Alone, evaluate.Merged, evaluate.Collaborative}
			if !slices.Equal(report.Kinds, want) || !slices.Equal(report.Scores, []string{"loss", "perplexity"}) {
				t.Errorf("kinds %v, scores %v", report.Kinds, report.Scores)
			}
			if len(report.Participants) != 2 { // squares leave 0 and 1 by three
				t.Fatalf("lines %+v", report.Participants)
			}
			for k, line := range report.Participants {
				own := ds.of(k)
				if line.Name != categories[k] || line.Examples != len(own) {
					t.Errorf("line %d: %s, %d examples", k, line.Name, line.Examples)
				}
				near(t, "base", line.Scores[evaluate.Base]["loss"], loss(t, b, ds, own, model.Merged, nil))
				near(t, "perplexity", line.Scores[evaluate.Base]["perplexity"], math.Exp(float64(line.Scores[evaluate.Base]["loss"])))
				near(t, "alone", line.Scores[evaluate.Alone]["loss"], loss(t, b, ds, own, model.Unmerged, alone[line.Name]))
			}
			near(t, "overall", report.Overall.Scores[evaluate.Base]["loss"], loss(t, b, ds, all(ds), model.Merged, nil))
			for kind, merged := range map[evaluate.Kind][]model.Delta{
				evaluate.Merged:        deltas(t, b, 0.5, alone["ada"], alone["bob"]),
				evaluate.Collaborative: deltas(t, b, 1, together),
			} {
				if err := b.Merge(merged); err != nil {
					t.Fatal(err)
				}
				near(t, string(kind), report.Overall.Scores[kind]["loss"], loss(t, b, ds, all(ds), model.Merged, nil))
				for k, line := range report.Participants {
					near(t, string(kind), line.Scores[kind]["loss"], loss(t, b, ds, ds.of(k), model.Merged, nil))
				}
				b.Unmerge()
			}
		})
	}
}

// What a model writes is held against the references: its own text is an exact match.
func TestGeneratedTexts(t *testing.T) {
	b := open(t, gpt2, model.Config{})
	ds := newTexts(data.CausalLM, 0, 12)
	decode := func(ids []int32) string { return " " + strings.Trim(fmt.Sprint(ids), "[]") }
	alone := map[string][]adapter.Adapter{"bob": adapters(t, b, "bob", adapter.LowRank)}
	g := must[model.Generation](t)(b.Generation())
	g.MaxNew = 4
	for _, i := range ds.of(1) { // what bob's adapters write
		p := &model.Prompts{Inputs: linalg.FromI32(ds.inputs[i][:2], 2), Starts: []int32{0}, Owners: []model.Owner{{Participant: "bob", Hi: 1, Adapters: alone["bob"]}}}
		written := must[[]model.Continuation](t)(b.Generate(t.Context(), p, model.Unmerged, g))
		ds.references[i] = []string{strings.TrimSpace(decode(written[0].IDs))}
	}
	ds.references[0] = nil // nothing to hold against
	g.MaxNew = 0
	report := must[evaluate.Report](t)(evaluate.Run(t.Context(), evaluate.Config{
		Base: b, Data: ds, Categories: categories, Task: "dolly", Metrics: []string{"exact_match", "rougeL"}, Alone: alone, Decode: decode, Generation: g,
	}))
	if !slices.Equal(report.Scores, []string{"loss", "exact_match", "rougeL"}) || !slices.Equal(report.Kinds, []evaluate.Kind{evaluate.Base, evaluate.Alone}) {
		t.Errorf("scores %v of %v", report.Scores, report.Kinds)
	}
	bob := report.Participants[1]
	near(t, "bob's exact match", bob.Scores[evaluate.Alone]["exact_match"], 1)
	near(t, "bob's ROUGE-L", bob.Scores[evaluate.Alone]["rougeL"], 1)
	if base := bob.Scores[evaluate.Base]["exact_match"]; base > 0.5 {
		t.Errorf("the base model writes what bob's adapters write in %g of all", base)
	}
	if ada := report.Participants[0]; ada.Scores[evaluate.Alone] != nil {
		t.Errorf("ada has no adapters, and %v", ada.Scores)
	}
}

// Classifiers and regressions are scored by their tasks' metrics.
func TestClassifiers(t *testing.T) {
	b := open(t, roberta, model.Config{Task: "seq-cls", Classes: 2})
	ds := newTexts(data.SequenceClassification, 2, 20)
	alone := map[string][]adapter.Adapter{"ada": adapters(t, b, "ada", adapter.LowRank), "bob": adapters(t, b, "bob", adapter.MLP)}
	report := must[evaluate.Report](t)(evaluate.Run(t.Context(), evaluate.Config{Base: b, Data: ds, Task: "mrpc", Alone: alone, Together: 3}))
	// An MLP cannot be merged.
	if !slices.Equal(report.Kinds, []evaluate.Kind{evaluate.Base, evaluate.Alone}) || !slices.Equal(report.Scores, []string{"loss", "accuracy", "f1"}) {
		t.Errorf("kinds %v, scores %v", report.Kinds, report.Scores)
	}
	for _, line := range report.Participants {
		if line.Examples != 20 {
			t.Errorf("%s has %d examples of 20", line.Name, line.Examples)
		}
		near(t, "base", line.Scores[evaluate.Base]["loss"], loss(t, b, ds, all(ds), model.Merged, nil))
		near(t, "alone", line.Scores[evaluate.Alone]["loss"], loss(t, b, ds, all(ds), model.Unmerged, alone[line.Name]))
		x := ds.Batch(all(ds))
		r := must[model.Result](t)(b.Evaluate(&model.Batch{Inputs: x.Inputs, Starts: x.Starts, Labels: x.Labels,
			Owners: []model.Owner{{Participant: "p", Hi: 20, Adapters: alone[line.Name], Scale: 1}}}, model.Unmerged))
		near(t, "accuracy", line.Scores[evaluate.Alone]["accuracy"], float64(r.Correct[0])/20)
	}
	if o := report.Overall; o.Examples != 40 {
		t.Errorf("overall %d examples", o.Examples)
	}

	b = open(t, roberta, model.Config{Task: "seq-cls", Classes: 1})
	ds = newTexts(data.SequenceClassification, 1, 9)
	report = must[evaluate.Report](t)(evaluate.Run(t.Context(), evaluate.Config{Base: b, Data: ds, Task: "stsb", Examples: 7}))
	line := report.Participants[0]
	if line.Name != "all" || line.Examples != 7 || !slices.Equal(report.Scores, []string{"loss", "pearson", "spearmanr"}) {
		t.Errorf("%+v", report)
	}
	near(t, "squared error", line.Scores[evaluate.Base]["loss"], loss(t, b, ds, all(ds)[:7], model.Merged, nil))
}

// Images are evaluated too.
func TestImages(t *testing.T) {
	b := open(t, "", model.Config{Type: "linear", Input: []int{4, 4, 1}, Classes: 3, Seed: 1})
	ds := data.Synthetic(50, []int{4, 4, 1}, 3, 1)
	report := must[evaluate.Report](t)(evaluate.Run(t.Context(), evaluate.Config{Base: b, Data: ds}))
	near(t, "base", report.Overall.Scores[evaluate.Base]["loss"], loss(t, b, ds, all(ds), model.Merged, nil))
	if !slices.Equal(report.Scores, []string{"loss", "accuracy", "macro_f1"}) {
		t.Errorf("scores %v", report.Scores)
	}
}

// The base model is as it was, and a cancelled context or a diverged model is an error.
func TestFailures(t *testing.T) {
	b := open(t, roberta, model.Config{Task: "seq-cls"})
	ds := newTexts(data.SequenceClassification, 2, 8)
	before := loss(t, b, ds, all(ds), model.Merged, nil)
	c := evaluate.Config{Base: b, Data: ds, Collaborative: adapters(t, b, "all", adapter.LowRank)}
	must[evaluate.Report](t)(evaluate.Run(t.Context(), c))
	if after := loss(t, b, ds, all(ds), model.Merged, nil); after != before {
		t.Errorf("the base model's loss was %g and is %g", before, after)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := evaluate.Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v of a cancelled context", err)
	}
	for _, a := range c.Collaborative {
		a.Params()[0].Value.F32()[0] = float32(math.NaN())
	}
	_, err := evaluate.Run(t.Context(), c)
	if diverged, ok := errors.AsType[*model.DivergedError](err); !ok || diverged.Participant != "all" {
		t.Errorf("error %v of adapters that are not finite", err)
	}
	c.Collaborative = adapters(t, b, "all", adapter.MLP)
	if _, err := evaluate.Run(t.Context(), c); !errors.Is(err, adapter.ErrNotMergeable) {
		t.Errorf("error %v of a merged update that is an MLP", err)
	}
}

// What does not go together is refused before anything is computed.
func TestRefusals(t *testing.T) {
	b := open(t, gpt2, model.Config{})
	images := open(t, "", model.Config{Type: "linear", Input: []int{4, 4, 1}, Classes: 3})
	for want, change := range map[string]func(c *evaluate.Config){
		"for seq-cls and the model was opened for causal-lm": func(c *evaluate.Config) { c.Data = newTexts(data.SequenceClassification, 2, 3) },
		"the tokenizer has ids up to 98":                     func(c *evaluate.Config) { c.Data = format{c.Data, data.Format{Task: data.CausalLM, Vocabulary: 99}} },
		"the model's context is 24":                          func(c *evaluate.Config) { c.Data = format{c.Data, data.Format{Task: data.CausalLM, Longest: 25}} },
		"there are no examples":                              func(c *evaluate.Config) { c.Data = newTexts(data.CausalLM, 0, 0) },
		"adapters of eve, and no examples":                   func(c *evaluate.Config) { c.Alone = map[string][]adapter.Adapter{"eve": nil} },
		"no examples of that category":                       func(c *evaluate.Config) { c.Alone = map[string][]adapter.Adapter{"cyd": {}} },
		`metric "f1": those of causal-lm are rougeL`:         func(c *evaluate.Config) { c.Metrics = []string{"f1"} },
		`"dance" is no task`:                                 func(c *evaluate.Config) { c.Task = "dance" },
		"images [2 2 1] do not fit":                          func(c *evaluate.Config) { c.Base, c.Data = images, data.Synthetic(5, []int{2, 2, 1}, 3, 1) },
		"5 classes and the model 3":                          func(c *evaluate.Config) { c.Base, c.Data = images, data.Synthetic(5, []int{4, 4, 1}, 5, 1) },
		"generates nothing": func(c *evaluate.Config) {
			c.Base, c.Data, c.Decode = images, data.Synthetic(5, []int{4, 4, 1}, 3, 1), func([]int32) string { return "" }
		},
		"no prompts": func(c *evaluate.Config) {
			c.Data, c.Decode = format{c.Data, c.Data.Format()}, func([]int32) string { return "" }
		},
	} {
		c := evaluate.Config{Base: b, Data: newTexts(data.CausalLM, 0, 6), Categories: categories}
		change(&c)
		if _, err := evaluate.Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// A table has a line a participant and a column a kind; JSON has null for what is no number.
func TestReport(t *testing.T) {
	r := evaluate.Report{
		Kinds:  []evaluate.Kind{evaluate.Base, evaluate.Alone},
		Scores: []string{"loss", "rougeL"},
		Participants: []evaluate.Line{
			{Name: "ada", Examples: 3, Scores: map[evaluate.Kind]map[string]evaluate.Number{
				evaluate.Base: {"loss": 2.5, "rougeL": 0.25}, evaluate.Alone: {"loss": 1.25, "rougeL": 0.5},
			}},
			{Name: "creative writing", Examples: 12, Scores: map[evaluate.Kind]map[string]evaluate.Number{
				evaluate.Base: {"loss": evaluate.Number(math.NaN()), "rougeL": 0.125},
			}},
		},
		Overall: evaluate.Line{Name: "overall", Examples: 15, Scores: map[evaluate.Kind]map[string]evaluate.Number{
			evaluate.Base: {"loss": 2, "rougeL": 0.15}, evaluate.Alone: {"loss": 1.25, "rougeL": 0.5},
		}},
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	want := `loss              examples    base   alone
ada                      3  2.5000  1.2500
creative writing        12     NaN       -
overall                 15  2.0000  1.2500

rougeL            examples    base   alone
ada                      3  0.2500  0.5000
creative writing        12  0.1250       -
overall                 15  0.1500  0.5000
`
	if table.String() != want {
		t.Errorf("table\n%s\nwant\n%s", &table, want)
	}
	text := must[[]byte](t)(json.Marshal(r))
	var back map[string]any
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if keys := slices.Sorted(maps.Keys(back)); !slices.Equal(keys, []string{"kinds", "overall", "participants", "scores"}) {
		t.Errorf("fields %v", keys)
	}
	if !strings.Contains(string(text), `"base":{"loss":null,"rougeL":0.125}`) {
		t.Errorf("JSON %s", text)
	}
	if err := r.WriteTable(broken{}); err == nil {
		t.Error("a table goes to a broken pipe without an error")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }
