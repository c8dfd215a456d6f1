package cuda

import "github.com/gradientlearning/cola/cuda/kernels"

// loadPTX loads the kernels that are embedded as PTX: the driver itself compiles them for
// its GPU, and keeps the result in a cache of its own (~/.nv/ComputeCache). It needs nothing
// but the driver, and its code is a little slower than that of NVRTC.
func (p *program) loadPTX() error {
	text, err := kernels.PTX()
	if err != nil {
		return err
	}
	return p.load("load the embedded PTX", append(text, 0)) // the driver takes text with a NUL behind it
}
