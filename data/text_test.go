package data_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gradientlearning/cola/data"
)

// oneDolly opens a row with a context and a response of so many words.
func oneDolly(t *testing.T, w *words, rules data.Rules, context, response int) *data.Text {
	t.Helper()
	count := func(letter string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, " %s%d", letter, i)
		}
		return strings.TrimSpace(b.String())
	}
	content := fmt.Sprintf(`{"instruction": "do", "context": %q, "response": %q, "category": "open_qa"}`, count("c", context), count("r", response))
	return openText(t, "dolly:"+written(t, "dolly.jsonl", content), data.TextOptions{Tokenizer: w, Rules: rules})
}

// TestDefaultRules: the prompt has 5 tokens before its context and the 3 of its marker
// behind, so that context and response share the rest.
func TestDefaultRules(t *testing.T) {
	tests := []struct {
		context, response int
		input             string
		learnt            int
		truncated         int
	}{
		{4, 3, "instruction: do context: c0 c1 c2 c3 response: r0 r1 r2<eos>", 4, 0},
		{5, 3, "instruction: do context: c0 c1 c2 c3 response: r0 r1 r2<eos>", 4, 1},
		{2, 5, "instruction: do context: c0 c1 response: r0 r1 r2 r3 r4<eos>", 6, 0},
		{2, 6, "instruction: do context: c0 response: r0 r1 r2 r3 r4 r5<eos>", 7, 1},
		{99, 6, "instruction: do context: c0 response: r0 r1 r2 r3 r4 r5<eos>", 7, 1},
		{2, 8, "instruction: do context: response: r0 r1 r2 r3 r4 r5 r6 r7", 8, 1},
		{99, 99, "instruction: do context: response: r0 r1 r2 r3 r4 r5 r6 r7", 8, 1},
		{1, 99, "instruction: do context: response: r0 r1 r2 r3 r4 r5 r6 r7", 8, 1},
	}
	for _, tt := range tests {
		w := newWords()
		ds := oneDolly(t, w, data.DefaultRules(16), tt.context, tt.response)
		b := ds.Batch([]int{0})
		if got := w.text(b.Inputs.I32()); got != tt.input {
			t.Errorf("%d and %d words are %q, want %q", tt.context, tt.response, got, tt.input)
		}
		learnt := 0
		for i, label := range b.Labels.I32() {
			if label != data.Ignored {
				learnt++
				if label != b.Inputs.I32()[i] {
					t.Errorf("label %d is %d, and the token %d", i, label, b.Inputs.I32()[i])
				}
			}
		}
		if learnt != tt.learnt || ds.Truncated() != tt.truncated || ds.Format().Longest != len(b.Inputs.I32()) {
			t.Errorf("%d and %d words: %d are learnt, %d examples truncated, the longest has %d", tt.context, tt.response, learnt, ds.Truncated(), ds.Format().Longest)
		}
		if prompt := w.text(ds.Example(0).Prompt); !strings.HasSuffix(prompt, " response: ") || len(ds.Example(0).Prompt) > 16 {
			t.Errorf("the prompt is %q", prompt)
		}
	}
}

// TestPaperRules: as the code of the ColA paper does it, with 16 tokens for its 128.
func TestPaperRules(t *testing.T) {
	rules := data.PaperRules()
	if rules.Longest != 128 {
		t.Errorf("the paper has %d tokens", rules.Longest)
	}
	rules.Longest = 16
	tests := []struct {
		context, response int
		input, prompt     string
		truncated         int
	}{
		{4, 4, "instruction: do context: c0 c1 c2 c3 response: r0 r1 r2 r3", "instruction: do context: c0 c1 c2 c3 response: ", 0},
		{4, 5, ": do context: c0 c1 c2 c3 response: r0 r1 r2 r3 r4", "instruction: do context: c0 c1 c2 c3 response: ", 1},
		{12, 3, " context: c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10r0 r1 r2", "instruction: do context: c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10", 1},
		{2, 20, "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 r13 r14 r15", "instruction: do context: c0 c1 response: ", 1},
	}
	for _, tt := range tests {
		w := newWords()
		ds := oneDolly(t, w, rules, tt.context, tt.response)
		if got := w.text(ds.Batch([]int{0}).Inputs.I32()); got != tt.input {
			t.Errorf("%d and %d words are %q, want %q", tt.context, tt.response, got, tt.input)
		}
		if got := w.text(ds.Example(0).Prompt); got != tt.prompt || ds.Truncated() != tt.truncated {
			t.Errorf("%d and %d words: the prompt is %q, %d are truncated", tt.context, tt.response, got, ds.Truncated())
		}
	}
	llama := &words{ids: map[string]int32{}, before: "<s>", eos: "</s>"}
	ds := oneDolly(t, llama, rules, 1, 2)
	if got := llama.text(ds.Batch([]int{0}).Inputs.I32()); got != "<s>instruction: do context: c0 response: <s>r0 r1" {
		t.Errorf("with a tokenizer as Llama's it is %q", got)
	}
}

