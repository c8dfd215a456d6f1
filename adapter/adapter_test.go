package adapter_test

import (
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/adapter/adaptertest"
	"github.com/gradientlearning/cola/linalg"
)

var (
	linearSite = adapter.Site{Name: "layers.0", Kind: adapter.SiteLinear, In: 7, Out: 5, Bias: true}
	convSite   = adapter.Site{
		Name: "convs.0", Kind: adapter.SiteConv2D, In: 18, Out: 4, Bias: true,
		Conv: linalg.Conv{Height: 4, Width: 5, Channels: 2, Kernel: 3, Stride: 1, Padding: 1},
	}
	tableSite = adapter.Site{Name: "tokens", Kind: adapter.SiteEmbedding, In: 7, Out: 5}
	headSite  = adapter.Site{Name: "head", Kind: adapter.SiteLinear, In: 7, Out: 3, Bias: true, Head: true}

	specs = map[string]adapter.Spec{
		"low-rank":        {Kind: adapter.LowRank, Rank: 3},
		"low-rank scaled": {Kind: adapter.LowRank, Rank: 2, Scale: 2.5},
		"linear":          {Kind: adapter.Linear},
		"linear, bias":    {Kind: adapter.Linear, Bias: true},
		"mlp":             {Kind: adapter.MLP, Hidden: []int{6, 4}},
	}
)

func TestConformance(t *testing.T) {
	for name, spec := range specs {
		for _, site := range []adapter.Site{linearSite, convSite, tableSite, headSite} {
			if site.Kind == adapter.SiteEmbedding && spec.Kind == adapter.MLP {
				continue // refused: TestEmbeddingRefuses
			}
			t.Run(name+"/"+site.Name, func(t *testing.T) { adaptertest.Conformance(t, linalg.NewCPU(), site, spec) })
		}
	}
}

func newAdapter(t testing.TB, site adapter.Site, spec adapter.Spec) adapter.Adapter {
	t.Helper()
	a, err := adapter.New(site, spec, adapter.Rand(7, "ada", site.Name))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func randomise(r *rand.Rand, scale float64, tensors ...*linalg.Tensor) {
	for _, t := range tensors {
		for i := range t.F32() {
			t.F32()[i] = float32(r.NormFloat64() * scale)
		}
	}
}

func TestHeadIsLinearWithBias(t *testing.T) {
	a := newAdapter(t, headSite, specs["mlp"])
	if s := a.Spec(); s.Kind != adapter.Linear || len(a.Params()) != 2 {
		t.Errorf("a head has %+v with %d parameters", s, len(a.Params()))
	}
}

func TestValidateSpec(t *testing.T) {
	for name, s := range specs {
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]adapter.Spec{
		"kind": {Kind: "prefix"}, "rank": {Kind: adapter.LowRank}, "huge rank": {Kind: adapter.LowRank, Rank: 1 << 30},
		"scale": {Kind: adapter.LowRank, Rank: 1, Scale: math.NaN()}, "hidden": {Kind: adapter.MLP}, "width": {Kind: adapter.MLP, Hidden: []int{0}},
	} {
		if s.Validate() == nil {
			t.Errorf("%s: %+v is valid", name, s)
		}
		if _, err := adapter.New(linearSite, s, adapter.Rand(1, "", "")); err == nil {
			t.Errorf("%s: %+v is made", name, s)
		}
	}
}

func TestRandIsSeparate(t *testing.T) {
	first := adapter.Rand(1, "ada", "head").Uint64()
	if adapter.Rand(1, "ada", "head").Uint64() != first {
		t.Error("the same names draw different numbers")
	}
	for _, r := range []*rand.Rand{adapter.Rand(2, "ada", "head"), adapter.Rand(1, "adah", "ead"), adapter.Rand(1, "ada", "tail")} {
		if r.Uint64() == first {
			t.Error("different names draw the same numbers")
		}
	}
}

// TestDigest pins the canonical order: reports of different releases are comparable.
func TestDigest(t *testing.T) {
	sites := []adapter.Site{linearSite, headSite}
	adapters := []adapter.Adapter{newAdapter(t, linearSite, specs["low-rank"]), newAdapter(t, headSite, specs["linear"])}
	digest := adapter.Digest(sites, adapters)
	if got := hex.EncodeToString(digest[:8]); got != goldenDigest {
		t.Errorf("digest %s…, expected %s…", got, goldenDigest)
	}
	adapters[0].Params()[1].Value.F32()[0] = 1
	if adapter.Digest(sites, adapters) == digest {
		t.Error("a parameter does not change the digest")
	}
	adapters[0].Params()[1].Value.F32()[0] = 0
	renamed := []adapter.Site{linearSite, headSite}
	renamed[0].Name = "layers.1"
	if adapter.Digest(renamed, adapters) == digest {
		t.Error("a site's name does not change the digest")
	}
	all := adapter.DigestAll(map[string][32]byte{"ada": digest, "ben": {1}})
	if all != adapter.DigestAll(map[string][32]byte{"ben": {1}, "ada": digest}) || all == adapter.DigestAll(map[string][32]byte{"ada": {1}, "ben": digest}) {
		t.Error("the digest of all depends on the map, or not on who has what")
	}
}

func TestBlobsAndLoad(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, spec := range specs {
		a, b := newAdapter(t, linearSite, spec), newAdapter(t, linearSite, spec)
		for _, p := range a.Params() {
			randomise(r, 1, p.Value)
		}
		blobs := map[string]linalg.Blob{}
		for _, blob := range adapter.Blobs(linearSite, a) {
			blobs[blob.Name] = blob
		}
		if err := adapter.Load(linearSite, b, blobs); err != nil {
			t.Fatal(err)
		}
		sites := []adapter.Site{linearSite}
		before := adapter.Digest(sites, []adapter.Adapter{b})
		if before != adapter.Digest(sites, []adapter.Adapter{a}) {
			t.Errorf("%s: what was loaded is not what was saved", name)
		}
		first := adapter.Blobs(linearSite, a)[0]
		nan := linalg.New(linalg.F32, first.Shape...)
		nan.F32()[nan.Len()-1] = float32(math.NaN())
		for what, change := range map[string]func(map[string]linalg.Blob){
			"missing":  func(m map[string]linalg.Blob) { delete(m, first.Name) },
			"not part": func(m map[string]linalg.Blob) { m["more"] = linalg.New(linalg.F32, 1).Blob("more") },
			"expected": func(m map[string]linalg.Blob) { m[first.Name] = linalg.New(linalg.F32, 1, 1).Blob(first.Name) },
			"f32": func(m map[string]linalg.Blob) {
				m[first.Name] = linalg.New(linalg.I32, first.Shape...).Blob(first.Name)
			},
			"NaN":   func(m map[string]linalg.Blob) { m[first.Name] = nan.Blob(first.Name) },
			"bytes": func(m map[string]linalg.Blob) { c := first; c.Data = c.Data[1:]; m[first.Name] = c },
		} {
			bad := map[string]linalg.Blob{}
			for k, v := range blobs {
				bad[k] = v
			}
			change(bad)
			if err := adapter.Load(linearSite, b, bad); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "tensor") {
				t.Errorf("%s: %s: %v", name, what, err)
			}
			if adapter.Digest(sites, []adapter.Adapter{b}) != before {
				t.Fatalf("%s: %s: the adapter was changed", name, what)
			}
		}
		tensors := map[string]*linalg.Tensor{}
		for _, p := range a.Params() {
			tensors[linearSite.Name+"."+p.Name] = p.Value
		}
		if err := adapter.LoadTensors(linearSite, b, tensors); err != nil {
			t.Error(err)
		}
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		config      adapter.ScheduleConfig
		step, total int
		want        float64
	}{
		{adapter.DefaultSchedule(), 0, 10, 1}, {adapter.DefaultSchedule(), 9, 10, 1},
		{adapter.ScheduleConfig{Name: "constant", Warmup: 0.2}, 0, 10, 0}, {adapter.ScheduleConfig{Name: "constant", Warmup: 0.2}, 1, 10, 0.5},
		{adapter.ScheduleConfig{Name: "constant", Warmup: 0.2}, 2, 10, 1},
		{adapter.ScheduleConfig{Name: "linear"}, 0, 4, 1}, {adapter.ScheduleConfig{Name: "linear"}, 3, 4, 0.25}, {adapter.ScheduleConfig{Name: "linear"}, 4, 4, 0},
		{adapter.ScheduleConfig{Name: "linear", Warmup: 0.5}, 3, 4, 0.5},
		{adapter.ScheduleConfig{Name: "cosine"}, 0, 4, 1}, {adapter.ScheduleConfig{Name: "cosine"}, 2, 4, 0.5}, {adapter.ScheduleConfig{Name: "cosine"}, 4, 4, 0},
		{adapter.ScheduleConfig{Name: "cosine", Warmup: 0.05}, 0, 1, 0}, // one step that is all warm-up
	} {
		if got := c.config.Factor(c.step, c.total); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v, step %d of %d: %g, expected %g", c.config, c.step, c.total, got, c.want)
		}
	}
	for _, s := range []adapter.ScheduleConfig{{Name: "step"}, {Name: "linear", Warmup: 1}, {Name: "linear", Warmup: -1}, {Name: "linear", Warmup: math.NaN()}} {
		if s.Validate() == nil {
			t.Errorf("%+v is valid", s)
		}
	}
}

