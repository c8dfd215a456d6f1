// The words of devrt.h for NVRTC, which knows CUDA C++ by itself.
#pragma once

#define DEVICE __device__ __forceinline__
#define KERNEL(name, ...) extern "C" __global__ void name(__VA_ARGS__)
#define KERNEL_OF(threads, name, ...) extern "C" __global__ void __launch_bounds__(threads) name(__VA_ARGS__)

#define SHARED(type, name)      \
  using name##_shared = type;   \
  __shared__ __align__(16) name##_shared name
#define SHARED_DYNAMIC(type, name)                                 \
  extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
  type* name = reinterpret_cast<type*>(dynamic_shared)

// Nobody asks who called.
#define PLACE
#define PLACED

DEVICE float device_fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }

DEVICE void warp_sync() { __syncwarp(); }
DEVICE float shuffle(float v, int from) { return __shfl_sync(0xffffffffu, v, from); }
DEVICE float shuffle_xor(float v, int mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }
DEVICE int shuffle(int v, int from) { return __shfl_sync(0xffffffffu, v, from); }
DEVICE int shuffle_xor(int v, int mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }

// The address of 16 bytes that one instruction moves. A GPU faults where it is no multiple
// of 16; the emulator says who did it.
template <typename T>
DEVICE T* device_aligned16(T* p) {
  return p;
}
