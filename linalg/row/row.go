package row

import "math"

// row is what a kernel is called with: the first elements of its rows, its numbers, and the
// parts of its sums.
type row struct {
	rows    [6]*float32
	scalars [7]float32
	count   int // of elements, at least one
	parts   [2]parts
}

// lanes is the number of elements of a vector, and of parts of a sum.
const lanes = 16

// parts are those of a sum.
type parts [lanes]float32

// lowest are those of a maximum of nothing.
var lowest = func() (p parts) {
	for j := range p {
		p[j] = float32(math.Inf(-1))
	}
	return p
}()

// fold adds the parts up. Kernels that take all elements have done it.
func (p *parts) fold() float32 {
	if tails && vectors() {
		return p[0]
	}
	for half := lanes / 2; half > 0; half /= 2 {
		for j := range half {
			p[j] += p[j+half]
		}
	}
	return p[0]
}

// largest returns the largest of the parts, which are compared in halves, too.
func (p *parts) largest() float32 {
	if tails && vectors() {
		return p[0]
	}
	for half := lanes / 2; half > 0; half /= 2 {
		for j := range half {
			p[j] = larger(p[j+half], p[j])
		}
	}
	return p[0]
}

// whole returns how many of n elements kernels compute.
func whole(n int) int {
	switch {
	case !vectors():
		return 0
	case tails:
		return n
	}
	return n / lanes * lanes
}