func TestValidateOptimizerAndSolver(t *testing.T) {
	change := func(f func(*adapter.OptimizerConfig)) adapter.OptimizerConfig {
		o := adapter.DefaultOptimizer()
		f(&o)
		return o
	}
	for _, o := range []adapter.OptimizerConfig{
		change(func(o *adapter.OptimizerConfig) { o.Name = "lion" }), change(func(o *adapter.OptimizerConfig) { o.LearningRate = 0 }),
		change(func(o *adapter.OptimizerConfig) { o.LearningRate = math.Inf(1) }), change(func(o *adapter.OptimizerConfig) { o.Momentum = 1 }),
		change(func(o *adapter.OptimizerConfig) { o.Beta1 = -0.1 }), change(func(o *adapter.OptimizerConfig) { o.Beta2 = 1 }),
		change(func(o *adapter.OptimizerConfig) { o.Epsilon = 0 }), change(func(o *adapter.OptimizerConfig) { o.WeightDecay = -1 }),
		change(func(o *adapter.OptimizerConfig) { o.ClipNorm = math.NaN() }), change(func(o *adapter.OptimizerConfig) { o.Name, o.Nesterov = "sgd", true }),
	} {
		if o.Validate() == nil {
			t.Errorf("%+v is valid", o)
		}
	}
	if err := errors.Join(adapter.DefaultOptimizer().Validate(), adapter.DefaultSolver().Validate(), adapter.DefaultSchedule().Validate()); err != nil {
		t.Error(err)
	}
	for _, s := range []adapter.SolverConfig{{Name: "newton"}, {Name: "steps"}, {Name: "ridge", Ridge: -1}, {Name: "reduced-rank", Ridge: math.Inf(1)}} {
		if s.Validate() == nil {
			t.Errorf("%+v is valid", s)
		}
	}
}

const goldenDigest = "49fb33373d96bb71"
