// Kernels without faults: what every schedule has to compute alike.
#include "devrt.h"

// y[row] = the sum of a row, and its maximum; both to check block_sum and block_max on a reused scratch.
template <typename T>
DEVICE void sums(float* y, const T* x, int64 n) {
  SHARED(float[32], scratch);
  const T* row = x + blockIdx.x * n;
  float total = 0, top = -3e38f;
  for (int64 i = threadIdx.x; i < n; i += blockDim.x) {
    total += load(row + i);
    top = math_max(top, load(row + i));
  }
  total = block_sum(total, scratch);
  top = block_max(top, scratch);
  float again = block_sum(threadIdx.x == 0 ? 1.0f : 0.0f, scratch);
  if (threadIdx.x == 0) {
    y[3 * blockIdx.x] = total;
    y[3 * blockIdx.x + 1] = top;
    y[3 * blockIdx.x + 2] = again;
  }
}
KERNEL(sums_f32, float* y, const float* x, int64 n) { sums(y, x, n); }
KERNEL(sums_bf16, float* y, const bf16* x, int64 n) { sums(y, x, n); }

KERNEL(indices, int32* y) {
  int64 block = (int64(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  int64 thread = (int64(threadIdx.z) * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  y[block * blockDim.x * blockDim.y * blockDim.z + thread] = int32(block * 1000 + thread);
}

KERNEL(exchange, float* y, int32* z) {
  warp_sync();
  y[threadIdx.x] = shuffle(float(threadIdx.x), 3) + 100 * shuffle_xor(float(threadIdx.x), 5);
  z[threadIdx.x] = shuffle(int32(threadIdx.x), 7) + 100 * shuffle_xor(int32(threadIdx.x), 16);
}

KERNEL(mathematics, float* y, const float* x, int32 function, int64 n) {
  for (int64 i = global_index(); i < n; i += global_stride()) {
    float v = x[i];
    switch (function) {
      case 0: y[i] = math_exp(v); break;
      case 1: y[i] = math_exp2(v); break;
      case 2: y[i] = math_log(v); break;
      case 3: y[i] = math_tanh(v); break;
      case 4: y[i] = math_sqrt(v); break;
      case 5: y[i] = math_rsqrt(v); break;
    }
  }
}

KERNEL(convert, bf16* y, float* back, const float* x, int64 n) {
  for (int64 i = global_index(); i < n; i += global_stride()) {
    store(y + i, x[i]);
    back[i] = load(y + i);
  }
}

KERNEL(convert16, bf16* y, float* back, const float* x, int64 n) {
  for (int64 i = global_index() * 8; i + 8 <= n; i += global_stride() * 8) {
    float v[8];
    for (int k = 0; k < 8; k += 4) {
      float part[PER16<float>];
      load16(part, x + i + k);
      for (int j = 0; j < 4; j++) v[k + j] = part[j];
    }
    store16(y + i, v);
    load16(v, y + i);
    for (int k = 0; k < 8; k += 4) {
      float part[4] = {v[k], v[k + 1], v[k + 2], v[k + 3]};
      store16(back + i + k, part);
    }
  }
}

// d (16, 8) = a (16, 16) · b (16, 8), all in row order, by one warp: through shared memory,
// asynchronous copies and every load of matrices.
KERNEL_OF(32, product, float* d, const bf16* a, const bf16* b) {
  SHARED(bf16[16][16], A);
  SHARED_DYNAMIC(bf16, B);
  cp_async_16(&A[lane() / 2][lane() % 2 * 8], a + lane() * 8);
  cp_async_commit();
  if (lane() < 16) cp_async_16(B + lane() * 8, b + lane() * 8);
  cp_async_commit();
  cp_async_wait<0>();
  warp_sync();
  uint32 x[4], y[4]; // of y, half is loaded for nothing
  ldmatrix_x4(x, &A[lane() % 16][lane() / 16 * 8]);
  ldmatrix_x4_trans(y, B + lane() % 16 * 8);
  float sum[4] = {1, 1, 1, 1};
  mma_bf16_16816(sum, x, {y[0], y[1]});
  for (int i = 0; i < 4; i++) d[(lane() / 4 + i / 2 * 8) * 8 + lane() % 4 * 2 + i % 2] = sum[i];
}

// Two buffers in turn: while one is summed, the next rows are on their way.
KERNEL(pipeline, float* y, const float* x, int32 steps) {
  SHARED(float[2][128], buffer);
  float total = 0;
  cp_async_16(&buffer[0][4 * threadIdx.x], x + 4 * threadIdx.x);
  cp_async_commit();
  for (int i = 0; i < steps; i++) {
    bool more = i + 1 < steps;
    cp_async_16(&buffer[(i + 1) % 2][4 * threadIdx.x], more ? x + (i + 1) * 128 + 4 * threadIdx.x : x, more);
    cp_async_commit();
    cp_async_wait<1>();
    __syncthreads();
    for (int j = 0; j < 4; j++) total += buffer[i % 2][4 * lane() + j];
    __syncthreads();
  }
  y[threadIdx.x] = total;
}
