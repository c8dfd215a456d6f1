package kernel

// What the tests hold the kernels against.
var (
	FMA          = fma
	MultiplyLoop = multiplyLoop
	Choose       = choose
)
