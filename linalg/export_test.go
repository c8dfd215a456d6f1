package linalg

// Portable makes conversions to bytes take the path of a big-endian machine until restore
// is called.
func Portable() (restore func()) {
	old := littleEndian
	littleEndian = false
	return func() { littleEndian = old }
}

// Logarithm is the CPU device's.
var Logarithm = logarithm
