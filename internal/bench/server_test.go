package bench_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/internal/bench"
	"github.com/gradientlearning/cola/linalg"
)

// serve returns the answers to requests, without the line that says that the model is there.
func serve(t *testing.T, dev linalg.Device, requests string) []bench.Answer {
	t.Helper()
	var out strings.Builder
	if err := (bench.Server{Arch: folder(t, "gpt2")}).Run(dev, strings.NewReader(requests), &out); err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(strings.NewReader(out.String()))
	var ready struct {
		Ready   bool  `json:"ready"`
		Weights int64 `json:"weights_bytes"`
	}
	if err := lines.Decode(&ready); err != nil || !ready.Ready || ready.Weights <= 0 {
		t.Fatalf("%+v, %v", ready, err)
	}
	var list []bench.Answer
	for lines.More() {
		var a bench.Answer
		if err := lines.Decode(&a); err != nil {
			t.Fatal(err)
		}
		list = append(list, a)
	}
	return list
}

// Requests are answered one after another, what is wrong with one is said, and a pass that
// delivers tuples has as many rows as it has tokens with a gradient, for each group of sites.
func TestServer(t *testing.T) {
	answers := serve(t, linalg.NewCPU(), `
		{"batch": 2, "seq": 5, "participants": 3, "mode": "unmerged", "adapter": "low-rank", "rank": 2, "tuples": true, "repeats": 2}
		{"batch": 2, "seq": 5, "participants": 3, "mode": "merged", "adapter": "linear", "warmup": 1, "repeats": 1}
		{"batch": 1, "seq": 5, "participants": 1, "waiting": 2, "mode": "unmerged", "adapter": "mlp", "hidden": [4], "repeats": 1}
		{"batch": 1, "seq": 5, "participants": 1, "mode": "merged", "adapter": "mlp", "hidden": [4], "repeats": 1}
		{"batch": 1, "participants": 1, "mode": "merged", "adapter": "linear", "repeats": 1}
		{"batch": 1, "seq": 5, "participants": 1, "mode": "unmerged", "adapter": "mlp", "hidden": [4], "repeats": 1}`)
	if len(answers) != 6 {
		t.Fatalf("%d answers", len(answers))
	}
	first := answers[0]
	if first.Tokens != 30 || len(first.Seconds) != 2 || first.Rows != 2*3*2*4 || !(first.Flops > 0) || first.Weights <= 0 || first.Taken != 0 {
		t.Errorf("%+v", first)
	}
	if merged := answers[1]; merged.Error != "" || merged.Rows != 0 || !(merged.Flops < first.Flops) {
		t.Errorf("%+v", merged)
	}
	for i, want := range []string{"an mlp adapter cannot be merged", "texts of 0 tokens"} {
		if !strings.Contains(answers[3+i].Error, want) {
			t.Errorf("%q, want %q", answers[3+i].Error, want)
		}
	}
	// An MLP of 8-4-24 with biases at each of two sites, in float32, of two who wait.
	held := answers[2].Planned - answers[5].Planned
	if want := int64(2 * 2 * 4 * (8*4 + 4 + 4*24 + 24)); held != want {
		t.Errorf("adapters of two who wait take %d bytes, want %d", held, want)
	}
	if err := (bench.Server{Arch: "nowhere"}).Run(linalg.NewCPU(), strings.NewReader(""), &strings.Builder{}); err == nil {
		t.Error("a model that there is not was served")
	}
	if err := (bench.Server{Arch: folder(t, "gpt2")}).Run(linalg.NewCPU(), strings.NewReader("1"), &strings.Builder{}); err == nil {
		t.Error("a number was taken for a request")
	}
}

// counted is the CPU with a driver that counts: each look finds another megabyte taken.
type counted struct {
	linalg.Device
	taken int64
}

func (c *counted) Memory() (free, total int64, err error) {
	c.taken += 1 << 20
	return 1<<30 - c.taken, 1 << 30, nil
}

func (c *counted) Trim() error { c.taken--; return nil }

// What is taken of a device is told against what was before the model was made.
func TestServerMemory(t *testing.T) {
	answers := serve(t, &counted{Device: linalg.NewCPU()}, `{"batch": 1, "seq": 5, "participants": 1, "mode": "merged", "adapter": "linear", "repeats": 1}`)
	if got, want := answers[0].Taken, int64(2<<20-1); got != want {
		t.Errorf("%d bytes taken, want %d", got, want)
	}
}
