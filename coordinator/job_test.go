package coordinator_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

func TestDefaultJobIsTheMNISTExample(t *testing.T) {
	example, err := coordinator.ReadJob(filepath.Join("..", "examples", "mnist", "job.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(coordinator.DefaultJob(), example); diff != "" {
		t.Errorf("examples/mnist/job.toml is not the default job (-default +example):\n%s", diff)
	}
}

// TestDocumentedJob reads the job file that docs/job-file.md prints: every key is known,
// and, but for its override, its values are the defaults.
func TestDocumentedJob(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "job-file.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```toml\n")
	text, _, _ = strings.Cut(text, "```")
	got, err := coordinator.ParseJob([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Adapter.Override) != 1 {
		t.Fatalf("overrides: %+v", got.Adapter.Override)
	}
	got.Adapter.Override = nil
	if want := coordinator.DefaultJob(); !cmp.Equal(got, want, cmpopts.EquateEmpty()) {
		t.Errorf("docs/job-file.md does not state the defaults:\n%s", cmp.Diff(want, got, cmpopts.EquateEmpty()))
	}
}

// TestDocumentedTextJob reads the defaults that docs/job-file.md states for models of text.
func TestDocumentedTextJob(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "job-file.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "## Models of text")
	_, text, _ := strings.Cut(rest, "```toml\n")
	text, _, _ = strings.Cut(text, "```")
	// Without a path it is read over the defaults for images: all that differs must be there.
	got, _ := coordinator.ParseJob([]byte(text)) // no image classifier has 0 classes
	got.Model.Type, got.Model.Input = "", nil
	want := coordinator.DefaultTextJob()
	if !cmp.Equal(got, want, cmpopts.EquateEmpty()) {
		t.Errorf("docs/job-file.md does not state the defaults for text:\n%s", cmp.Diff(want, got, cmpopts.EquateEmpty()))
	}
	want.Model.Path = "gpt2"
	short, err := coordinator.ParseJob([]byte("[model]\npath = \"gpt2\""))
	if err != nil || !cmp.Equal(short, want, cmpopts.EquateEmpty()) {
		t.Errorf("a job with a path alone, %v:\n%s", err, cmp.Diff(want, short, cmpopts.EquateEmpty()))
	}
}

func TestParseJobRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":         {"roundz = 3", `line 1: unknown key "roundz"; the nearest known key is "rounds"`},
		"unknown nested key":  {"[optimizer]\nlearningrate = 3", `unknown key "optimizer.learningrate"; the nearest known key is "optimizer.learning_rate"`},
		"syntax":              {"rounds = ", "line 1"},
		"type":                {`rounds = "many"`, "line 1"},
		"duration":            {`deadline = "soon"`, `write it like "30s"`},
		"no rounds":           {"rounds = 0", "rounds must be at least 1"},
		"no participants":     {"participants = 0", "participants must be at least 1"},
		"quorum too large":    {"quorum = 9\ndeadline = \"1s\"", "quorum = 9"},
		"quorum, no deadline": {"quorum = 2", "needs a deadline"},
		"negative deadline":   {`deadline = "-1s"`, "deadline must not be negative"},
		"interval":            {"interval = 0", "interval must be at least 1"},
		"batch":               {"batch = 0", "batch must be at least 1"},
		"name":                {`name = "../x"`, "name"},
		"alone merged":        {"collaboration = \"alone\"\nmode = \"merged\"", `use mode = "unmerged"`},
		"joint of many":       {`collaboration = "joint"`, "one participant with all the data, not 8"},
		"collaborative alone": {`mode = "unmerged"`, `needs mode = "merged"`},
		"collaboration":       {`collaboration = "together"`, "use alone, joint, collaborative"},
		"mode":                {"collaboration = \"alone\"\nmode = \"mixed\"", "use detached, unmerged, merged"},
		"loss":                {`loss = "sum"`, "use participant, batch"},
		"merge weights":       {`merge_weights = "rows"`, "use uniform, examples"},
		"model":               {"[model]\ntype = \"gpt5\"", "[model]"},
		"adapter":             {"[adapter]\nkind = \"prefix\"", "[adapter]"},
		"mlp merged":          {"[adapter]\nkind = \"mlp\"", "cannot be merged"},
		"override":            {"[[adapter.override]]\nkind = \"linear\"", "names no participants"},
		"override kind":       {"[[adapter.override]]\nparticipants = [\"a\"]\nkind = \"mlp\"", "[[adapter.override]] of a"},
		"ridge of low-rank":   {"[adapter]\nkind = \"low-rank\"\n[solver]\nname = \"ridge\"", "solves linear adapters only"},
		"solver":              {"[solver]\nname = \"newton\"", "[solver]"},
		"optimizer":           {"[optimizer]\nname = \"lion\"", "[optimizer]"},
		"schedule":            {"[schedule]\nname = \"step\"", "[schedule]"},
		"wire":                {"[wire]\nx = \"f16\"", `use "f32", "bf16" or "int8"`},
		"broadcast":           {"[wire]\nbroadcast = \"never\"", "use commit, end"},
		"type of text":        {"[model]\npath = \"gpt2\"\ntype = \"mlp\"", "config.json says it"},
		"task":                {"[model]\npath = \"gpt2\"\ntask = \"chat\"", "seq2seq-lm"},
		"task of images":      {"[model]\ntask = \"causal-lm\"", "have a path"},
		"keep":                {"[eval]\nkeep = \"first\"", "use last, best"},
		"best of nothing":     {"[eval]\nkeep = \"best\"", "needs validation or validation_share"},
		"rules":               {"[eval]\nrules = \"my own\"", "use default, paper"},
		"maximum length":      {"[eval]\nmax_length = 3", "between 8"},
		"share":               {"[eval]\nvalidation_share = 1.5", "below 1"},
		"share of nothing":    {"[eval]\ndata = \"\"\nvalidation_share = 0.5", "is a share of data"},
		"eval":                {"[eval]\nexamples = -1", "[eval] examples and final"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := coordinator.ParseJob([]byte(c.text))
			f, ok := errors.AsType[*protocol.Fault](err)
			if !ok || f.Code != protocol.CodeBadJob {
				t.Fatalf("got %v, expected a bad-job fault", err)
			}
			if !strings.Contains(f.Cause, c.want) {
				t.Errorf("cause %q does not contain %q", f.Cause, c.want)
			}
			if f.Fix == "" {
				t.Error("no fix")
			}
		})
	}
}

func TestReadJobNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "job.toml")
	if _, err := coordinator.ReadJob(path); protocol.AsFault(err).Code != protocol.CodeBadJob {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte("rounds = 0"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := coordinator.ReadJob(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v does not name %s", err, path)
	}
}

func TestJobID(t *testing.T) {
	id := coordinator.DefaultJob().ID("")
	operational := coordinator.DefaultJob()
	operational.Quorum, operational.Deadline = 4, coordinator.Duration(time.Second)
	operational.Eval = coordinator.EvalConfig{}
	operational.Mode = model.Merged // what it is anyway
	operational.Model.Checkpointing, operational.Model.CheckpointBlocks = true, 3
	if operational.ID("") != id {
		t.Error("quorum, deadline, evaluation, checkpointing or the default mode spelt out change the job's identity")
	}
	if id != "ac1da438f15500aa" {
		t.Errorf("the identity of the default job was ac1da438f15500aa, and is %s: state folders of it cannot be continued", id)
	}
	other := coordinator.DefaultJob()
	other.Optimizer.LearningRate *= 2
	if other.ID("") == id {
		t.Error("the learning rate does not change the job's identity")
	}
}

func TestSpecOverride(t *testing.T) {
	job := coordinator.DefaultJob()
	job.Adapter.Override = []coordinator.AdapterOverride{
		{Participants: []string{"p1", "p2"}, Kind: adapter.LowRank, Rank: 4},
		{Participants: []string{"p2"}, Rank: 2},
	}
	for name, want := range map[string]adapter.Spec{
		"p0": {Kind: adapter.Linear, Rank: 8, Scale: 1, Bias: true},
		"p1": {Kind: adapter.LowRank, Rank: 4, Scale: 1, Bias: true},
		"p2": {Kind: adapter.LowRank, Rank: 2, Scale: 1, Bias: true},
	} {
		if diff := cmp.Diff(want, job.Spec(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
