package coordinator_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

const (
	gpt2 = `{"model_type":"gpt2","vocab_size":11,"n_positions":6,"n_embd":4,"n_layer":1,"n_head":2}`
	bert = `{"model_type":"bert","vocab_size":11,"max_position_embeddings":6,"hidden_size":4,"intermediate_size":5,"num_hidden_layers":1,"num_attention_heads":2,"num_labels":%d}`
	bart = `{"model_type":"bart","vocab_size":11,"max_position_embeddings":6,"d_model":4,"encoder_layers":1,"decoder_layers":1,"encoder_attention_heads":2,"decoder_attention_heads":2,"encoder_ffn_dim":5,"decoder_ffn_dim":5}`
)

// textJob is a job like testJob with a tiny model of text.
func textJob(t *testing.T, config string) coordinator.Job {
	t.Helper()
	job := testJob()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	job.Model = coordinator.ModelConfig{Path: dir, Random: true}
	job.Eval = coordinator.EvalConfig{}
	return job
}

// ids is an I32 section.
func ids(name string, values ...int32) protocol.Section {
	return protocol.Section{Name: name, Tensor: linalg.FromI32(values, len(values))}
}

// textual makes a scripted participant give the sections of a batch of text, the same every
// round.
func textual(s *scripted, data protocol.Data, sections ...protocol.Section) *scripted {
	if data.Examples == 0 {
		data.Examples = 10
	}
	s.hello = func(h *protocol.Hello) { h.Data = data }
	s.batch = func(b *protocol.Batch) { b.Sections = sections }
	return s
}

var causal = protocol.Data{Task: "causal-lm", Vocabulary: 11, Longest: 6, Tokenizer: "f00d"}

// TestTextIsPacked looks at the tuples of a language model: each participant gets its own
// rows, without the last of every text, whose gradient is zero.
func TestTextIsPacked(t *testing.T) {
	job := textJob(t, gpt2)
	job.Model.Targets = []string{"c_attn", "wte"}
	b := newBench(t, job, "")
	b.cfg.Tokenizer = "f00d"
	ada := textual(b.participant("ada", 1), causal, ids("inputs", 1, 2, 3, 4, 5), ids("labels", 1, 2, 3, 4, 5), ids("starts", 0, 2))
	ben := textual(b.participant("ben", 3), causal, ids("inputs", 6, 7, 8, 9), ids("labels", 6, -100, 8, 9), ids("starts", 0))
	result := b.start().together(ada, ben)
	if !result.Language || result.Version != 2 {
		t.Errorf("result %+v", result)
	}
	for _, c := range []struct {
		s           *scripted
		rows        []int32 // ids at the embedding whose rows carry a gradient
		predictions int
	}{{ada, []int32{1, 3, 4}, 3}, {ben, []int32{6, 7, 8}, 2}} {
		if l := c.s.losses[0]; l.Rows != c.predictions || l.Loss <= 0 {
			t.Errorf("%s: loss %+v", c.s.name, l)
		}
		if len(c.s.tuples) != 2 || !c.s.tuples[1].Last {
			t.Fatalf("%s: tuples %+v", c.s.name, c.s.tuples)
		}
		x, g := c.s.tuples[1].Sections[0].Tensor, c.s.tuples[1].Sections[1]
		if !slices.Equal(x.I32(), c.rows) || g.Name != "g.transformer.wte" || !slices.Equal(g.Tensor.Shape(), []int{len(c.rows), 4}) {
			t.Errorf("%s: at the embedding x %v, %s %v", c.s.name, x.I32(), g.Name, g.Tensor.Shape())
		}
		last := c.s.commits[len(c.s.commits)-1].Sections
		i := slices.IndexFunc(last, func(s protocol.Section) bool { return s.Name == "transformer.wte.weight" })
		if i < 0 || !slices.Equal(last[i].Tensor.Shape(), []int{11, 4}) || last[i].Tensor.F32()[0] != 4 {
			t.Errorf("%s: the merged update of the table: %d", c.s.name, i)
		}
	}
}

