//go:build !amd64 && !arm64

package kernel

// rowWidth and rowColumns are for levels that there are none of here.
func rowWidth(Level) int { panic("kernel: no level but Go's") }

func rowColumns(Level, *float32, *float32, *float32, int, int) { panic("kernel: no level but Go's") }
