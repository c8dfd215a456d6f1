package model_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// probe is an adapter that also adds step·direction to its site's output.
type probe struct {
	adapter.Adapter
	direction *linalg.Tensor
	step      float32
}

func (p *probe) Apply(dev linalg.Device, y, x *linalg.Tensor) {
	p.Adapter.Apply(dev, y, x)
	dev.Axpy(y, p.step, p.direction)
}

// The g that leaves a pass is the slope of the loss when the site's output is moved, by
// finite differences: base model, adapters of later sites and all.
func TestGradientIsTheSlopeOfTheLoss(t *testing.T) {
	const step, tolerance = 1e-3, 1e-3
	eachSmall(t, func(t *testing.T, b *model.Base) {
		for k, spec := range kinds[:3] {
			batch := newBatch(b, 3)
			owner := &batch.Owners[0]
			owner.Adapters = newAdapters(t, b, "ada", spec)
			_, s := pass(t, b, batch, model.Unmerged)
			for i := range b.Sites() {
				own := owner.Adapters[i]
				g := s.g[i].Reshape(s.g[i].Len())
				r := rand.New(rand.NewPCG(uint64(k), uint64(i)))
				for range 5 {
					p := &probe{own, normal(r, 1/math.Sqrt(float64(g.Len())), g.Len()), step}
					owner.Adapters[i] = p
					up := must[model.Result](t)(b.Evaluate(batch, model.Unmerged))
					p.step = -step
					down := must[model.Result](t)(b.Evaluate(batch, model.Unmerged))
					owner.Adapters[i] = own
					slope := (up.Loss[0] - down.Loss[0]) / (2 * step)
					want := 0.0
					for j, d := range p.direction.F32() {
						want += float64(d) * float64(g.F32()[j])
					}
					if math.Abs(slope-want) > tolerance {
						t.Errorf("%s at %s: the loss's slope is %g, g says %g", spec.Kind, b.Sites()[i].Name, slope, want)
					}
				}
			}
		}
	})
}

// Every kind of adapter learns from tuples what the full tape differentiates.
func TestTuplesGiveTheClassicalGradient(t *testing.T) {
	eachSmall(t, func(t *testing.T, b *model.Base) {
		batch := adapted(t, b, newBatch(b, 3, 1, 4, 2, 2))
		batch.Owners = slices.Clone(batch.Owners)
		batch.Owners[3].Adapters = nil // the base model alone
		want, tape := classical(t, b, batch, false)
		result, s := pass(t, b, batch, model.Unmerged)
		for k, o := range batch.Owners {
			if d := math.Abs(result.Loss[k] - tape.Loss[k]); d > 1e-6 || result.Correct[k] != tape.Correct[k] {
				t.Errorf("%s: loss %g and %d correct, on the tape %g and %d", o.Participant, result.Loss[k], result.Correct[k], tape.Loss[k], tape.Correct[k])
			}
			for i, a := range o.Adapters {
				if d := difference(learn(b, s, i, o, a), want.Adapters[k][i]); !(d < 1e-5) {
					t.Errorf("%s, %s at %s: relative difference %g", o.Participant, a.Spec().Kind, b.Sites()[i].Name, d)
				}
			}
		}
		if want.Base != nil {
			t.Error("gradients of base parameters that nobody asked for")
		}
	})
}

func classical(t testing.TB, b *model.Base, batch *model.Batch, trainBase bool) (model.Gradients, model.Result) {
	t.Helper()
	g, r, err := b.Classical(batch, trainBase)
	if err != nil {
		t.Fatal(err)
	}
	return g, r
}

// With an owner's adapters merged the tuples are still those of the classical gradient.
func TestMergedTuplesGiveTheClassicalGradient(t *testing.T) {
	eachSmall(t, func(t *testing.T, b *model.Base) {
		for _, spec := range []adapter.Spec{kinds[0], kinds[1], kinds[4]} {
			b.Unmerge()
			batch := newBatch(b, 5)
			own := newAdapters(t, b, "ada", spec)
			batch.Owners[0].Adapters = own
			want, tape := classical(t, b, batch, false)
			batch.Owners[0].Adapters = nil
			if err := b.Merge(deltas(t, b, own)); err != nil {
				t.Fatal(err)
			}
			result, s := pass(t, b, batch, model.Merged)
			if d := math.Abs(result.Loss[0] - tape.Loss[0]); d > 1e-6 {
				t.Errorf("%s: loss %g merged, %g on the tape", spec.Kind, result.Loss[0], tape.Loss[0])
			}
			for i, a := range own {
				if d := difference(learn(b, s, i, batch.Owners[0], a), want.Adapters[0][i]); !(d < 1e-5) {
					t.Errorf("%s at %s: relative difference %g", spec.Kind, b.Sites()[i].Name, d)
				}
			}
		}
	})
}

