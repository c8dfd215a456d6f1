package bench

import (
	"runtime"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/kernel"
)

// Machine says what was measured on.
type Machine struct {
	Device  string `json:"device"`
	Threads int    `json:"threads"`
	Kernels string `json:"kernel_level"`
}

func thisMachine(dev linalg.Device) Machine {
	return Machine{Device: dev.Name(), Threads: runtime.GOMAXPROCS(0), Kernels: kernel.Current().String()}
}
