package cuda

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// TestGPU loads everything on a real GPU, in both ways, and computes a little. It is the
// first thing to run on a new kind of GPU; COLA_REQUIRE_CUDA=1 makes it fail where there is none.
func TestGPU(t *testing.T) {
	for _, jit := range []string{jitCompiler, jitPTX} {
		t.Run(jit, func(t *testing.T) {
			c, err := open(0, options{strict: true, jit: jit})
			if errors.Is(err, ErrUnavailable) && os.Getenv("COLA_REQUIRE_CUDA") != "1" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if _, err := c.close(); err != nil {
					t.Error(err)
				}
			}()
			a, b := numbers(t, c, 1, 2, 3), numbers(t, c, 10, 20, 30)
			add(c, a, a, b, 3)
			if got := fmt.Sprint(values(t, c, a, 3)); got != "[11 22 33]" || c.Err() != nil {
				t.Errorf("the sums are %s; %v", got, c.Err())
			}
			r := rand.New(rand.NewPCG(1, 5))
			const n = 64
			x, w, y := random(t, c, r, linalg.BF16, n, n, n, 1), random(t, c, r, linalg.BF16, n, n, n, 1), random(t, c, r, linalg.F32, n, n, n, 1)
			p := &product{a: x.matrix, b: w.matrix, transB: true, alpha: 1, d: y.matrix}
			in(t, c, func() error { return c.blas.multiply(p) })
			for i, got := range y.fetch(t, c) {
				want := 0.0
				for l := range n {
					want += x.element(0, i/n, l, false) * w.element(0, i%n, l, false)
				}
				near(t, fmt.Sprintf("element %d", i), got, want, linalg.F32)
			}
			t.Logf("%s, kernels from %s", c.info.Name, c.program.origin)
		})
	}
}
