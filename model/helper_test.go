package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// small are models that are quick to run, one of each type.
var small = []model.Config{
	{Type: "linear", Input: []int{4, 3, 2}, Classes: 5, Seed: 1},
	{Type: "mlp", Input: []int{4, 3, 2}, Classes: 5, Hidden: []int{11, 7}, Seed: 2},
	{Type: "cnn", Input: []int{9, 8, 2}, Classes: 5, Hidden: []int{6, 9, 8}, Seed: 3},
}

// eachSmall runs a test on every small model.
func eachSmall(t *testing.T, test func(t *testing.T, b *model.Base)) {
	t.Helper()
	for _, c := range small {
		t.Run(c.Type, func(t *testing.T) { test(t, newBase(t, c)) })
	}
}

func newBase(t testing.TB, c model.Config) *model.Base {
	t.Helper()
	b, err := model.New(linalg.NewCPU(), c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// normal fills a new tensor with size·N(0, 1).
func normal(r *rand.Rand, size float64, shape ...int) *linalg.Tensor {
	t := linalg.New(linalg.F32, shape...)
	for i := range t.F32() {
		t.F32()[i] = float32(size * r.NormFloat64())
	}
	return t
}

// kinds are the specifications that owners take in turns.
var kinds = []adapter.Spec{
	{Kind: adapter.LowRank, Rank: 3, Scale: 2},
	{Kind: adapter.Linear, Bias: true},
	{Kind: adapter.MLP, Hidden: []int{6, 5}},
	{Kind: adapter.LowRank, Rank: 2},
	{Kind: adapter.Linear},
}

// newAdapters makes one adapter a site, none of whose parameters is zero.
func newAdapters(t testing.TB, b *model.Base, name string, spec adapter.Spec) []adapter.Adapter {
	t.Helper()
	var list []adapter.Adapter
	for _, s := range b.Sites() {
		r := adapter.Rand(7, name, s.Name)
		a := must[adapter.Adapter](t)(adapter.New(s, spec, r))
		for _, p := range a.Params() {
			size := 0.1
			if len(p.Value.Shape()) > 1 {
				size = 0.7 / math.Sqrt(float64(p.Value.Cols()))
			}
			copy(p.Value.F32(), normal(r, size, p.Value.Shape()...).F32())
		}
		list = append(list, a)
	}
	return list
}

// newBatch makes a random batch; owner k has counts[k] rows and the name "p<k>".
func newBatch(b *model.Base, counts ...int) *model.Batch {
	c := b.Config()
	batch := &model.Batch{}
	n := 0
	for k, rows := range counts {
		batch.Owners = append(batch.Owners, model.Owner{
			Participant: fmt.Sprintf("p%d", k), Lo: n, Hi: n + rows, Scale: 1 / float32(rows),
		})
		n += rows
	}
	r := rand.New(rand.NewPCG(5, uint64(n)))
	batch.Inputs = normal(r, 1, append([]int{n}, c.Input...)...)
	batch.Labels = linalg.New(linalg.I32, n)
	for i := range n {
		batch.Labels.I32()[i] = int32(r.IntN(c.Classes))
	}
	return batch
}

// adapted gives every owner of a batch adapters of its own kind.
func adapted(t testing.TB, b *model.Base, batch *model.Batch) *model.Batch {
	for k := range batch.Owners {
		batch.Owners[k].Adapters = newAdapters(t, b, batch.Owners[k].Participant, kinds[k%len(kinds)])
	}
	return batch
}

// tuples is a sink that keeps copies.
type tuples struct {
	x, g  map[int]*linalg.Tensor
	rows  map[int][]model.Rows
	order []string // "x0", "g1", …
}

func newTuples() *tuples {
	return &tuples{x: map[int]*linalg.Tensor{}, g: map[int]*linalg.Tensor{}, rows: map[int][]model.Rows{}}
}

func (s *tuples) Input(site int, x *linalg.Tensor, rows []model.Rows) {
	s.rows[site] = rows
	s.x[site] = x.Clone()
	s.order = append(s.order, fmt.Sprintf("x%d", site))
}

func (s *tuples) Gradient(site int, g *linalg.Tensor, rows []model.Rows) {
	s.rows[site] = rows
	s.g[site] = g.Clone()
	s.order = append(s.order, fmt.Sprintf("g%d", site))
}

func pass(t testing.TB, b *model.Base, batch *model.Batch, mode model.Mode) (model.Result, *tuples) {
	t.Helper()
	s := newTuples()
	return must[model.Result](t)(b.Pass(batch, mode, s)), s
}

// learn returns the gradients of an adapter's parameters at a site from one owner's tuple.
func learn(b *model.Base, s *tuples, site int, o model.Owner, a adapter.Adapter) []*linalg.Tensor {
	where := b.Sites()[site]
	x := where.Unfold(b.Device(), s.x[site].RowRange(o.Lo, o.Hi))
	g := s.g[site].RowRange(o.Lo, o.Hi)
	var grads []*linalg.Tensor
	for _, p := range a.Params() {
		grads = append(grads, linalg.New(linalg.F32, p.Value.Shape()...))
	}
	a.Gradient(b.Device(), grads, x, g.Reshape(x.Rows(), where.Out))
	return grads
}

// difference is ‖a − b‖/‖b‖ over all tensors, in float64.
func difference(a, b []*linalg.Tensor) float64 {
	var diff, norm float64
	for i := range b {
		for j, v := range b[i].F32() {
			d := float64(a[i].F32()[j]) - float64(v)
			diff += d * d
			norm += float64(v) * float64(v)
		}
	}
	return math.Sqrt(diff / norm)
}

// sameBits reports whether tensors are equal in shape and in every bit.
func sameBits(a, b *linalg.Tensor) bool {
	if fmt.Sprint(a.Shape()) != fmt.Sprint(b.Shape()) {
		return false
	}
	for i, v := range a.F32() {
		if math.Float32bits(v) != math.Float32bits(b.F32()[i]) {
			return false
		}
	}
	return true
}

// deltas are adapters as what is merged.
func deltas(t testing.TB, b *model.Base, adapters []adapter.Adapter) []model.Delta {
	t.Helper()
	list := make([]model.Delta, len(adapters))
	for i, a := range adapters {
		weight, bias, err := a.Delta(b.Device())
		if err != nil {
			t.Fatal(err)
		}
		list[i] = model.Delta{Weight: weight, Bias: bias}
	}
	return list
}
