package model_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// sameShares says where two owners' tuples differ in a bit.
func sameShares(t *testing.T, what string, got, want map[string]*linalg.Tensor) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d tensors, want %d", what, len(got), len(want))
	}
	for name, w := range want {
		if g := got[name]; g == nil || string(linalg.Bytes(g)) != string(linalg.Bytes(w)) {
			t.Errorf("%s: %s differs", what, name)
		}
	}
}

// In one pass of many, every owner gets bit for bit what it gets by itself.
func TestTextsAreIsolated(t *testing.T) {
	eachTiny(t, func(t *testing.T, c model.Config) {
		c.Targets = []string{model.AllLinear}
		b := newBase(t, c)
		batch := textAdapted(t, b, newTexts(b, 2, 3, 1))
		result, all := pass(t, b, batch, model.Unmerged)
		for k := range batch.Owners {
			alone, own := pass(t, b, only(batch, k), model.Unmerged)
			if alone.Loss[0] != result.Loss[k] || alone.Correct[0] != result.Correct[k] || alone.Count[0] != result.Count[k] {
				t.Errorf("owner %d: %v %v %v alone, %v %v %v among others", k, alone.Loss, alone.Correct, alone.Count, result.Loss[k], result.Correct[k], result.Count[k])
			}
			sameShares(t, fmt.Sprint("owner ", k), all.share(k), own.share(0))
		}
	})
}

// Threads, checkpointing and a device with memory of its own change no bit.
func TestTextBitsDoNotDependOn(t *testing.T) {
	eachTiny(t, func(t *testing.T, c model.Config) {
		b := newBase(t, c)
		batch := textAdapted(t, b, newTexts(b, 2, 2))
		result, want := pass(t, b, batch, model.Unmerged)
		same := func(what string, r model.Result, got *tuples) {
			t.Helper()
			if r.Loss[0] != result.Loss[0] || r.Loss[1] != result.Loss[1] {
				t.Errorf("%s: loss %v, want %v", what, r.Loss, result.Loss)
			}
			for k := range batch.Owners {
				sameShares(t, what, got.share(k), want.share(k))
			}
		}
		before := runtime.GOMAXPROCS(1)
		r, got := pass(t, b, batch, model.Unmerged)
		runtime.GOMAXPROCS(before)
		same("one thread", r, got)

		c.Checkpoints = 1
		r, got = pass(t, newBase(t, c), batch, model.Unmerged)
		same("checkpointing", r, got)

		c.Checkpoints = 0
		for k := range batch.Owners {
			batch.Owners[k].Adapters = nil
		}
		result, want = pass(t, b, batch, model.Merged)
		dev := newFar()
		sink := downloads{newTuples(), dev}
		r = must[model.Result](t)(must[*model.Base](t)(model.New(dev, c)).Pass(batch, model.Merged, sink))
		same("a far device", r, sink.tuples)
	})
}

// holds keeps what it is given by asking the device for it, and a copy of what it was then.
type holds struct {
	dev     linalg.Device
	fetched []func() (*linalg.Tensor, error)
	copies  []*linalg.Tensor
}

func (h *holds) Input(_ int, x *linalg.Tensor, _ []model.Rows) { h.hold(x) }

func (h *holds) Gradient(_ int, g *linalg.Tensor, _ []model.Rows) { h.hold(g) }

func (h *holds) hold(t *linalg.Tensor) {
	h.fetched = append(h.fetched, h.dev.Fetch(t, t.DType()))
	h.copies = append(h.copies, t.Clone())
}

// What a sink has asked the device for stays as it was, through the pass and the next one, until
// it is given back.
func TestFetchedStays(t *testing.T) {
	eachTiny(t, func(t *testing.T, c model.Config) {
		c.Targets = []string{model.AllLinear}
		b := newBase(t, c)
		batch := textAdapted(t, b, newTexts(b, 60, 40)) // large enough for the pool
		for _, mode := range []model.Mode{model.Unmerged, model.Merged} {
			for k := range batch.Owners {
				if mode == model.Merged {
					batch.Owners[k].Adapters = nil
				}
			}
			first, second := &holds{dev: b.Device()}, &holds{dev: b.Device()}
			for _, sink := range []*holds{first, second} {
				if _, err := b.Pass(batch, mode, sink); err != nil {
					t.Fatal(err)
				}
			}
			for _, sink := range []*holds{second, first} {
				for i, wait := range sink.fetched {
					got := must[*linalg.Tensor](t)(wait())
					if !sameBits(got, sink.copies[i]) {
						t.Errorf("%v: tensor %d changed while it was held", mode, i)
					}
					b.Device().Free(got)
				}
			}
		}
	})
}

