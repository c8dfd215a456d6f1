package bench_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/bench"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/dryrun"
	"github.com/gradientlearning/cola/model"
)

// configs are small models of every kind of batch.
var configs = map[string]string{
	"gpt2":    `{"model_type":"gpt2","vocab_size":40,"n_positions":32,"n_embd":8,"n_layer":2,"n_head":2}`,
	"llama":   `{"model_type":"llama","vocab_size":40,"max_position_embeddings":32,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1}`,
	"roberta": `{"model_type":"roberta","architectures":["RobertaForSequenceClassification"],"vocab_size":40,"max_position_embeddings":34,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":1,"num_attention_heads":2}`,
	"bart":    `{"model_type":"bart","vocab_size":40,"max_position_embeddings":32,"d_model":8,"encoder_layers":1,"decoder_layers":1,"encoder_attention_heads":2,"decoder_attention_heads":2,"encoder_ffn_dim":12,"decoder_ffn_dim":12}`,
}

func folder(t *testing.T, name string) string {
	t.Helper()
	return written(t, configs[name])
}

func written(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

var twice = bench.Repeats{Warmup: 1, Count: 2}

var lowRank = adapter.Spec{Kind: adapter.LowRank, Rank: 2}

// TestArchitectures holds the shapes of linear layers against what is known of the models:
// the widths of a block's matrices, how many blocks there are, and the vocabulary.
func TestArchitectures(t *testing.T) {
	want := map[string]int{
		"gpt2":         12*(12*768*768) + 50257*768,
		"roberta-base": 12*(12*768*768) + 768*768 + 2*768,
		"bart-base":    6*(12*768*768) + 6*(16*768*768) + 50265*768,
		"llama-tiny":   6*(4*288*288+3*288*768) + 32000*288,
		"llama-160m":   12*(4*768*768+3*768*3072) + 32000*768,
		"llama-2-7b":   32*(4*4096*4096+3*4096*11008) + 32000*4096,
		"llama-1.1b":   22*(2*2048*2048+2*2048*256+3*2048*5632) + 32000*2048,
	}
	got := map[string]int{}
	for _, name := range bench.Architectures() {
		config, err := os.ReadFile("architectures/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		base, err := model.Declare(dryrun.New(), model.Config{Path: written(t, string(config)), Random: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range base.Layers() {
			if l.Kind == adapter.SiteLinear {
				got[name] += l.In * l.Out
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("elements of matrices (-want +got):\n%s", d)
	}
}

func TestLengths(t *testing.T) {
	for _, c := range []struct {
		spec   string
		n, seq int
		want   []int
	}{
		{"", 3, 128, []int{128, 128, 128}},
		{"5, 7", 3, 0, []int{5, 7, 5}},
		{"dolly", 4, 1, []int{47, 74, 184, 303}},
	} {
		got, err := bench.Lengths(c.spec, c.n, c.seq)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, %v; want %v", c.spec, got, err, c.want)
		}
	}
	for spec, n := range map[string]int{"": 1, "dolly": 0, "5,x": 1, "0": 1, "dolly:": 1} {
		if got, err := bench.Lengths(spec, n, 0); err == nil {
			t.Errorf("%q of %d texts is %v", spec, n, got)
		}
	}
	all, err := bench.Lengths("dolly", 64, 0)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	if all[0] != 21 || all[32] != 111 && all[32] != 115 && all[32] != 107 || all[63] != 512 {
		t.Errorf("Dolly's texts have %v tokens", all)
	}
}

func TestTimes(t *testing.T) {
	if got := (bench.Times{3, 1, 2}); got.Best() != 1 || got.Median() != 2 {
		t.Errorf("best %v, median %v", got.Best(), got.Median())
	}
	if got := (bench.Times{4, 1, 2, 3}).Median(); got != 2.5 {
		t.Errorf("median %v of an even number", got)
	}
}

func TestGEMM(t *testing.T) {
	r, err := bench.GEMM{Arch: folder(t, "gpt2"), Tokens: []int{4}, Repeats: bench.Repeats{Count: 2}}.Run(linalg.NewCPU())
	if err != nil {
		t.Fatal(err)
	}
	got := map[[3]int]bool{}
	for _, row := range r.Rows {
		got[[3]int{row.M, row.K, row.N}] = true
		if !(row.GFLOPS > 0) || row.Best < row.GFLOPS || row.Share != row.GFLOPS/r.Peak {
			t.Errorf("%+v of a peak of %v", row, r.Peak)
		}
	}
	want := map[[3]int]bool{
		{4, 8, 24}: true, {4, 24, 8}: true, // c_attn
		{4, 8, 8}:  true,                   // c_proj
		{4, 8, 32}: true, {4, 32, 8}: true, // c_fc and mlp.c_proj
		{4, 8, 40}: true, {4, 40, 8}: true, // the head
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("products (-want +got):\n%s", d)
	}
	if !(r.Median > 0) || !(r.Peak > 0) || r.Best < r.Peak || r.Threads < 1 || r.Kernels == "" {
		t.Errorf("%+v", r)
	}
}

// TestStep measures a step of every kind of model. What it counts follows from the shapes.
func TestStep(t *testing.T) {
	for name, want := range map[string]struct{ tokens, rows int }{
		"gpt2":    {2 * (3 + 5), 2 * 2 * (2 + 4)},                 // c_attn of two blocks; a text's last token predicts nothing
		"llama":   {2 * (3 + 5), 2 * (2 + 4)},                     // q and v share their input
		"roberta": {2 * (3 + 5), 2*(3+5) + 2*2*2},                 // query and value too; and the head has two layers
		"bart":    {2*(3+5) + 2*2*4, 2*(3+5) + 2*2*4*2 + 2*(3+5)}, // of itself twice, and of the decoder's look at the texts q's input and v's
	} {
		t.Run(name, func(t *testing.T) {
			s := bench.Step{
				Arch: folder(t, name), Texts: []int{3, 5}, Targets: 4, Participants: 2, Adapter: lowRank,
				Mode: model.Unmerged, Against: model.Merged, Repeats: twice,
			}
			r, err := s.Run(linalg.NewCPU())
			if err != nil {
				t.Fatal(err)
			}
			if r.Tokens != want.tokens || r.Rows != want.rows {
				t.Errorf("%d tokens, %d rows; want %+v", r.Tokens, r.Rows, want)
			}
			if len(r.Seconds) != 2 || r.Best > r.Median || r.Rate != float64(r.Tokens)/r.Median {
				t.Errorf("times %+v", r)
			}
			if r.Memory <= 0 || r.Heap <= 0 || r.Weights <= 0 || r.Planned <= r.Weights || r.Flops <= 0 || r.Floor <= 0 || r.Share != r.Floor/r.Median {
				t.Errorf("%+v", r)
			}
			if r.Other == nil || r.Other.Mode != model.Merged || r.Other.Speed != r.Other.Median/r.Median {
				t.Errorf("against %+v", r.Other)
			}
		})
	}
}

// TestFlops counts a step's operations by hand: a Llama's one block.
func TestFlops(t *testing.T) {
	s := bench.Step{Arch: folder(t, "llama"), Texts: []int{6}, Participants: 1, Adapter: lowRank, Mode: model.Merged, Repeats: twice}
	r, err := s.Run(linalg.NewCPU())
	if err != nil {
		t.Fatal(err)
	}
	const n, d, inner, vocabulary = 6, 8, 12, 40
	q, kv, out, gate := d*d, 2*d*d/2, d*d, 3*d*inner
	forward := 2 * n * (q + kv + out + gate)
	backward := 2 * n * (out + gate) // below q, k and v is no site: their inputs have no gradient
	seen := 2 * n * (n + 1) / 2 * d
	head := 2 * 2 * (n - 1) * d * vocabulary // the last token predicts nothing
	if want := float64(forward + backward + 7*seen + head); r.Flops != want {
		t.Errorf("%v operations, want %v", r.Flops, want)
	}
}

func TestStepMixed(t *testing.T) {
	s := bench.Step{Arch: folder(t, "gpt2"), Texts: []int{4}, Participants: 6, Adapter: lowRank, Mixed: true, Mode: model.Unmerged, Repeats: twice}
	r, err := s.Run(linalg.NewCPU())
	if err != nil || r.Tokens != 24 {
		t.Fatalf("%+v, %v", r, err)
	}
	s.Mixed, s.Model.Checkpoints = false, 1
	again, err := s.Run(linalg.NewCPU())
	if err != nil || again.Flops <= 0 || again.Flops == r.Flops {
		t.Errorf("with checkpointing %+v, %v", again, err)
	}
}

func TestFit(t *testing.T) {
	arch := folder(t, "gpt2")
	flops := map[adapter.Kind]float64{ // c_attn: 8 in, 24 out
		adapter.LowRank: 2 * 2 * 5 * 2 * (8 + 8 + 24 + 24), // x·Aᵀ, (g·B)ᵀ·x, g·B, gᵀ·u
		adapter.Linear:  2 * 2 * 5 * 8 * 24,
	}
	for kind, want := range flops {
		r, err := bench.Fit{Arch: arch, Tokens: 5, Adapter: adapter.Spec{Kind: kind, Rank: 2}, Repeats: twice}.Run(linalg.NewCPU())
		if err != nil {
			t.Fatal(err)
		}
		if r.Sites != 2 || r.Tokens != 5 || r.Flops != want || len(r.Seconds) != 2 || r.Best > r.Median || r.Memory <= 0 || !(r.Floor > 0) {
			t.Errorf("%s: %+v, want %v operations", kind, r, want)
		}
	}
	r, err := bench.Fit{Arch: arch, Targets: []string{model.AllLinear}, Tokens: 5, Adapter: lowRank, Repeats: twice}.Run(linalg.NewCPU())
	if err != nil || r.Sites != 8 {
		t.Errorf("all linear layers: %+v, %v", r, err)
	}
}

// TestRefused names what is wrong before anything is drawn.
func TestRefused(t *testing.T) {
	arch, dev := folder(t, "gpt2"), linalg.NewCPU()
	step := func(change func(*bench.Step)) func() error {
		s := bench.Step{Arch: arch, Texts: []int{4}, Participants: 1, Adapter: lowRank, Mode: model.Merged, Repeats: twice}
		change(&s)
		return func() error { _, err := s.Run(dev); return err }
	}
	fit := func(f bench.Fit) func() error { return func() error { _, err := f.Run(dev); return err } }
	gemm := func(g bench.GEMM) func() error { return func() error { _, err := g.Run(dev); return err } }
	for want, run := range map[string]func() error{
		"none of bart-base, gpt2":    step(func(s *bench.Step) { s.Arch = "gpt3" }),
		"0 participants":             step(func(s *bench.Step) { s.Participants = 0 }),
		"0 repeats":                  step(func(s *bench.Step) { s.Repeats.Count = 0 }),
		"-1 to warm up":              step(func(s *bench.Step) { s.Repeats.Warmup = -1 }),
		`mode "detached"`:            step(func(s *bench.Step) { s.Mode = model.Detached }),
		"cannot be merged":           step(func(s *bench.Step) { s.Mixed = true }),
		"rank = 0":                   step(func(s *bench.Step) { s.Adapter.Rank = 0 }),
		"the model's context is 32":  step(func(s *bench.Step) { s.Texts = []int{33} }),
		`target "nothing"`:           step(func(s *bench.Step) { s.Model.Targets = []string{"nothing"} }),
		"tuples of 0 tokens":         fit(bench.Fit{Arch: arch, Adapter: lowRank, Repeats: twice}),
		"0 repeats after 0":          fit(bench.Fit{Arch: arch, Tokens: 1, Adapter: lowRank}),
		"rank = -1":                  fit(bench.Fit{Arch: arch, Tokens: 1, Adapter: adapter.Spec{Kind: adapter.LowRank, Rank: -1}, Repeats: twice}),
		"none of the sites [wte]":    fit(bench.Fit{Arch: arch, Targets: []string{"wte"}, Tokens: 1, Adapter: lowRank, Repeats: twice}),
		"no folder with":             fit(bench.Fit{Arch: "", Tokens: 1, Adapter: lowRank, Repeats: twice}),
		"products of 0 tokens":       gemm(bench.GEMM{Arch: arch, Tokens: []int{0}, Repeats: twice}),
		"no product":                 gemm(bench.GEMM{Arch: arch, Tokens: []int{1 << 26}, Repeats: twice}),
		"is no folder with a config": gemm(bench.GEMM{Arch: "nowhere", Tokens: []int{1}, Repeats: twice}),
		"1 to warm up: at least":     gemm(bench.GEMM{Arch: arch, Tokens: []int{1}, Repeats: bench.Repeats{Warmup: 1}}),
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want an error with %q", err, want)
		}
	}
}

// TestTemporary: what is measured is loaded from a file that is gone afterwards, and the folder
// that an architecture comes from is left alone.
func TestTemporary(t *testing.T) {
	arch, temporary := folder(t, "gpt2"), t.TempDir()
	in := func(dir string) {
		for _, name := range []string{"TMPDIR", "TMP", "TEMP"} { // of Unix, and of Windows
			t.Setenv(name, dir)
		}
	}
	in(temporary)
	s := bench.Step{Arch: arch, Texts: []int{4}, Participants: 1, Adapter: lowRank, Mode: model.Merged, Repeats: twice}
	for _, s.Model.Precision = range []linalg.Precision{linalg.F32Products, linalg.BF16Products} {
		if _, err := s.Run(linalg.NewCPU()); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string][]string{arch: {"config.json"}, temporary: nil} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s holds %q, want %q", dir, names, want)
		}
	}
	in(filepath.Join(temporary, "none"))
	if _, err := s.Run(linalg.NewCPU()); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("without a folder for the file: %v", err)
	}
}
