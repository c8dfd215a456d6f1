//go:build !amd64

package kernel

const narrowRows, thinRows, thinColumns = 1, 1, 1

// narrowWidth says that no level has this kernel here.
func narrowWidth(Level, int) int { return 0 }

func (*tile) narrow(int) { panic("kernel: no level has this kernel here") }

func (*tile) thin() { panic("kernel: no level has this kernel here") }
