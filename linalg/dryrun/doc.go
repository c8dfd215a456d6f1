// Package dryrun has a [linalg.Device] that computes nothing. Its tensors have shapes and
// no numbers, and the device counts what they would take: what a model needs for a batch
// is seen by running its own code, before any weight is loaded.
//
// Liveness is Go's own: a tensor counts until nothing can reach it. To tell, the device
// runs the garbage collector, where the count may have passed its peak. The operations
// check no shapes.
package dryrun
