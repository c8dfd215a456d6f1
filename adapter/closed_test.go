package adapter_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// matrix is a dense matrix in float64.
type matrix [][]float64

func newMatrix(rows, cols int) matrix {
	m := make(matrix, rows)
	for i := range m {
		m[i] = make([]float64, cols)
	}
	return m
}

func matrixOf(t *linalg.Tensor) matrix {
	m := newMatrix(t.Rows(), t.Cols())
	for i := range m {
		for j := range m[i] {
			m[i][j] = float64(t.F32()[i*t.Cols()+j])
		}
	}
	return m
}

func (m matrix) t() matrix {
	r := newMatrix(len(m[0]), len(m))
	for i := range m {
		for j, v := range m[i] {
			r[j][i] = v
		}
	}
	return r
}

func (m matrix) mul(b matrix) matrix {
	r := newMatrix(len(m), len(b[0]))
	for i := range m {
		for k, v := range m[i] {
			for j, w := range b[k] {
				r[i][j] += v * w
			}
		}
	}
	return r
}

func (m matrix) add(s float64, b matrix) matrix {
	r := newMatrix(len(m), len(m[0]))
	for i := range m {
		for j := range m[i] {
			r[i][j] = m[i][j] + s*b[i][j]
		}
	}
	return r
}

// square is ‖m‖².
func (m matrix) square() float64 {
	sum := 0.0
	for _, row := range m {
		for _, v := range row {
			sum += v * v
		}
	}
	return sum
}

// solve returns m⁻¹·b by Gauss-Jordan elimination, for a positive definite m.
func (m matrix) solve(b matrix) matrix {
	a, r := m.add(0, m), b.add(0, b)
	for p := range a {
		d := a[p][p]
		for j := range a[p] {
			a[p][j] /= d
		}
		for j := range r[p] {
			r[p][j] /= d
		}
		for i := range a {
			if i == p {
				continue
			}
			f := a[i][p]
			for j := range a[i] {
				a[i][j] -= f * a[p][j]
			}
			for j := range r[i] {
				r[i][j] -= f * r[p][j]
			}
		}
	}
	return r
}

// leading returns orthonormal rows that span the leading eigenvectors of a positive
// definite m, by iterating a subspace.
func (m matrix) leading(rank int) matrix {
	q := newMatrix(rank, len(m))
	for k := range q {
		for j := range q[k] {
			q[k][j] = math.Cos(float64(1 + k*len(m) + j))
		}
	}
	for range 3000 {
		q = q.mul(m)
		for k := range q { // Gram-Schmidt
			for l := range k {
				dot := matrix{q[k]}.mul(matrix{q[l]}.t())[0][0]
				for j := range q[k] {
					q[k][j] -= dot * q[l][j]
				}
			}
			n := math.Sqrt(matrix{q[k]}.square())
			for j := range q[k] {
				q[k][j] /= n
			}
		}
	}
	return q
}

// gram is xᵀx + λI.
func gram(x matrix, lambda float64) matrix {
	m := x.t().mul(x)
	for i := range m {
		m[i][i] += lambda
	}
	return m
}

// TestRidgeSolvesTheNormalEquations compares with (xᵀx + λI)·ΔWᵀ = −η·xᵀg in float64, the
// bias being the weight of a column of ones, and adds to what the adapter was.
func TestRidgeSolvesTheNormalEquations(t *testing.T) {
	const eta, lambda = 0.7, 0.5
	for _, kind := range []string{"linear", "linear, bias"} {
		f := newFitter(t, linearSite, specs[kind], optimizers["sgd"], adapter.SolverConfig{Name: "ridge", Ridge: lambda})
		r := adapter.Rand(4, kind, "")
		params := f.Adapter().Params()
		for _, p := range params {
			randomise(r, 0.5, p.Value)
		}
		start := f.Adapter().Params()[0].Value.Clone()
		x, g := tuples(r, 20)
		x64 := matrixOf(x)
		var bias []float32
		if len(params) == 2 {
			bias = params[1].Value.Clone().F32()
			for i := range x64 {
				x64[i] = append(x64[i], 1)
			}
		}
		f.Add(x.RowRange(0, 8), g.RowRange(0, 8), 1)
		f.Add(x.RowRange(8, 20), g.RowRange(8, 20), 1)
		if _, err := f.Fit(eta); err != nil {
			t.Fatal(err)
		}
		dw := gram(x64, lambda).solve(x64.t().mul(matrixOf(g))).t()
		for i := range dw {
			for j, d := range dw[i] {
				var got, want float64
				if j < linearSite.In {
					got, want = float64(params[0].Value.F32()[i*linearSite.In+j]), float64(start.F32()[i*linearSite.In+j])-eta*d
				} else {
					got, want = float64(params[1].Value.F32()[i]), float64(bias[i])-eta*d
				}
				if math.Abs(got-want) > 1e-6 {
					t.Errorf("%s: element %d, %d is %g, the normal equations have %g", kind, i, j, got, want)
				}
			}
		}
	}
}

// TestReducedRankIsTheTruncatedSolution compares with the target's projection onto the
// leading eigenvectors of W*·(xᵀx + λI)·W*ᵀ in float64, from an adapter that is something
// already, and with as many gradient steps at the same rank as one likes.
func TestReducedRankIsTheTruncatedSolution(t *testing.T) {
	const eta, lambda = 1, 0.25
	for _, kind := range []string{"low-rank", "low-rank scaled"} {
		fit := func(s adapter.SolverConfig, rate float64) (start, after matrix, x, g matrix) {
			f := newFitter(t, linearSite, specs[kind], optimizers["sgd"], s)
			r := adapter.Rand(4, kind, "")
			for _, p := range f.Adapter().Params() {
				randomise(r, 0.3, p.Value)
			}
			start = delta(t, f)
			tx, tg := tuples(r, 30)
			f.Add(tx, tg, 1)
			if _, err := f.Fit(rate); err != nil {
				t.Fatal(err)
			}
			return start, delta(t, f), matrixOf(tx), matrixOf(tg)
		}
		start, got, x, g := fit(adapter.SolverConfig{Name: "reduced-rank", Ridge: lambda}, eta)
		m := gram(x, lambda)
		target := start.add(-eta, m.solve(x.t().mul(g)).t())
		u := target.mul(m).mul(target.t()).leading(specs[kind].Rank)
		want := u.t().mul(u).mul(target)
		if d := got.add(-1, want).square() / want.square(); d > 1e-10 {
			t.Errorf("%s: relative difference %g from the truncated solution", kind, math.Sqrt(d))
		}
		// With λ = 0 what is minimised is ‖x·Wᵀ − x·W₀ᵀ + g‖ over maps of the rank.
		distance := func(after matrix) float64 {
			return x.mul(after.add(-1, start).t()).add(1, g).square() / 2
		}
		_, exact, _, _ := fit(adapter.SolverConfig{Name: "reduced-rank"}, eta)
		for _, steps := range []int{1, 10, 1000} {
			_, stepped, _, _ := fit(adapter.SolverConfig{Name: "steps", Steps: steps}, 0.005)
			if distance(exact) > distance(stepped)*(1+1e-6) {
				t.Errorf("%s: ℓ %g in closed form, %g after %d steps", kind, distance(exact), distance(stepped), steps)
			}
		}
	}
}

// delta is what an adapter computes, as a matrix.
func delta(t *testing.T, f *adapter.Fitter) matrix {
	t.Helper()
	w, _, err := f.Adapter().Delta(linalg.NewCPU())
	if err != nil {
		t.Fatal(err)
	}
	return matrixOf(w)
}
