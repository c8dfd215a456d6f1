//go:build !amd64 && !arm64

package kernel

// tileShape and run are for levels that there are none of here.
func tileShape(Level) (rows, cols int) { panic("kernel: no level but Go's") }

func (*tile) run(Level) { panic("kernel: no level but Go's") }

func fmas(Level, int) int { panic("kernel: no level but Go's") }
