package linalg_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/kernel"
)

// plain is the CPU behind the interface: what asks whether a device is the CPU does not know it.
type plain struct{ linalg.Device }

// TestLowRankGradient holds gradients that come from one pass over x and g against the four products
// that they are, bit by bit: of all ranks, on some rows, on any number of threads, alone and
// beside others.
func TestLowRankGradient(t *testing.T) {
	dev := linalg.NewCPU()
	for _, level := range kernel.Levels() {
		restore, err := kernel.Use(level)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range [][4]int{{0, 5, 4, 2}, {1, 1, 1, 1}, {3, 7, 5, 2}, {16, 64, 48, 8}, {200, 100, 301, 8}, {70, 768, 129, 3}, {333, 65, 50, 16}, {40, 33, 47, 17}, {512, 96, 200, 5}} {
			n, in, out, rank := s[0], s[1], s[2], s[3]
			before, after := 2, 3 // rows of others
			x, g := random(1, before+n+after, in), random(2, before+n+after, out)
			p := linalg.LowRank{Lo: before, Hi: before + n, A: random(3, rank, in), B: random(4, out, rank), Scale: 1.5}
			gradients := func(dev linalg.Device) (da, db []float32) {
				a, b := random(5, rank, in), random(6, out, rank)
				linalg.LowRankGradient(dev, a, b, x, g, p)
				return a.F32(), b.F32()
			}
			wantA, wantB := gradients(plain{dev})
			for _, threads := range []int{1, 2, 5} {
				old := runtime.GOMAXPROCS(threads)
				same := make([]bool, 8)
				check := func(i int) {
					da, db := gradients(dev)
					same[i] = slices.Equal(da, wantA) && slices.Equal(db, wantB)
				}
				check(0)
				linalg.Each(dev, len(same), check)
				runtime.GOMAXPROCS(old)
				if slices.Contains(same, false) {
					t.Errorf("%v, %v on %d threads: the gradients are not those of the products", level, s, threads)
				}
			}
		}
		restore()
	}
	p := linalg.LowRank{Hi: 2, A: random(1, 1, 3), B: random(1, 4, 1)}
	mustPanic(t, "LowRankGradient", func() {
		linalg.LowRankGradient(dev, p.A, p.B, random(1, 2, 4), random(1, 2, 4), p)
	}, "linalg.LowRankGradient")
}
