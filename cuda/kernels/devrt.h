// What a kernel of cola may use. One source is compiled three ways:
//
//   NVRTC    on the machine with the GPU, for exactly that GPU;
//   clang    ahead of time, to the PTX that is embedded for machines without NVRTC;
//   g++      for the emulator (cuda/internal/emulator), on machines without a GPU.
//
// GPUs are of compute capability 7.0 or newer: package cuda takes no others. Those before 8.0 run
// no kernel on bf16.
//
// A kernel is a file of this folder and includes this header alone:
//
//   #include "devrt.h"
//
//   template <typename T>
//   DEVICE void add(T* y, const T* a, const T* b, int64 n) {
//     for (int64 i = global_index(); i < n; i += global_stride())
//       store(y + i, load(a + i) + load(b + i));
//   }
//   KERNEL(cola_add_f32, float* y, const float* a, const float* b, int64 n) { add(y, a, b, n); }
//   KERNEL(cola_add_bf16, bf16* y, const bf16* a, const bf16* b, int64 n) { add(y, a, b, n); }
//
// Each file is compiled by itself, inside a namespace of its own: helpers of two files may have
// the same name. There is no list to add a file to: whatever ends in .cu here is compiled and
// embedded. A test runs a kernel with
//
//   emulator.Launch(t, library, "cola_add_f32", grid, block, 0, schedule, y, a, b, int64(n))
//
// Declarations
//   KERNEL(name, parameters...)          a kernel that Go can launch; parameters are pointers,
//                                        int32, uint32, int64, uint64 and float
//   KERNEL_OF(threads, name, parameters...)   the same, never launched with more threads a block, so
//                                        that the compiler may give each more registers
//   DEVICE                               before every function that kernels call, members too (static
//                                        DEVICE for members that need no object)
//   SHARED(float[32][33], tile);         shared memory of a fixed size, aligned to 16 bytes
//   SHARED_DYNAMIC(float, tile);         a pointer to the shared memory that the launch asks for
//
// Where am I: threadIdx, blockIdx, blockDim, gridDim (.x .y .z); lane(), warp(), warps();
//   global_index(), global_stride().
// Elements (devrt_element.h): bf16; load, store; load16, store16, PER16<T>; bits, from_bits;
//   pack2, unpack2.
// Mathematics (devrt_math.h): math_fma, math_sqrt, math_rsqrt, math_exp, math_exp2, math_log,
//   math_tanh, math_max.
// Warps and blocks (devrt_warp.h): __syncthreads, warp_sync; shuffle, shuffle_xor; warp_sum,
//   warp_max; block_sum, block_max.
// Tensor cores (devrt_tensor.h): mma_bf16_16816, ldmatrix_x4, ldmatrix_x4_trans; cp_async_16,
//   cp_async_commit, cp_async_wait<n>.
//
// Rules, which the emulator enforces where it can
//   Nothing of CUDA's own headers, nor of the C library, but what is listed above.
//   No float atomics: results do not depend on who comes first.
//   A product is fused into a sum where math_fma says so, and nowhere else: --fmad=false.
//   Blocks have a multiple of 32 threads where anything of devrt_warp.h or devrt_tensor.h is
//   used, all lanes of a warp call it together, and nobody returns before the last
//   __syncthreads.
//   NaN comparisons are false: write !(x > y) or x != x where a NaN has to get through.
#pragma once

#if defined(__CUDACC_RTC__)
#include "devrt_nvrtc.h"
#elif defined(__clang__) && defined(__CUDA__)
#include "devrt_clang.h"
#else
#include "emu.h" // the emulator's: cuda/internal/emulator
#endif

typedef int int32;
typedef long long int64;
typedef unsigned short uint16;
typedef unsigned int uint32;
typedef unsigned long long uint64;

DEVICE int lane() { return int(threadIdx.x & 31); }
DEVICE int warp() { return int(threadIdx.x >> 5); }
DEVICE int warps() { return int(blockDim.x >> 5); }

// The element that this thread begins with, and how far it is to its next, where the
// threads of a whole grid walk over elements together.
DEVICE int64 global_index() { return int64(blockIdx.x) * blockDim.x + threadIdx.x; }
DEVICE int64 global_stride() { return int64(gridDim.x) * blockDim.x; }

#include "devrt_element.h"
#include "devrt_math.h"
#include "devrt_warp.h"
#include "devrt_tensor.h"
