package row

// row is what a kernel is called with: the first elements of its rows, its numbers, and the
// parts of its sums.
type row struct {
	rows    [5]*float32
	scalars [7]float32
	vectors int // of 16 elements, at least one
	parts   [2]parts
}

// lanes is the number of elements of a vector, and of parts of a sum.
const lanes = 16

// parts are those of a sum.
type parts [lanes]float32

// fold adds the parts up.
func (p *parts) fold() float32 {
	for half := lanes / 2; half > 0; half /= 2 {
		for j := range half {
			p[j] += p[j+half]
		}
	}
	return p[0]
}

// whole returns how many of n elements are in whole vectors, for kernels to compute.
func whole(n int) int {
	if !vectors() {
		return 0
	}
	return n / lanes * lanes
}