// Detached passes have the same loss, the right gradient at the last site, and a wrong one
// at all before: the flaw of the first ColA must be seen.
func TestDetachedIsWrongBeforeTheLastSite(t *testing.T) {
	eachSmall(t, func(t *testing.T, b *model.Base) {
		batch := adapted(t, b, newBatch(b, 4, 4, 4))
		exact, s := pass(t, b, batch, model.Unmerged)
		cut, c := pass(t, b, batch, model.Detached)
		if !slices.Equal(exact.Loss, cut.Loss) {
			t.Errorf("losses %v, detached %v", exact.Loss, cut.Loss)
		}
		last := len(b.Sites()) - 1
		for _, o := range batch.Owners {
			for i, a := range o.Adapters {
				d := difference(learn(b, c, i, o, a), learn(b, s, i, o, a))
				if i == last && d != 0 {
					t.Errorf("%s: relative difference %g at the last site", o.Participant, d)
				}
				if i < last && !(d > 0.01) {
					t.Errorf("%s at %s: relative difference %g, a cut gradient must differ", o.Participant, b.Sites()[i].Name, d)
				}
			}
		}
	})
}

// Proposition 1 on the base model's own parameters: the tape's gradients of W and b are gᵀx
// and Σg of the tuples, merged or not.
func TestBaseGradients(t *testing.T) {
	eachSmall(t, func(t *testing.T, b *model.Base) {
		linears := newAdapters(t, b, "ada", adapter.Spec{Kind: adapter.Linear, Bias: true})
		for _, merged := range []bool{false, true} {
			if merged {
				if err := b.Merge(deltas(t, b, linears)); err != nil {
					t.Fatal(err)
				}
			}
			batch := newBatch(b, 4)
			got, _ := classical(t, b, batch, true)
			_, s := pass(t, b, batch, model.Merged)
			if len(got.Base) != len(b.Parameters()) {
				t.Errorf("%d gradients for %d parameters", len(got.Base), len(b.Parameters()))
			}
			for _, p := range b.Parameters() {
				if g := got.Base[p.Name]; !slices.Equal(g.Shape(), p.Value.Shape()) {
					t.Errorf("%s: gradient %v for %v", p.Name, g.Shape(), p.Value.Shape())
				}
			}
			for i, site := range b.Sites() {
				want := learn(b, s, i, batch.Owners[0], linears[i]) // of a linear adapter, whatever its parameters
				if d := difference([]*linalg.Tensor{got.Base[site.Name+".weight"], got.Base[site.Name+".bias"]}, want); !(d < 1e-5) {
					t.Errorf("%s, merged %v: relative difference %g", site.Name, merged, d)
				}
			}
		}
	})
}

// x leaves in the order of the sites, g in the opposite order, each once and in the shape
// that Sink promises.
func TestSinkOrderAndShapes(t *testing.T) {
	b := newBase(t, small[2])
	_, s := pass(t, b, newBatch(b, 2, 1), model.Merged)
	if want := []string{"x0", "x1", "x2", "x3", "g3", "g2", "g1", "g0"}; !slices.Equal(s.order, want) {
		t.Errorf("order %v, want %v", s.order, want)
	}
	for i, want := range [][2][]int{
		{{3, 9, 8, 2}, {3, 9, 8, 6}}, {{3, 4, 4, 6}, {3, 4, 4, 9}}, {{3, 2, 2, 9}, {3, 2, 2, 8}}, {{3, 8}, {3, 5}},
	} {
		if !slices.Equal(s.x[i].Shape(), want[0]) || !slices.Equal(s.g[i].Shape(), want[1]) {
			t.Errorf("site %d: x %v, g %v, want %v", i, s.x[i].Shape(), s.g[i].Shape(), want)
		}
	}
}

// Scale is the factor on each row's gradient: the paper's loss is 1/all rows.
func TestScale(t *testing.T) {
	b := newBase(t, small[1])
	batch := newBatch(b, 2, 2)
	_, own := pass(t, b, batch, model.Merged)
	for k := range batch.Owners {
		batch.Owners[k].Scale = 0.25
	}
	_, shared := pass(t, b, batch, model.Merged)
	for i := range b.Sites() {
		for j, v := range own.g[i].F32() {
			if shared.g[i].F32()[j] != v/2 {
				t.Fatalf("site %d: element %d is %g, want half of %g", i, j, shared.g[i].F32()[j], v)
			}
		}
	}
}