// TestHostileText sends one participant each whose batch or data no model can take: it is
// told so, and then the job goes on with one that is right.
func TestHostileText(t *testing.T) {
	class := protocol.Data{Task: "seq-cls", Classes: 3, Vocabulary: 11, Longest: 6}
	number := protocol.Data{Task: "seq-cls", Classes: 1, Vocabulary: 11, Longest: 6}
	target := protocol.Data{Task: "seq2seq-lm", Vocabulary: 11, Longest: 6}
	floats := func(name string, values ...float32) protocol.Section {
		return protocol.Section{Name: name, Tensor: linalg.FromF32(values, len(values))}
	}
	with := func(d protocol.Data, change func(*protocol.Data)) protocol.Data { change(&d); return d }
	three := []protocol.Section{ids("inputs", 1, 2, 3), ids("labels", 1, 2, 3), ids("starts", 0, 1)}
	kinds := map[string]struct {
		config string
		data   protocol.Data
		right  []protocol.Section
	}{
		"gpt2":       {gpt2, causal, three},
		"bert":       {fmt.Sprintf(bert, 3), class, []protocol.Section{ids("inputs", 1, 2, 3), ids("labels", 0, 2), ids("starts", 0, 1)}},
		"regression": {fmt.Sprintf(bert, 1), number, []protocol.Section{ids("inputs", 1, 2, 3), floats("labels", 0.5, 2), ids("starts", 0, 1)}},
		"bart":       {bart, target, append(slices.Clone(three), ids("label_starts", 0, 2))},
	}
	// Section i of a right batch is replaced; beyond its end it is appended.
	for name, c := range map[string]struct {
		kind    string
		data    protocol.Data
		section int
		wrong   protocol.Section
		code    protocol.Code
		says    string
	}{
		"starts go back":        {"gpt2", causal, 2, ids("starts", 0, 2, 1), protocol.CodeBadData, "text 1"},
		"starts stand still":    {"gpt2", causal, 2, ids("starts", 0, 0), protocol.CodeBadData, "at least one"},
		"starts begin late":     {"gpt2", causal, 2, ids("starts", 1, 2), protocol.CodeBadData, "first is 0"},
		"starts below zero":     {"gpt2", causal, 2, ids("starts", 0, -1), protocol.CodeBadData, "text 0"},
		"starts past the end":   {"gpt2", causal, 2, ids("starts", 0, 3), protocol.CodeBadData, "text 1"},
		"starts far away":       {"gpt2", causal, 2, ids("starts", 0, math.MaxInt32), protocol.CodeBadData, "text 0"},
		"no starts":             {"gpt2", causal, 2, ids("starts"), protocol.CodeBadData, "starts [0]"},
		"starts of floats":      {"gpt2", causal, 2, floats("starts", 0, 1), protocol.CodeBadData, "f32"},
		"starts in a square":    {"gpt2", causal, 2, protocol.Section{Name: "starts", Tensor: linalg.New(linalg.I32, 1, 1)}, protocol.CodeBadData, "[1 1]"},
		"another name":          {"gpt2", causal, 2, ids("begins", 0, 1), protocol.CodeProtocol, "inputs labels starts"},
		"targets for gpt2":      {"gpt2", causal, 3, ids("label_starts", 0, 1), protocol.CodeProtocol, "sections"},
		"too many texts":        {"gpt2", causal, 2, ids("starts", 0, 1, 2, 3, 4), protocol.CodeBadData, "5 examples"},
		"unknown id":            {"gpt2", causal, 0, ids("inputs", 1, 11, 3), protocol.CodeBadData, "token id 11"},
		"negative id":           {"gpt2", causal, 0, ids("inputs", 1, -100, 3), protocol.CodeBadData, "token id -100"},
		"inputs of floats":      {"gpt2", causal, 0, floats("inputs", 1, 2, 3), protocol.CodeBadData, "f32"},
		"inputs without shape":  {"gpt2", causal, 0, protocol.Section{Name: "inputs", Tensor: linalg.New(linalg.I32)}, protocol.CodeBadData, "inputs"},
		"labels without shape":  {"gpt2", causal, 1, protocol.Section{Name: "labels", Tensor: linalg.New(linalg.I32)}, protocol.CodeBadData, "labels"},
		"no inputs":             {"gpt2", causal, 0, ids("inputs"), protocol.CodeBadData, "no examples"},
		"fewer labels":          {"gpt2", causal, 1, ids("labels", 1, 2), protocol.CodeBadData, "one"},
		"unknown label":         {"gpt2", causal, 1, ids("labels", 1, 2, 11), protocol.CodeBadData, "label 11"},
		"nothing to learn":      {"gpt2", causal, 1, ids("labels", 1, 2, -100), protocol.CodeBadData, "nothing to learn"},
		"too long":              {"gpt2", causal, 0, ids("inputs", 1, 2, 3, 4, 5, 6, 7, 8), protocol.CodeBadData, "7 tokens"},
		"unknown class":         {"bert", class, 1, ids("labels", 0, 3), protocol.CodeBadData, "label 3"},
		"a class of floats":     {"bert", class, 1, floats("labels", 0, 1), protocol.CodeBadData, "f32"},
		"a class too many":      {"bert", class, 1, ids("labels", 0, 1, 2), protocol.CodeBadData, "one"},
		"not a number":          {"regression", number, 1, floats("labels", 0, float32(math.NaN())), protocol.CodeBadData, "not finite"},
		"classes for numbers":   {"regression", class, 1, ids("labels", 0, 1), protocol.CodeBadData, "regression"},
		"targets missing":       {"bart", target, 2, ids("label_starts", 0, 1), protocol.CodeProtocol, "label_starts"},
		"an empty target":       {"bart", target, 3, ids("label_starts", 0, 0), protocol.CodeBadData, "targets"},
		"a target too many":     {"bart", target, 3, ids("label_starts", 0, 1, 2), protocol.CodeBadData, "3 starts"},
		"images":                {"gpt2", protocol.Data{Task: "image-cls", Shape: []int{2, 2, 1}, Classes: 3}, 0, three[0], protocol.CodeBadData, "causal-lm"},
		"no task":               {"gpt2", with(causal, func(d *protocol.Data) { d.Task = "" }), 0, three[0], protocol.CodeBadData, "unknown"},
		"more classes":          {"bert", with(class, func(d *protocol.Data) { d.Classes = 4 }), 0, three[0], protocol.CodeBadData, "labels reach 3"},
		"more ids":              {"gpt2", with(causal, func(d *protocol.Data) { d.Vocabulary = 12 }), 0, three[0], protocol.CodeBadData, "up to 11"},
		"longer than context":   {"gpt2", with(causal, func(d *protocol.Data) { d.Longest = 7 }), 0, three[0], protocol.CodeBadData, "--max-length 6"},
		"another tokenizer":     {"gpt2", with(causal, func(d *protocol.Data) { d.Tokenizer = "beef" }), 0, three[0], protocol.CodeBadData, "not the model's own"},
		"no tokenizer":          {"gpt2", with(causal, func(d *protocol.Data) { d.Tokenizer = "" }), 0, three[0], protocol.CodeBadData, "--tokenizer"},
		"an empty set of texts": {"gpt2", with(causal, func(d *protocol.Data) { d.Examples = -1 }), 0, three[0], protocol.CodeBadData, "no examples"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			kind := kinds[c.kind]
			job := textJob(t, kind.config)
			job.Participants, job.Rounds, job.Interval = 1, 1, 1
			b := newBench(t, job, "")
			if c.kind == "gpt2" {
				b.cfg.Tokenizer = "f00d"
			}
			b.start()
			wrong := append(slices.Clone(kind.right), protocol.Section{})[:max(len(kind.right), c.section+1)]
			wrong[c.section] = c.wrong
			wantFault(t, textual(b.participant("ada", 1), c.data, wrong...).run(b.ctx), c.code, c.says)
			b.together(textual(b.participant("ada", 1), kind.data, kind.right...))
		})
	}
}