// Gradient learning at every site is the classical gradient of the whole graph.
func TestTextGradientsAreClassical(t *testing.T) {
	eachTiny(t, func(t *testing.T, c model.Config) {
		c.Targets = []string{model.AllLinear}
		b := newBase(t, saved(t, c))
		batch := textAdapted(t, b, newTexts(b, 2, 3, 2))
		want, _, err := b.Classical(batch, false)
		if err != nil {
			t.Fatal(err)
		}
		_, s := pass(t, b, batch, model.Unmerged)
		for k, o := range batch.Owners {
			for i, site := range b.Sites() {
				first := i
				for first > 0 && b.Sites()[first-1].Group == site.Group {
					first--
				}
				r := s.rows[i][k]
				x, g := s.x[first].RowRange(r.Lo, r.Hi), s.g[i].RowRange(r.Lo, r.Hi)
				for j, w := range want.Adapters[k][i] {
					got := gradientOf(b, o.Adapters[i], x, g)[j]
					if (strings.HasSuffix(site.Name, ".key") || strings.HasSuffix(site.Name, "k_proj")) && len(w.Shape()) == 1 && w.Len() == site.Out {
						continue // a bias of keys adds the same to all of a query's scores: its gradient is zero
					}
					if e := relative(got, w); e > 2e-5 {
						t.Errorf("owner %d, %s, parameter %d: relative error %g", k, site.Name, j, e)
					}
				}
			}
		}
	})
}

func gradientOf(b *model.Base, a adapter.Adapter, x, g *linalg.Tensor) []*linalg.Tensor {
	var grads []*linalg.Tensor
	for _, p := range a.Params() {
		grads = append(grads, linalg.New(linalg.F32, p.Value.Shape()...))
	}
	a.Gradient(b.Device(), grads, x, g)
	return grads
}

// relative is max|a − b| / max|b|.
func relative(a, b *linalg.Tensor) float64 {
	worst, size := 0.0, 1e-12
	for i, v := range b.F32() {
		worst = max(worst, math.Abs(float64(a.F32()[i]-v)))
		size = max(size, math.Abs(float64(v)))
	}
	return worst / size
}

// Merged, linear and low-rank adapters give the tuples that they give unmerged.
func TestTextMergedIsUnmerged(t *testing.T) {
	eachTiny(t, func(t *testing.T, c model.Config) {
		c.Targets = []string{model.AllLinear, "embed_tokens", "wte", "word_embeddings"}
		c.Targets = existing(t, c)
		b := newBase(t, saved(t, c))
		batch := newTexts(b, 3)
		adapters := newAdapters(t, b, "ada", kinds[1])
		batch.Owners[0].Adapters = adapters
		result, want := pass(t, b, batch, model.Unmerged)

		batch.Owners[0].Adapters = nil
		_, base := pass(t, b, batch, model.Merged)
		if err := b.Merge(deltas(t, b, adapters)); err != nil {
			t.Fatal(err)
		}
		merged, got := pass(t, b, batch, model.Merged)
		if e := math.Abs(merged.Loss[0]-result.Loss[0]) / result.Loss[0]; e > 1e-5 {
			t.Errorf("loss %v merged, %v unmerged", merged.Loss, result.Loss)
		}
		for i := range b.Sites() {
			if e := relative(got.g[i], want.g[i]); e > 1e-4 {
				t.Errorf("site %d: g differs by %g", i, e)
			}
		}
		b.Unmerge()
		_, again := pass(t, b, batch, model.Merged)
		sameShares(t, "after Unmerge", again.share(0), base.share(0))
	})
}

// existing are those of the targets that the model has.
func existing(t *testing.T, c model.Config) []string {
	t.Helper()
	var list []string
	for _, target := range c.Targets {
		c.Targets = []string{target}
		if _, err := model.New(linalg.NewCPU(), c); err == nil {
			list = append(list, target)
		}
	}
	return list
}

