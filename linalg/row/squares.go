package row

// Squares returns Σ x² in float64, in which products of float32s are exact.
func Squares(x []float32) float64 {
	var sums [lanes]float64
	n := len(x) / lanes * lanes
	if n > 0 && !squares(&sums, &x[0], n) {
		n = 0
	}
	for i := n; i < len(x); i++ {
		sums[i%lanes] += float64(x[i]) * float64(x[i])
	}
	for half := lanes / 2; half > 0; half /= 2 {
		for j := range half {
			sums[j] += sums[j+half]
		}
	}
	return sums[0]
}
