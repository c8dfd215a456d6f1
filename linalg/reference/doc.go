// Package reference holds every operation of [linalg.Device] as a plain loop in float64.
//
// It is the oracle that devices are tested against: short enough to be checked by eye
// against the formula in its comment, and never fast. Matrices are row-major slices; the
// words are those of [linalg.Device]: n rows, y and g are (n, out), x and dx are (n, in),
// W is (out, in). Slices are as long as their dimensions say.
package reference
