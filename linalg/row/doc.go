// Package row holds the loops that compute the same for every element of some rows: functions
// of one number, sums, norms and what training makes of them. It belongs to package kernel,
// whose rules it keeps: one thread, slices, and the same bits on every processor.
//
// Each function is a loop in Go, which is its meaning, and in the assembly of AVX2, AVX-512 and
// NEON, which the generator in gen writes: change that, and run go generate. Nothing is fused:
// every operation rounds. A sum has 16 parts, part j of the elements j, j+16, …, which are
// folded in halves at the end: 0 with 8, 1 with 9, …, then 0 with 4, and so on.
package row

//go:generate go run ./gen
