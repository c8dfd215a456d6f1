package linalg_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gradientlearning/cola/linalg"
)

// rankProblem is one reduced-rank regression, and its unconstrained target W* and
// G = xᵀx + λI, computed in another way than the solver does.
type rankProblem struct {
	x, g, w      *linalg.Tensor
	eta, lambda  float64
	target, gram *mat.Dense
}

func newRankProblem(t *testing.T, n, in, out int, eta, lambda float64) *rankProblem {
	t.Helper()
	p := &rankProblem{x: random(1, n, in), g: random(2, n, out), w: random(3, out, in), eta: eta, lambda: lambda}
	p.target = ridgeByQR(t, p.x, p.g, eta, lambda)
	p.target.Add(p.target, dense(p.w))
	p.gram = mat.NewDense(in, in, nil)
	p.gram.Mul(dense(p.x).T(), dense(p.x))
	for i := range in {
		p.gram.Set(i, i, p.gram.At(i, i)+lambda)
	}
	return p
}

// loss is ‖(M − W*)·L‖² = trace((M−W*)·G·(M−W*)ᵀ).
func (p *rankProblem) loss(m mat.Matrix) float64 {
	var d, dg, dgd mat.Dense
	d.Sub(m, p.target)
	dg.Mul(&d, p.gram)
	dgd.Mul(&dg, d.T())
	return mat.Trace(&dgd)
}

