package linalg_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// TestTruncatedSVD makes matrices of known singular values and looks for what Eckart and
// Young say of them.
func TestTruncatedSVD(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ out, in, rank int }{{6, 4, 1}, {4, 6, 2}, {5, 5, 5}, {3, 1, 1}} {
		n := min(c.out, c.in)
		u, v := orthonormal(r, c.out, n), orthonormal(r, c.in, n)
		w := linalg.New(linalg.F32, c.out, c.in)
		exact := make([]float64, c.out*c.in) // the nearest of rank c.rank
		part, total := 0.0, 0.0
		for k := range n {
			s := 5 / float64(k+1)
			total += s * s
			if k < c.rank {
				part += s * s
			}
			for i := range c.out {
				for j := range c.in {
					w.F32()[i*c.in+j] += float32(s * u[k][i] * v[k][j])
					if k < c.rank {
						exact[i*c.in+j] += s * u[k][i] * v[k][j]
					}
				}
			}
		}
		b, a, kept, err := linalg.TruncatedSVD(w, c.rank)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(kept-part/total) > 1e-6 {
			t.Errorf("%+v: kept %g, expected %g", c, kept, part/total)
		}
		for i := range c.out {
			for j := range c.in {
				sum := 0.0
				for k := range c.rank {
					sum += float64(b.F32()[i*c.rank+k]) * float64(a.F32()[k*c.in+j])
				}
				if math.Abs(sum-exact[i*c.in+j]) > 1e-5 {
					t.Fatalf("%+v: element %d, %d is %g, expected %g", c, i, j, sum, exact[i*c.in+j])
				}
			}
		}
		for k := range c.rank { // the largest of each column is positive
			largest := float32(0)
			for i := range c.out {
				if e := b.F32()[i*c.rank+k]; math.Abs(float64(e)) > math.Abs(float64(largest)) {
					largest = e
				}
			}
			if largest <= 0 {
				t.Errorf("%+v: column %d has the largest element %g", c, k, largest)
			}
		}
	}
}

// orthonormal draws n orthonormal vectors (Gram–Schmidt).
func orthonormal(r *rand.Rand, dim, n int) [][]float64 {
	var list [][]float64
	for len(list) < n {
		v := make([]float64, dim)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		for _, u := range list {
			dot := 0.0
			for i := range v {
				dot += u[i] * v[i]
			}
			for i := range v {
				v[i] -= dot * u[i]
			}
		}
		norm := 0.0
		for _, e := range v {
			norm += e * e
		}
		for i := range v {
			v[i] /= math.Sqrt(norm)
		}
		list = append(list, v)
	}
	return list
}

func TestTruncatedSVDRefuses(t *testing.T) {
	w := linalg.New(linalg.F32, 3, 2)
	for _, rank := range []int{0, 3, -1} {
		if _, _, _, err := linalg.TruncatedSVD(w, rank); err == nil {
			t.Errorf("rank %d of 3 × 2", rank)
		}
	}
	if _, _, kept, err := linalg.TruncatedSVD(w, 1); err != nil || kept != 1 {
		t.Errorf("of zeros %g is kept: %v", kept, err)
	}
	w.F32()[1] = float32(math.NaN())
	if _, _, _, err := linalg.TruncatedSVD(w, 1); err == nil {
		t.Error("NaN is decomposed")
	}
}
