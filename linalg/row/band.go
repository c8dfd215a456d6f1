package row

// Band is some rows that lie at the same distance from each other: row i begins at X[i·Stride].
type Band struct {
	X      []float32
	Stride int
}

func (b Band) row(i, n int) []float32 { return b.X[i*b.Stride:][:n] }

// first returns the first element, where rows of so many elements are all there.
func (b Band) first(counts []int) *float32 {
	for i, n := range counts {
		if n > 0 {
			_ = b.X[i*b.Stride+n-1]
		}
	}
	return &b.X[0]
}

// band is what a kernel of several rows is called with.
type band struct {
	rows    [2]*float32 // first elements of the first row
	strides [2]int      // bytes from row to row
	numbers [2]*float32 // one of each row
	results *float32    // one of each row
	counts  *int        // elements of each row
	n       int         // rows, at least one
	scalar  float32     // of all rows
}

// SoftmaxRows replaces counts[i] numbers x of row i by exp(α·x − tops[i]), where tops[i] is the
// largest of α·x, and leaves their sum in sums[i].
func SoftmaxRows(x Band, counts []int, alpha float32, sums, tops []float32) {
	if len(counts) == 0 {
		return
	}
	if !banded() {
		for i, n := range counts {
			x := x.row(i, n)
			Scale(x, alpha)
			tops[i] = Max(x)
			sums[i] = ExpSum(x, x, tops[i])
		}
		return
	}
	_, _ = sums[len(counts)-1], tops[len(counts)-1]
	var b band
	b.rows[0], b.strides[0], b.counts, b.n, b.scalar, b.results = x.first(counts), 4*x.Stride, &counts[0], len(counts), alpha, &tops[0]
	b.largest()
	b.numbers[0], b.results = &tops[0], &sums[0]
	b.expSum()
}

// SlopesRows does what [Slopes] does with counts[i] numbers of row i, lses[i] and dots[i].
func SlopesRows(s, d Band, counts []int, scale float32, lses, dots []float32) {
	if len(counts) == 0 {
		return
	}
	if !banded() {
		for i, n := range counts {
			Slopes(s.row(i, n), d.row(i, n), scale, lses[i], dots[i])
		}
		return
	}
	_, _ = lses[len(counts)-1], dots[len(counts)-1]
	b := &band{
		rows: [2]*float32{s.first(counts), d.first(counts)}, strides: [2]int{4 * s.Stride, 4 * d.Stride},
		numbers: [2]*float32{&lses[0], &dots[0]}, counts: &counts[0], n: len(counts), scalar: scale,
	}
	b.slopes()
}

// DotRows computes dots[i] = Σ x∘y for counts[i] numbers of rows i.
func DotRows(dots []float32, x, y Band, counts []int) {
	if len(counts) == 0 {
		return
	}
	if !banded() {
		for i, n := range counts {
			dots[i] = Dot(x.row(i, n), y.row(i, n))
		}
		return
	}
	_ = dots[len(counts)-1]
	b := &band{rows: [2]*float32{x.first(counts), y.first(counts)}, strides: [2]int{4 * x.Stride, 4 * y.Stride}, counts: &counts[0], n: len(counts), results: &dots[0]}
	b.dot()
}

// ProductRows computes y = α·x + 0, which is never −0, for counts[i] numbers of rows i, with
// α = alphas[i].
func ProductRows(y Band, alphas []float32, x Band, counts []int) {
	if len(counts) == 0 {
		return
	}
	if !banded() {
		for i, n := range counts {
			y := y.row(i, n)
			clear(y)
			Axpy(y, alphas[i], x.row(i, n))
		}
		return
	}
	_ = alphas[len(counts)-1]
	b := &band{rows: [2]*float32{y.first(counts), x.first(counts)}, strides: [2]int{4 * y.Stride, 4 * x.Stride}, numbers: [2]*float32{&alphas[0]}, counts: &counts[0], n: len(counts)}
	b.product()
}

// AddPositiveRows does what [AddPositive] does with counts[i] numbers of rows i.
func AddPositiveRows(y, x Band, counts []int) {
	if len(counts) == 0 {
		return
	}
	if !banded() {
		for i, n := range counts {
			AddPositive(y.row(i, n), x.row(i, n))
		}
		return
	}
	b := &band{rows: [2]*float32{y.first(counts), x.first(counts)}, strides: [2]int{4 * y.Stride, 4 * x.Stride}, counts: &counts[0], n: len(counts)}
	b.addPositive()
}