// best is the least loss of any map of the rank: the sum of the smallest eigenvalues of
// W*·G·W*ᵀ.
func (p *rankProblem) best(t *testing.T, rank int) float64 {
	t.Helper()
	var tg, tgt mat.Dense
	tg.Mul(p.target, p.gram)
	tgt.Mul(&tg, p.target.T())
	out, _ := tgt.Dims()
	sym := mat.NewSymDense(out, nil)
	for i := range out {
		for j := i; j < out; j++ {
			sym.SetSym(i, j, (tgt.At(i, j)+tgt.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(sym, false) {
		t.Fatal("no eigenvalues")
	}
	sum := 0.0
	for _, v := range eigen.Values(nil)[:out-rank] { // ascending
		sum += v
	}
	return sum
}

func (p *rankProblem) solve(t *testing.T, rank int) (b, a *mat.Dense) {
	t.Helper()
	tb, ta, err := linalg.ReducedRank(p.x, p.g, p.w, p.eta, p.lambda, rank)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tb.Shape(), []int{p.w.Rows(), rank}) || !slices.Equal(ta.Shape(), []int{rank, p.w.Cols()}) {
		t.Fatalf("B %v and A %v for %v of rank %d", tb.Shape(), ta.Shape(), p.w.Shape(), rank)
	}
	return dense(tb), dense(ta)
}

func product(b, a *mat.Dense) *mat.Dense {
	var m mat.Dense
	m.Mul(b, a)
	return &m
}

var rankShapes = []struct {
	name        string
	n, in, out  int
	eta, lambda float64
}{
	{"tall", 60, 6, 9, 0.5, 0.1},
	{"wide", 60, 11, 4, 0.5, 0},
	{"fewer rows than columns", 4, 10, 5, 0.2, 1e-2},
	{"strong ridge", 30, 6, 6, 1, 1e3},
}

func TestReducedRankIsOptimal(t *testing.T) {
	for _, c := range rankShapes {
		t.Run(c.name, func(t *testing.T) {
			p := newRankProblem(t, c.n, c.in, c.out, c.eta, c.lambda)
			scale := p.loss(mat.NewDense(c.out, c.in, nil))
			for rank := 1; rank <= min(c.in, c.out); rank++ {
				b, a := p.solve(t, rank)
				loss, best := p.loss(product(b, a)), p.best(t, rank)
				if math.Abs(loss-best) > 1e-6*scale {
					t.Errorf("rank %d: loss %v, the eigenvalues give %v", rank, loss, best)
				}
				for seed := range uint64(20) {
					other := product(dense(random(seed, c.out, rank)), dense(random(seed+100, rank, c.in)))
					if p.loss(other) < loss-1e-6*scale {
						t.Errorf("rank %d: a random map has less loss", rank)
					}
					db, da := dense(random(seed+200, c.out, rank)), dense(random(seed+300, rank, c.in))
					db.Scale(1e-2, db)
					da.Scale(1e-2, da)
					db.Add(db, b)
					da.Add(da, a)
					if p.loss(product(db, da)) < loss-1e-6*scale {
						t.Errorf("rank %d: a map beside it has less loss", rank)
					}
				}
			}
		})
	}
}

func TestReducedRankOfFullRankIsRidge(t *testing.T) {
	for _, c := range rankShapes {
		p := newRankProblem(t, c.n, c.in, c.out, c.eta, c.lambda)
		near(t, c.name+": B·A", product(p.solve(t, min(c.in, c.out))), p.target, 1e-5)
	}
}

// The factors share the singular values evenly and have a sign of their own, so that they
// are determined and not only their product.
func TestReducedRankFactors(t *testing.T) {
	p := newRankProblem(t, 50, 7, 9, 0.3, 0.2)
	b, a := p.solve(t, 4)
	last := math.Inf(1)
	for k := range 4 {
		left, row := mat.Norm(b.ColView(k), 2), a.RowView(k).(*mat.VecDense)
		right := math.Sqrt(mat.Inner(row, p.gram, row))
		if math.Abs(left-right) > 1e-5*left {
			t.Errorf("direction %d: ‖B_k‖ is %v and ‖A_k‖ in the norm of x is %v", k, left, right)
		}
		if left > last {
			t.Errorf("direction %d is stronger than the one before it", k)
		}
		last = left
		column := mat.Col(nil, k, b)
		if largest := slices.Max(column); largest < -slices.Min(column) {
			t.Errorf("direction %d: the largest element of %v is negative", k, column)
		}
	}
}

// A target of rank 1 asked for in rank 3 leaves two directions empty.
func TestReducedRankOfLowerRank(t *testing.T) {
	x, in, out := random(1, 20, 5), 5, 4
	w := linalg.New(linalg.F32, out, in)
	for i := range out {
		for j := range in {
			w.F32()[i*in+j] = float32((i + 1) * (j - 2))
		}
	}
	b, a, err := linalg.ReducedRank(x, linalg.New(linalg.F32, 20, out), w, 1, 0.1, 3)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "B·A", product(dense(b), dense(a)), dense(w), 1e-6)
	for i, v := range b.F32() {
		if i%3 > 0 && v != 0 {
			t.Errorf("B holds %v in direction %d, which the target has not", v, i%3)
		}
	}
	b, a, err = linalg.ReducedRank(x, linalg.New(linalg.F32, 20, out), linalg.New(linalg.F32, out, in), 1, 0.1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(slices.Concat(b.F32(), a.F32()), func(v float32) bool { return v != 0 }) {
		t.Errorf("a target of zeros gives B %v and A %v", b.F32(), a.F32())
	}
}

func TestReducedRankErrors(t *testing.T) {
	w := random(3, 2, 3)
	for name, c := range solverErrors() {
		b, _, err := linalg.ReducedRank(c.x, c.g, w, c.eta, c.lambda, 1)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: B %v, error %v, want one that says %q", name, b, err, c.says)
		}
	}
	x, g := random(1, 8, 3), random(2, 8, 2)
	for _, rank := range []int{-1, 0, 3} {
		if _, _, err := linalg.ReducedRank(x, g, w, 1, 1, rank); err == nil || !strings.Contains(err.Error(), "use 1 to 2") {
			t.Errorf("rank %d: error %v", rank, err)
		}
	}
	w.F32()[2] = float32(math.NaN())
	if _, _, err := linalg.ReducedRank(x, g, w, 1, 1, 1); err == nil || !strings.Contains(err.Error(), "row 0 of w") {
		t.Errorf("w NaN: error %v", err)
	}
}

func TestReducedRankIsDeterministic(t *testing.T) {
	x, g, w := random(1, 200, 130), random(2, 200, 100), random(3, 100, 130)
	withThreads(t, func() []float32 {
		b, a, err := linalg.ReducedRank(x, g, w, 0.1, 0.1, 5)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Concat(b.F32(), a.F32())
	})
}
