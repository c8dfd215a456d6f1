package kernel

import "golang.org/x/sys/cpu"

// EachBF16 calls do with each way to multiply bfloat16 that the processor has, and with none.
func EachBF16(do func()) {
	best := native
	defer func() { native = best }()
	for native = noBF16; native <= best; native++ {
		if native != pairsBF16 || cpu.X86.HasAVX512BF16 {
			do()
		}
	}
}
