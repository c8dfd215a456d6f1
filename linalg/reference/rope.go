package reference

// RoPE turns, in each head of dim columns of x (n, heads·dim), the pair (a, b) of columns
// j and j + dim/2 by the angle whose cosine c is table[p, j] and whose sine s is
// table[p, j + dim/2], p = positions[i]:
//
//	(a, b) → (a·c − b·s, b·c + a·s)
//
// inverse turns by −s.
func RoPE(y, x []float64, positions []int, table []float64, heads, dim int, inverse bool) {
	half := dim / 2
	for i, p := range positions {
		for h := range heads {
			for j := range half {
				first := (i*heads+h)*dim + j
				a, b := x[first], x[first+half]
				c, s := table[p*dim+j], table[p*dim+half+j]
				if inverse {
					s = -s
				}
				y[first], y[first+half] = a*c-b*s, b*c+a*s
			}
		}
	}
}