// A batch of texts that does not fit is refused with what is wrong and whose it is.
func TestBadTexts(t *testing.T) {
	for _, c := range []struct {
		model, want string
		change      func(b *model.Batch)
	}{
		{"gpt2", "token id 23 in text 1 of its inputs", func(b *model.Batch) { b.Inputs.I32()[b.Starts[1]] = 23 }},
		{"gpt2", "token id -1", func(b *model.Batch) { b.Inputs.I32()[0] = -1 }},
		{"gpt2", "has tokens", func(b *model.Batch) { b.Starts[1] = 0 }},
		{"gpt2", "of which the first is 0", func(b *model.Batch) { b.Starts[0] = 1 }},
		{"gpt2", "has tokens", func(b *model.Batch) { b.Starts[1] = 1 << 30 }},
		{"gpt2", "label 23 of its token", func(b *model.Batch) { b.Labels.I32()[1] = 23 }},
		{"gpt2", "labels [1] of i32", func(b *model.Batch) { b.Labels = linalg.New(linalg.I32, 1) }},
		{"gpt2", "has no targets", func(b *model.Batch) { b.LabelStarts = []int32{0, 1} }},
		{"gpt2", "token ids (tokens), i32", func(b *model.Batch) { b.Inputs = b.Inputs.Reshape(1, b.Inputs.Len()) }},
		{"gpt2", "the model's context is 16", func(b *model.Batch) {
			b.Inputs, b.Labels = linalg.New(linalg.I32, 40), linalg.New(linalg.I32, 40)
		}},
		{"bert", "label 3 of its text 0", func(b *model.Batch) { b.Labels.I32()[0] = 3 }},
		{"regression", "labels [2] of i32", func(b *model.Batch) { b.Labels = linalg.New(linalg.I32, 2) }},
		{"regression", "not finite", func(b *model.Batch) { b.Labels.F32()[1] = float32(math.Inf(1)) }},
		{"bart", "starts of targets", func(b *model.Batch) { b.LabelStarts = nil }},
		{"bart", "of its targets", func(b *model.Batch) { b.Labels.I32()[0] = 99 }},
		{"bart", "decoder ids", func(b *model.Batch) { b.Decoder = linalg.New(linalg.I32, 1) }},
	} {
		b := newBase(t, tinyConfig(t, c.model))
		batch := newTexts(b, 2)
		c.change(batch)
		_, err := b.Pass(batch, model.Unmerged, newTuples())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.model, err, c.want)
		}
	}
}

// Of a classifier's last block what lies behind the attention is computed for the tokens that the
// head reads alone, and its tuples have no other rows.
func TestClassifierReadsOneRow(t *testing.T) {
	behind := map[string][]string{
		"bert":         {"encoder.layer.1.attention.output.dense", "encoder.layer.1.intermediate.dense", "encoder.layer.1.output.dense", "pooler.dense"},
		"roberta":      {"encoder.layer.1.attention.output.dense", "encoder.layer.1.intermediate.dense", "encoder.layer.1.output.dense"},
		"regression":   {"encoder.layer.0.attention.output.dense", "encoder.layer.0.intermediate.dense", "encoder.layer.0.output.dense"},
		"gpt2-seq-cls": {"h.0.attn.c_proj", "h.0.mlp.c_fc", "h.0.mlp.c_proj"},
	}
	for _, name := range sorted(behind) {
		t.Run(name, func(t *testing.T) {
			c := tinyConfig(t, name)
			c.Targets = []string{model.AllLinear}
			b := newBase(t, c)
			batch := textAdapted(t, b, newTexts(b, 3, 2))
			_, s := pass(t, b, batch, model.Unmerged)
			found := 0
			for i, site := range b.Sites() {
				want, rows := batch.Inputs.Rows(), []model.Rows{{Hi: int(batch.Starts[3])}, {Lo: int(batch.Starts[3]), Hi: batch.Inputs.Rows()}}
				last := slices.ContainsFunc(behind[name], func(name string) bool { return strings.HasSuffix(site.Name, name) })
				if last {
					found++
				}
				if last || site.Head {
					want, rows = len(batch.Starts), []model.Rows{{Hi: 3}, {Lo: 3, Hi: 5}}
				}
				if s.g[i].Rows() != want || !slices.Equal(s.rows[i], rows) {
					t.Errorf("%s has a gradient of %d rows, the owners' %v; want %d, %v", site.Name, s.g[i].Rows(), s.rows[i], want, rows)
				}
			}
			if found != len(behind[name]) {
				t.Errorf("%d sites behind the last attention", found)
			}
		})
	}
}
