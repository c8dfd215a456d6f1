// Package kernel holds the loops that cola's time goes into: products of matrices, and
// functions of every element of a row, for one thread, over slices.
//
// Each kernel is written as a loop in Go, which is its meaning, and in the assembly of the
// instruction sets that [Level] names. All forms of a kernel give the same bits:
//
//   - A product adds up its terms in the order of the inner dimension, each by one fused
//     multiply-add: c ← fma(aₖ, bₖ, c) for k = 0, 1, …, for every element by itself. So it
//     does not matter how a matrix is cut into tiles, panels and blocks.
//   - Everything else rounds after every operation; nothing is fused.
//   - A sum over a row has [Lanes] parts, part j of the elements j, j+Lanes, …, which are
//     folded in halves at the end: 0 with 8, 1 with 9, …, then 0 with 4, and so on.
//
// So a model computes the same on every processor, whatever it has, and on any number of
// threads.
//
// What a kernel is called with is one struct, which is written field by field, or by a literal behind
// an &. Go writes other literals elsewhere first and copies them, in larger words than they were written
// in, for which processors wait until all has been written that comes before: where rows go to
// memory, that takes as long as a tile.
//
// The assembly is written by the generator in gen; change that, and run go generate.
package kernel

//go:generate go run ./gen
