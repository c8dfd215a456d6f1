// Kernels with one fault each, which the emulator has to find.
#include "devrt.h"

KERNEL(missing_barrier, float* y, const float* x) {
  SHARED(float[128], tile);
  tile[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = tile[127 - threadIdx.x];
}

// The second sum overwrites what a slow warp still reads of the first.
KERNEL(early_reuse, float* y, const float* x) {
  SHARED(float[4], scratch);
  float total = 0;
  for (int round = 0; round < 2; round++) {
    float v = warp_sum(x[threadIdx.x] * (round + 1));
    if (lane() == 0) scratch[warp()] = v;
    __syncthreads();
    total = total * 2 + scratch[0] + scratch[1] + scratch[2] + scratch[3];
  }
  y[threadIdx.x] = total;
}

KERNEL(divergent_shuffle, float* y, const float* x) {
  float v = x[threadIdx.x];
  if (threadIdx.x < 16) v += shuffle_xor(v, 1);
  y[threadIdx.x] = v;
}

KERNEL(different_operations, float* y, const float* x) {
  float v = x[threadIdx.x];
  y[threadIdx.x] = threadIdx.x % 2 == 0 ? shuffle_xor(v, 1) : shuffle(v, 1);
}

KERNEL(different_places, float* y, const float* x) {
  float v = x[threadIdx.x];
  if (threadIdx.x % 2 == 0)
    v += shuffle_xor(v, 1);
  else
    v -= shuffle_xor(v, 1);
  y[threadIdx.x] = v;
}

KERNEL(divergent_barrier, float* y, const float* x) {
  if (threadIdx.x < 64) __syncthreads();
  y[threadIdx.x] = x[threadIdx.x];
}

KERNEL(different_barriers, float* y, const float* x) {
  if (threadIdx.x < 64)
    __syncthreads();
  else
    __syncthreads();
  y[threadIdx.x] = x[threadIdx.x];
}

KERNEL(uninitialised, float* y, const float* x) {
  SHARED(float[128], tile);
  if (threadIdx.x < 127) tile[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = tile[127 - threadIdx.x];
}

KERNEL(uninitialised_dynamic, float* y, const float* x) {
  SHARED_DYNAMIC(float, tile);
  if (threadIdx.x < 127) tile[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = tile[127 - threadIdx.x];
}

KERNEL(missing_wait, float* y, const float* x) {
  SHARED(float[512], tile);
  cp_async_16(tile + 4 * threadIdx.x, x + 4 * (threadIdx.x % 32));
  cp_async_commit();
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
}

// The second group may still be under way.
KERNEL(short_wait, float* y, const float* x) {
  SHARED(float[1024], tile);
  for (int group = 0; group < 2; group++) {
    cp_async_16(tile + 512 * group + 4 * threadIdx.x, x + 4 * (threadIdx.x % 32));
    cp_async_commit();
  }
  cp_async_wait<1>();
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x] + tile[512 + threadIdx.x];
}

// The copy may arrive before the others have read what it overwrites.
KERNEL(early_copy, float* y, const float* x) {
  SHARED(float[128], tile);
  tile[threadIdx.x] = 1;
  __syncthreads();
  float v = tile[127 - threadIdx.x];
  if (threadIdx.x < 32) cp_async_16(tile + 4 * threadIdx.x, x + 4 * threadIdx.x);
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();
  y[threadIdx.x] = v + tile[threadIdx.x];
}

KERNEL(unaligned_copy, float* y, const float* x) {
  SHARED(float[128], tile);
  cp_async_16(tile + threadIdx.x, x);
  cp_async_commit();
  cp_async_wait<0>();
  y[threadIdx.x] = tile[threadIdx.x];
}

KERNEL(unaligned_load, float* y, const float* x) {
  float v[4];
  load16(v, x + 1);
  y[threadIdx.x] = v[0];
}

KERNEL(write_behind, float* y, const float* x) { y[threadIdx.x + 1] = x[threadIdx.x]; }
KERNEL(write_before, float* y, const float* x) { y[int(threadIdx.x) - 1] = x[threadIdx.x]; }
KERNEL(read_behind, float* y, const float* x) { y[threadIdx.x] = x[threadIdx.x + 1]; }

KERNEL(shared_behind, float* y, const float* x) {
  SHARED(float[128], tile);
  tile[threadIdx.x + 1] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
}

KERNEL(dynamic_behind, float* y, const float* x) {
  SHARED_DYNAMIC(float, tile);
  tile[threadIdx.x + 1] = x[threadIdx.x];
  y[threadIdx.x] = x[threadIdx.x];
}

KERNEL(too_much_shared, float* y, const float* x) {
  SHARED(float[64 << 10], tile);
  tile[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = tile[threadIdx.x];
}

// Blocks run in no order.
KERNEL(between_blocks, float* y, const float* x) {
  if (blockIdx.x == 0)
    y[threadIdx.x] = x[threadIdx.x];
  else
    y[threadIdx.x] = y[threadIdx.x] * 2;
}

KERNEL_OF(64, small_blocks, float* y, const float* x) { y[threadIdx.x] = x[threadIdx.x]; }