func TestRules(t *testing.T) {
	w := newWords()
	rules := data.DefaultRules(64)
	rules.PromptLoss, rules.EndOfText = true, false
	if labels := oneDolly(t, w, rules, 1, 1).Batch([]int{0}).Labels.I32(); slices.Contains(labels, data.Ignored) {
		t.Errorf("with the loss on prompts the labels are %v", labels)
	}
	llama := &words{ids: map[string]int32{}, before: "<s>", eos: "</s>"}
	if got := llama.text(oneDolly(t, llama, data.DefaultRules(64), 1, 1).Batch([]int{0}).Inputs.I32()); got != "<s>instruction: do context: c0 response: r0</s>" {
		t.Errorf("with a tokenizer as Llama's it is %q", got)
	}
	for _, longest := range []int{0, 7, 1 << 25} {
		_, err := data.OpenText("dolly:x", data.TextOptions{Tokenizer: w, Rules: data.DefaultRules(longest)})
		wantFault(t, err, fmt.Sprintf("at most %d tokens", longest))
	}
}

// TestTargetsAreCut: a text is cut inside what is put around it, and fpb's targets have 3
// tokens in the paper.
func TestTargetsAreCut(t *testing.T) {
	w := framed()
	path := written(t, "a.jsonl", `{"dialogue": "a b c d e f g h", "summary": "x y z a b c d e f"}`)
	ds := openText(t, "samsum:"+path, data.TextOptions{Tokenizer: w, Rules: data.DefaultRules(8)})
	wantRows(t, w, ds, row{Input: "<s>a b c d e f</s>", Target: "<s>x y z a b c</s>", References: []string{"x y z a b c d e f"}})
	if ds.Truncated() != 1 || ds.Format().Longest != 8 {
		t.Errorf("%d truncated, longest %d", ds.Truncated(), ds.Format().Longest)
	}
	phrase := written(t, "a.jsonl", `{"sentence": "a b", "label": "positive"}`)
	split := &words{ids: map[string]int32{}, before: "<", after: "!>", eos: "!>"}
	rules := data.PaperRules()
	ds = openText(t, "fpb:"+phrase, data.TextOptions{Tokenizer: split, Rules: rules})
	wantRows(t, split, ds, row{Input: "<a b!>", Target: "<positive!>", Label: 2, References: []string{"positive"}})
	bare := newWords()
	ds = openText(t, "fpb:"+phrase, data.TextOptions{Tokenizer: bare, Rules: data.DefaultRules(64)})
	wantRows(t, bare, ds, row{Input: "a b", Target: "positive<eos>", Label: 2, References: []string{"positive"}})
	classes := openText(t, "cola:"+written(t, "a.jsonl", `{"sentence": "a b c d e f g h", "label": 1}`), data.TextOptions{Tokenizer: w, Rules: data.DefaultRules(8)})
	wantRows(t, w, classes, row{Input: "<s>sentence: a b c d</s>", Label: 1})
	if classes.Truncated() != 1 || classes.Tokens() != 8 {
		t.Errorf("%d truncated, %d tokens", classes.Truncated(), classes.Tokens())
	}
}

// TestBatchIsPacked: examples lie behind each other, whatever is in the batch with them.
func TestBatchIsPacked(t *testing.T) {
	w := framed()
	ds := openText(t, "samsum:"+written(t, "a.jsonl", `{"dialogue": "a b c", "summary": "x"}
{"dialogue": "d", "summary": "y z"}
`), data.TextOptions{Tokenizer: w, Rules: data.DefaultRules(64)})
	b := ds.Batch([]int{1, 0, 1})
	if got := w.text(b.Inputs.I32()); got != "<s>d</s><s>a b c</s><s>d</s>" {
		t.Errorf("inputs %q", got)
	}
	if got := w.text(b.Labels.I32()); got != "<s>y z</s><s>x</s><s>y z</s>" {
		t.Errorf("targets %q", got)
	}
	if diff := cmp.Diff([][]int32{{0, 3, 8}, {0, 4, 7}}, [][]int32{b.Starts, b.LabelStarts}); diff != "" {
		t.Errorf("starts (-want +got):\n%s", diff)
	}
	whole, part := openText(t, "dolly:"+written(t, "d.jsonl", dollyRows), data.TextOptions{Tokenizer: w, Rules: data.DefaultRules(64)}), []int{0, 1}
	c := whole.Batch(part)
	if diff := cmp.Diff(slices.Concat(whole.Batch(part[:1]).Labels.I32(), whole.Batch(part[1:]).Labels.I32()), c.Labels.I32()); diff != "" || c.LabelStarts != nil {
		t.Errorf("labels depend on the batch (-want +got):\n%s", diff)
	}
}
