package kernel

import "runtime"

// FMAs does n rounds of fused multiply-adds that wait for nothing, neither memory nor each
// other, and returns the number of floating-point operations that were done. What it does a
// second is what no product on this thread can exceed at this level.
func FMAs(n int) (flops float64) {
	if n < 1 {
		return 0
	}
	if level == Generic {
		var sums [4]float32
		for range n {
			for i := range sums {
				sums[i] = fma(1.5, 0.25, sums[i])
			}
		}
		runtime.KeepAlive(sums)
		return float64(n) * 2 * float64(len(sums))
	}
	return float64(n) * 2 * float64(fmas(level, n))
}