// TestJobsThatDoNotFitTheModel ends before anybody is let in.
func TestJobsThatDoNotFitTheModel(t *testing.T) {
	ends := func(change func(*coordinator.Job)) error {
		job := textJob(t, gpt2)
		change(&job)
		b := newBench(t, job, "").start()
		<-b.ended
		return b.err
	}
	table := func(j *coordinator.Job) { j.Model.Targets = []string{"wte"} }
	for says, change := range map[string]func(*coordinator.Job){
		"no layer":              func(j *coordinator.Job) { j.Model.Targets = []string{"query"} },
		"a gpt2 does":           func(j *coordinator.Job) { j.Model.Task = "seq2seq-lm" },
		"model.safetensors":     func(j *coordinator.Job) { j.Model.Random = false },
		`solver = "ridge"`:      func(j *coordinator.Job) { table(j); j.Solver.Name, j.Adapter.Kind = "ridge", adapter.Linear },
		"no mlp adapter":        func(j *coordinator.Job) { table(j); j.Collaboration, j.Adapter.Kind = coordinator.Alone, adapter.MLP },
		"config.json: no such":  func(j *coordinator.Job) { j.Model.Path += "x" },
		"more sites (900) than": func(j *coordinator.Job) { manySites(t, j) },
	} {
		wantFault(t, ends(change), protocol.CodeJobMismatch, says)
	}
}

