//go:build linux

package kernel_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// guarded returns a copy of x that ends, or begins, where the process has no memory: whoever
// reads on ends the test.
func guarded(t *testing.T, x []float32, end bool) []float32 {
	t.Helper()
	page := os.Getpagesize()
	size := (4*len(x)/page + 1) * page
	all, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(all) }) //nolint:errcheck // the process ends soon
	for _, guard := range [][]byte{all[:page], all[page+size:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	at := page
	if end {
		at += size - 4*len(x)
	}
	part := unsafe.Slice((*float32)(unsafe.Pointer(&all[at])), len(x))
	copy(part, x)
	return part
}

// TestMultiplyStaysInside multiplies matrices that have nothing beside them.
func TestMultiplyStaysInside(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{1, 3, 8, 11, 16, 29, 32, 33, 47} {
			for _, m := range []int{1, 2, 3, 4, 5, 6, 7, 8, 14, 15} {
				k := 1 + (m+n)%9
				p := newProblem(13, m, n, k, false)
				for way := range 4 {
					l := layout{start: (m + n + way) % starts, transposed: way&1 == 1}
					t.Run(fmt.Sprint(m, n, k, l), func(t *testing.T) { p.checkGuarded(t, l, way&2 == 2) })
				}
			}
		}
	})
}

func (p *problem) checkGuarded(t *testing.T, l layout, end bool) {
	t.Helper()
	m, n, k := p.m, p.n, p.k
	c := guarded(t, p.init, end)
	a := l.left(p, m)
	a.Data = guarded(t, a.Data[:m*k], end)
	b := guarded(t, packed(p, n), end)
	init, ldi := c, n
	switch l.start {
	case fromNothing:
		init, ldi = nil, 0
	case fromRows:
		init = guarded(t, p.init, end)
	case fromOneRow:
		init, ldi = guarded(t, p.init[:n], end), 0
	}
	kernel.Multiply(c, n, init, ldi, a, b, m, n, k)
	for i, got := range c {
		if want := p.want[l.start][i]; !same(got, want) {
			t.Fatalf("element %d is %x, want %x", i, got, want)
		}
	}
}

// TestMultiplyNarrowStaysInside does so with few columns.
func TestMultiplyNarrowStaysInside(t *testing.T) {
	eachNarrow(t, func(t *testing.T, n int) {
		for _, m := range []int{1, 15, 16, 17} {
			for _, k := range []int{1, 8, 64, 67, 71} {
				p := newProblem(37, m, n, k, false)
				for way := range 2 * starts {
					p.checkNarrow(t, way/2, func(x []float32) []float32 { return guarded(t, x, way&1 == 1) })
				}
			}
		}
	})
}

// TestPackStaysInside packs a matrix that has nothing beside it.
func TestPackStaysInside(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, k := range []int{1, 5, 16, 19} {
			for _, n := range []int{1, 7, 16, 31, 32, 33, 50} {
				for way := range 4 {
					rs, cs := n, 1
					if way&1 == 1 {
						rs, cs = 1, k
					}
					b := make([]float32, k*n)
					for i := range b {
						b[i] = float32(i)
					}
					b = guarded(t, b, way&2 == 2)
					dst := guarded(t, make([]float32, kernel.PackedLen(k, n)), way&2 == 2)
					kernel.Pack(dst, b, k, n, rs, cs)
					if got, want := dst[len(dst)-kernel.Panel+(n-1)%kernel.Panel], b[len(b)-1]; got != want {
						t.Fatalf("(%d, %d): the last element is %v, want %v", k, n, got, want)
					}
				}
			}
		}
	})
}
