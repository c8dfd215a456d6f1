// The words of devrt.h for clang without a CUDA installation (-nocudainc -nocudalib).
#pragma once

#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))

#define DEVICE __device__ inline __attribute__((always_inline))
#define KERNEL(name, ...) extern "C" __global__ void name(__VA_ARGS__)
#define KERNEL_OF(threads, name, ...) \
  extern "C" __global__ __attribute__((launch_bounds(threads))) void name(__VA_ARGS__)

#define SHARED(type, name)    \
  using name##_shared = type; \
  static __shared__ __attribute__((aligned(16))) name##_shared name
#define SHARED_DYNAMIC(type, name)                                                \
  extern __shared__ __attribute__((aligned(16))) unsigned char dynamic_shared[]; \
  type* name = reinterpret_cast<type*>(dynamic_shared)

// Nobody asks who called.
#define PLACE
#define PLACED

struct index3 {
  unsigned x, y, z;
};

DEVICE index3 thread_index() {
  return {unsigned(__nvvm_read_ptx_sreg_tid_x()), unsigned(__nvvm_read_ptx_sreg_tid_y()),
          unsigned(__nvvm_read_ptx_sreg_tid_z())};
}
DEVICE index3 block_index() {
  return {unsigned(__nvvm_read_ptx_sreg_ctaid_x()), unsigned(__nvvm_read_ptx_sreg_ctaid_y()),
          unsigned(__nvvm_read_ptx_sreg_ctaid_z())};
}
DEVICE index3 block_size() {
  return {unsigned(__nvvm_read_ptx_sreg_ntid_x()), unsigned(__nvvm_read_ptx_sreg_ntid_y()),
          unsigned(__nvvm_read_ptx_sreg_ntid_z())};
}
DEVICE index3 grid_size() {
  return {unsigned(__nvvm_read_ptx_sreg_nctaid_x()), unsigned(__nvvm_read_ptx_sreg_nctaid_y()),
          unsigned(__nvvm_read_ptx_sreg_nctaid_z())};
}
#define threadIdx thread_index()
#define blockIdx block_index()
#define blockDim block_size()
#define gridDim grid_size()

DEVICE float device_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

// __syncthreads is a builtin of clang. The last operand of a shuffle is its clamp: the whole
// warp.
DEVICE void warp_sync() { __nvvm_bar_warp_sync(0xffffffffu); }
DEVICE float shuffle(float v, int from) { return __nvvm_shfl_sync_idx_f32(0xffffffffu, v, from, 31); }
DEVICE float shuffle_xor(float v, int mask) { return __nvvm_shfl_sync_bfly_f32(0xffffffffu, v, mask, 31); }
DEVICE int shuffle(int v, int from) { return __nvvm_shfl_sync_idx_i32(0xffffffffu, v, from, 31); }
DEVICE int shuffle_xor(int v, int mask) { return __nvvm_shfl_sync_bfly_i32(0xffffffffu, v, mask, 31); }

// The address of 16 bytes that one instruction moves. A GPU faults where it is no multiple
// of 16; the emulator says who did it.
template <typename T>
DEVICE T* device_aligned16(T* p) {
  return p;
}
