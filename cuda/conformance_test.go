package cuda_test

import (
	"testing"

	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/linalg/linalgtest"
)

// The suite that the CPU passes.
func TestConformance(t *testing.T) {
	useGPU(t)
	linalgtest.Conformance(t, newDevice(t, cuda.Options{}))
}
