package cuda

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gradientlearning/cola/linalg"
)

// ErrUnavailable is what every error wraps that says that no GPU can be used here: a
// library is missing, the driver is too old, there is no device, or the build has no CUDA.
// [Discover] says for each part what is wrong and what to install.
var ErrUnavailable = errors.New("no NVIDIA GPU can be used")

// Error is a call of one of NVIDIA's libraries that failed.
//
// The GPU works behind the CPU's back: what one operation did wrong is often reported by a
// later call. Launches therefore names the kernels that were launched last.
type Error struct {
	Lib      string   // "libcuda", "libnvrtc" or "libcublasLt"
	Op       string   // what was being done: "AddBias", "open GPU 0"
	Call     string   // the C function: "cuStreamSynchronize"
	Code     int      // what it returned
	Name     string   // its name: "CUDA_ERROR_ILLEGAL_ADDRESS"
	Message  string   // the library's own words
	Detail   string   // what else is known: how much memory was asked for, and how much there is
	Launches []string // the kernels launched last, the newest last
	Log      string   // the compiler's words
}

// Libraries, as errors and reports name them.
const (
	libDriver   = "libcuda"
	libCompiler = "libnvrtc"
	libBLAS     = "libcublasLt"
)

// Results of the driver that are told apart here; cuda.h has them all.
const (
	codeInvalidValue = 1
	codeOutOfMemory  = 2
	codeStubLibrary  = 34
	codeNoDevice     = 100
	codeECC          = 214 // CUDA_ERROR_ECC_UNCORRECTABLE
	codeNotFound     = 500
	codeNotReady     = 600
	codeSticky       = 700 // CUDA_ERROR_ILLEGAL_ADDRESS, the first of those a running kernel dies of
	codeStickyLast   = 721 // CUDA_ERROR_TENSOR_MEMORY_LEAK
	codeUnknown      = 999
)

// Error says what was done, what failed, what it may come from and, where only one thing
// helps, what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("cuda: ")
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	fmt.Fprintf(&b, "%s: %s (%s, %d)", e.Call, e.Message, e.Name, e.Code)
	if e.Detail != "" {
		b.WriteString("; " + e.Detail)
	}
	if len(e.Launches) > 0 {
		b.WriteString("; launched last: " + strings.Join(e.Launches, ", "))
	}
	switch {
	case IsOutOfMemory(e):
		b.WriteString("; take smaller batches, or free the GPU of other programs")
	case e.Sticky():
		b.WriteString("; the GPU is lost to this process: restart it")
	}
	if e.Log != "" {
		b.WriteString("\n" + strings.TrimSpace(e.Log))
	}
	return b.String()
}

// Sticky says whether the context is lost: every later call fails in the same way, and
// only another process can use the GPU again. The CUDA driver says so of illegal accesses
// and other errors of running kernels, and of uncorrectable memory errors.
func (e *Error) Sticky() bool {
	if e.Lib != libDriver {
		return false
	}
	ofKernels := codeSticky <= e.Code && e.Code <= codeStickyLast && !harmless(e.Code)
	return ofKernels || e.Code == codeECC || e.Code == codeUnknown
}

// harmless says of codes between the sticky ones that they refuse a call and break nothing:
// a launch that asks for too much (701, 720) or for textures of another kind (703), and the
// states of peers (704, 705, 711), of contexts (708) and of host memory (712, 713).
func harmless(code int) bool {
	switch code {
	case 701, 703, 704, 705, 708, 711, 712, 713, 720:
		return true
	}
	return false
}

// Is makes a lack of memory [linalg.ErrOutOfMemory].
func (e *Error) Is(target error) bool {
	return target == linalg.ErrOutOfMemory && e.Lib == libDriver && e.Code == codeOutOfMemory
}

// IsOutOfMemory says whether err comes from a lack of the GPU's, or of pinned, memory.
func IsOutOfMemory(err error) bool { return errors.Is(err, linalg.ErrOutOfMemory) }

// isSticky says whether err means that the context is lost.
func isSticky(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Sticky()
}