// manySites makes the job's model one of many layers, too many for a Welcome.
func manySites(t *testing.T, job *coordinator.Job) {
	t.Helper()
	config := strings.Replace(gpt2, `"n_layer":1`, `"n_layer":900`, 1)
	if err := os.WriteFile(filepath.Join(job.Model.Path, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTheBaseIsPartOfTheJob changes the files of the base model between restarts.
func TestTheBaseIsPartOfTheJob(t *testing.T) {
	digest := func(c model.Config) string {
		d, err := coordinator.BaseDigest(c)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir, other := t.TempDir(), t.TempDir()
	var seen []string
	for _, d := range []string{dir, other} {
		write(filepath.Join(d, "config.json"), gpt2)
		write(filepath.Join(d, "model-1-of-2.safetensors"), "one")
		write(filepath.Join(d, "model-2-of-2.safetensors"), "two")
	}
	if digest(model.Config{Path: dir}) != digest(model.Config{Path: other}) {
		t.Error("the same files elsewhere are another base")
	}
	seen = append(seen, digest(model.Config{}), digest(model.Config{Path: dir}), digest(model.Config{Path: dir, Random: true}))
	write(filepath.Join(dir, "model-2-of-2.safetensors"), "TWO")
	seen = append(seen, digest(model.Config{Path: dir}))
	write(filepath.Join(dir, "model.safetensors"), "all")
	seen = append(seen, digest(model.Config{Path: dir}))
	write(filepath.Join(dir, "model-2-of-2.safetensors"), "two") // not looked at any more
	if digest(model.Config{Path: dir}) != seen[len(seen)-1] {
		t.Error("shards count beside model.safetensors")
	}
	write(filepath.Join(dir, "config.json"), gpt2+" ")
	write(filepath.Join(dir, "story.bin"), "weights")
	seen = append(seen, digest(model.Config{Path: dir}), digest(model.Config{Path: filepath.Join(dir, "story.bin")}), digest(model.Config{Weights: filepath.Join(dir, "config.json")}))
	if slices.Sort(seen); len(slices.Compact(slices.Clone(seen))) != len(seen) || seen[0] != "" {
		t.Errorf("digests of different bases: %v", seen)
	}
	if _, err := coordinator.BaseDigest(model.Config{Path: filepath.Join(dir, "none.bin")}); err == nil {
		t.Error("a file that is not there has a digest")
	}

	job, state := textJob(t, gpt2), t.TempDir()
	job.Participants, job.Rounds = 1, 1
	ada := func(b *bench) *scripted {
		return textual(b.participant("ada", 1), causal, ids("inputs", 1, 2), ids("labels", 1, 2), ids("starts", 0))
	}
	first := newBench(t, job, state).start()
	states := ada(first)
	first.together(states)
	job.Model.Checkpointing, job.Model.Task = true, "causal-lm" // what it is anyway
	again := newBench(t, job, state).start()
	late := ada(again)
	late.states = states.states
	again.together(late)
	write(filepath.Join(job.Model.Path, "config.json"), strings.Replace(gpt2, "{", `{"layer_norm_epsilon":1e-4,`, 1))
	changed := newBench(t, job, state).start()
	<-changed.ended
	wantFault(t, changed.err, protocol.CodeJobMismatch, state)
}
