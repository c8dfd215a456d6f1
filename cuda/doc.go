// Package cuda computes on NVIDIA GPUs: a linalg.Device whose memory and arithmetic are the
// GPU's. It is written in Go, without cgo, and needs nothing to be built: libcuda,
// libcublasLt and libnvrtc are opened at run time, where they are there. [Discover] says
// whether, and what to install; every other build, and every other machine, gets errors
// that wrap [ErrUnavailable].
//
// # How it works
//
// The kernels are sources in cuda/kernels, compiled for exactly the GPU that is there by
// NVRTC, and cached; without NVRTC, the driver compiles PTX that is embedded. Matrix products
// are cuBLASLt's. One stream computes; another copies beside it.
//
// Sums are float32, also where the elements are bfloat16, and never TF32. Kernels use no
// atomic additions, and products are split only where the parts are added in float32 in one
// order: the same operations on the same GPU with the same libraries give the same bits.
// They are not the CPU's bits, nor another GPU's, and a row's may depend on how many rows
// there are, since cuBLASLt chooses its algorithm by the shape.
//
// # Errors
//
// Operations of a linalg.Device return none. The first failure is kept, and afterwards every
// operation does nothing; Err returns it. An [Error] says what failed, and which kernels were
// launched before, since the GPU works behind the CPU's back. Some failures, such as an
// illegal access, cost the process the GPU ([Error.Sticky]): only another process gets it
// back.
//
// # Environment
//
//	COLA_LIBCUDA, COLA_LIBNVRTC, COLA_LIBCUBLASLT   the file to open, in place of a search
//	COLA_CUDA_JIT    nvrtc or ptx: insist on one way of compiling kernels
//	COLA_CUDA_SYNC   1: wait for every kernel, so that an error names the one that made it
//	COLA_REQUIRE_CUDA  1: tests fail where there is no GPU, instead of skipping
//
// # What it brings along
//
// Only cuda/internal/dl imports purego, which makes a binary dynamic: it needs glibc, as
// everything that has NVIDIA's driver does. Built with -tags nocuda, or for another system
// than linux on amd64 or arm64, the package has the same face and finds no GPU. The edge
// binary does not link it at all.
package cuda
