package linalg_test

import (
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// Elements change places and types, and no bit of their values, at every shape and from every
// type.
func TestTransposeAndWiden(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range [][2]int{{1, 1}, {1, 40}, {40, 1}, {15, 17}, {16, 32}, {33, 100}, {300, 257}, {0, 3}} {
		m, n := shape[0], shape[1]
		x := linalg.New(linalg.F32, m, n)
		for i := range x.F32() {
			x.F32()[i] = float32(r.NormFloat64())
		}
		for _, dtype := range []linalg.DType{linalg.F32, linalg.F16, linalg.BF16} {
			src := x.Convert(dtype)
			want := src.Convert(linalg.F32).F32()
			turned, wide := linalg.New(linalg.F32, n, m), linalg.New(linalg.F32, m, n)
			linalg.Transpose(turned, src)
			linalg.Widen(wide, src)
			for i := range m {
				for j := range n {
					if turned.F32()[j*m+i] != want[i*n+j] || wide.F32()[i*n+j] != want[i*n+j] {
						t.Fatalf("%v %v: element (%d, %d) is %v turned and %v widened, want %v", dtype, shape, i, j, turned.F32()[j*m+i], wide.F32()[i*n+j], want[i*n+j])
					}
				}
			}
		}
	}
	for name, wrong := range map[string]func(){
		"Transpose": func() { linalg.Transpose(linalg.New(linalg.F32, 2, 3), linalg.New(linalg.F32, 2, 3)) },
		"Widen":     func() { linalg.Widen(linalg.New(linalg.F32, 2, 3), linalg.New(linalg.BF16, 2, 2)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s took tensors that do not go together", name)
				}
			}()
			wrong()
		}()
	}
}

func BenchmarkTranspose(b *testing.B) {
	src, dst := linalg.New(linalg.F32, 768, 2304), linalg.New(linalg.F32, 2304, 768)
	b.SetBytes(4 * 768 * 2304)
	for b.Loop() {
		linalg.Transpose(dst, src)
	}
}
