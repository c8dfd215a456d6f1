// Package linalg holds the numbers of cola: tensors and their storage types, the
// [Device] that computes on them, the CPU device, and the closed-form solvers of
// the gradient-learning regression.
//
// It imports nothing else of cola. Everything above it (adapters, models, the
// wire) speaks in its [Tensor] and [Blob].
//
// # Promises
//
//   - Row independence. An operation that maps rows to rows computes each row in
//     the same order of operations whatever rows surround it, however many there
//     are and however many threads run. The isolation of participants rests on it.
//   - Determinism. The same inputs give the same bits, for every value of
//     GOMAXPROCS, on one architecture.
//
// # Caveats
//
// Shapes that do not fit, a wrong dtype, or aliasing where it is forbidden are
// programmer errors: they panic with a message that names the operation, as in
// gonum. Nothing that comes from a user or from the network reaches such a panic:
// the packages above check first and return errors.
//
// Bits may differ between architectures, whose kernels for products are not the same. On
// amd64 they do not depend on the processor: nothing here asks whether it has FMA.
package linalg
