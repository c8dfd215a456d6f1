// Biases: y += bias on every row, and the sums of their gradients. Source: linalg/cpu.go.
#include "pack.h"

// y (n, cols) += bias (cols). Threads: the cells of pack.h.
template <bool ALIGNED, typename T>
DEVICE void add_bias(T* y, const float* bias, int64 n, int cols) {
  constexpr int N = PER16<T>;
  cells<N, ALIGNED>(n, cols, [&](auto p, int64 row, int at) {
    float v[N], b[N];
    p.read(v, y + row * cols, at, cols);
    p.read(b, bias, at, cols);
#pragma unroll
    for (int i = 0; i < N; i++) v[i] += b[i];
    p.write(y + row * cols, v, at, cols);
  });
}

// dbias (cols) (=|+=) Σ over the rows of g (n, cols). A block has 32 columns, a lane one of them,
// and each of its 16 warps adds up a sixteenth of the rows in their order. The last warp to have
// a part is added last: the order comes from n alone.
constexpr int BIAS_WARPS = 16;

template <typename T>
DEVICE void add_bias_backward(float* dbias, const T* g, int64 n, int cols, int32 accumulate,
                              float (&parts)[BIAS_WARPS][32]) {
  int column = int(blockIdx.x) * 32 + lane();
  float sum = 0;
  if (column < cols)
    for (int64 row = n * warp() / BIAS_WARPS; row < n * (warp() + 1) / BIAS_WARPS; row++)
      sum += load(g + row * cols + column);
  parts[warp()][lane()] = sum;
  __syncthreads();
  if (warp() > 0 || column >= cols) return;
  sum = accumulate ? dbias[column] : 0;
  for (int w = 0; w < BIAS_WARPS; w++) sum += parts[w][lane()];
  dbias[column] = sum;
}

#define BIAS(T, type)                                                                                      \
  KERNEL(cola_add_bias_##type, T* y, const float* bias, int64 n, int32 cols) {                             \
    EITHER(fits<PER16<T>>(cols, y, bias), add_bias, y, bias, n, cols);                                     \
  }                                                                                                        \
  KERNEL_OF(32 * BIAS_WARPS, cola_add_bias_backward_##type, float* dbias, const T* g, int64 n, int32 cols, \
            int32 accumulate) {                                                                            \
    SHARED(float[BIAS_WARPS][32], parts);                                                                  \
    add_bias_backward(dbias, g, n, cols, accumulate, parts);                                               \
  }
BIAS(float, f32)
BIAS(bf16, bf16)
