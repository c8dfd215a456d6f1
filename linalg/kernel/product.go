package kernel

// Operand is the left operand of a product: element (i, k) is Data[i·RowStride + k·ColStride].
// It is fast where one of the strides is 1. Strides of 32 bits make it so small that it is passed in
// registers; see the package's comment on literals.
type Operand struct {
	Data                 []float32
	RowStride, ColStride int32
}

// Rows returns an operand whose rows lie in one piece each, stride elements from one to the next.
func Rows(data []float32, stride int) Operand { return Operand{data, int32(stride), 1} }

// Columns returns one whose columns do.
func Columns(data []float32, stride int) Operand { return Operand{data, 1, int32(stride)} }

// at returns where an element lies.
func (a Operand) at(i, k int) int { return i*int(a.RowStride) + k*int(a.ColStride) }

// Meeting is a matrix (m, n) that a product is going to meet element by element, as a residual
// that is added to it, or what is gone over next and is as large. Nothing depends on it but time; of more
// than two the rest waits.
type Meeting struct {
	Data   []float32
	Stride int // elements from row to row
}

// mostMeets is how many a tile asks for.
const mostMeets = 2

// Multiply computes c = init + a·b for a (m, k) and b (k, n), packed by [Pack]: c[i·ldc + j]
// starts as init[i·ldi + j], or 0 where init is nil, and a's products are added to it in the
// order of k, each by one fused multiply-add. init may be c, with the same stride. ldi = 0
// makes init one row for all, such as a bias. What c will meet is fetched meanwhile.
func Multiply(c []float32, ldc int, init []float32, ldi int, a Operand, b []float32, m, n, k int, meets ...Meeting) {
	if m == 0 || n == 0 {
		return
	}
	g := &block{c: c, init: init, ldc: ldc, ldi: ldi, a: a, b: b, m: m, n: n, k: k, all: k, meets: meets}
	if !g.tiled() {
		multiplyLoop(c, ldc, init, ldi, a, b, m, n, k)
		return
	}
	_ = b[PackedLen(k, n)-1]
	multiplyBlocked(g)
}

// multiplyLoop is the meaning of [Multiply]. The chains of a panel's columns go on side by
// side, since each multiply-add waits for the one before it in its chain.
func multiplyLoop(c []float32, ldc int, init []float32, ldi int, a Operand, b []float32, m, n, k int) {
	for j := 0; j < n; j += Panel {
		panel, width := b[j*k:][:k*Panel], min(Panel, n-j)
		for i := range m {
			var chains [Panel]float32
			sums := chains[:width]
			if init != nil {
				copy(sums, init[i*ldi+j:][:width])
			}
			for p := range k {
				x := float64(a.Data[a.at(i, p)])
				for q, y := range panel[p*Panel:][:width] { // sums[q] = fma(x, y, sums[q])
					product, start := x*float64(y), float64(sums[q])
					sum := product + start
					if !roundsAgain(sum) {
						sum = toOdd(product, start, sum)
					}
					sums[q] = float32(sum)
				}
			}
			copy(c[i*ldc+j:][:width], sums)
		}
	}
}
