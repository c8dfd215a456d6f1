package kernel

// Operand is the left operand of a product: element (i, k) is Data[i·RowStride + k·ColStride].
// It is fast where one of the strides is 1.
type Operand struct {
	Data                 []float32
	RowStride, ColStride int
}

// Multiply computes c = init + a·b for a (m, k) and b (k, n), packed by [Pack]: c[i·ldc + j]
// starts as init[i·ldi + j], or 0 where init is nil, and a's products are added to it in the
// order of k, each by one fused multiply-add. init may be c, with the same stride. ldi = 0
// makes init one row for all, such as a bias.
func Multiply(c []float32, ldc int, init []float32, ldi int, a Operand, b []float32, m, n, k int) {
	if m == 0 || n == 0 {
		return
	}
	if level == Generic || a.RowStride != 1 && a.ColStride != 1 {
		multiplyLoop(c, ldc, init, ldi, a, b, m, n, k)
		return
	}
	_ = c[(m-1)*ldc+n-1]
	if init != nil {
		_ = init[(m-1)*ldi+n-1]
	}
	if k > 0 {
		_ = a.Data[(m-1)*a.RowStride+(k-1)*a.ColStride]
		_ = b[PackedLen(k, n)-1]
	}
	multiplyBlocked(c, ldc, init, ldi, a, b, m, n, k)
}

// multiplyLoop is the meaning of [Multiply].
func multiplyLoop(c []float32, ldc int, init []float32, ldi int, a Operand, b []float32, m, n, k int) {
	for i := range m {
		for j := range n {
			sum := float32(0)
			if init != nil {
				sum = init[i*ldi+j]
			}
			for p := range k {
				sum = fma(a.Data[i*a.RowStride+p*a.ColStride], b[(j/Panel*k+p)*Panel+j%Panel], sum)
			}
			c[i*ldc+j] = sum
		}
	}
}
