// Package dl opens shared libraries at run time and calls the C functions in them, without
// cgo. It knows nothing of CUDA: only how a library is looked for, and how it is called.
//
// It is the one importer of purego in this module, on linux/amd64 and linux/arm64 and
// without the build tag nocuda. Everywhere else it compiles to a loader that fails with
// [ErrUnsupported], so that all above it builds on every platform. A binary that contains
// purego is linked dynamically against glibc, even with CGO_ENABLED=0; -tags nocuda gives
// the static one.
//
// Libraries are never closed: CUDA's start threads that outlive any dlclose.
package dl

import "errors"

// ErrUnsupported is the error of every attempt to open a library in a build that cannot:
// another system or processor than linux on amd64 or arm64, or the build tag nocuda.
var ErrUnsupported = errors.New("this build of cola opens no libraries: it is for another system than linux on amd64 or arm64, or was built with -tags nocuda")
