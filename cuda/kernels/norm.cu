// LayerNorm and RMSNorm of the rows of x (n, cols), and their backward steps. Sources:
// linalg/cpu_norm.go, and linalg/reference/norm.go in float64. A block has a row; see
// ROW_THREADS.
#include "held.h"

// y = (x − μ)·r·weight + bias with the row's mean μ and r = 1/√(mean((x − μ)²) + eps), and
// stats = (μ, r); bias may be 0. The mean goes first: of large numbers that differ little, a
// variance out of squares has no digits.
template <bool ALIGNED, typename T>
DEVICE void layer_norm(T* y, float* stats, const T* x, const float* weight, const float* bias, int64 n, int cols,
                       float eps, float* scratch) {
  constexpr int N = PER16<T>;
  for (int64 row = blockIdx.x; row < n; row += gridDim.x) {
    held<T, 1, ALIGNED> in({x + row * cols}, cols);
    float sum = 0;
    in.each([&](int, const float(&v)[1][N]) {
#pragma unroll
      for (int i = 0; i < N; i++) sum += v[0][i];
    });
    float mean = block_sum(sum, scratch) / float(cols), square = 0;
    in.each([&](int at, const float(&v)[1][N]) {
#pragma unroll
      for (int i = 0; i < N; i++) {
        float d = in.p.index(at, i) < cols ? v[0][i] - mean : 0;
        square = math_fma(d, d, square);
      }
    });
    float r = math_rsqrt(block_sum(square, scratch) / float(cols) + eps);
    if (threadIdx.x == 0) {
      stats[2 * row] = mean;
      stats[2 * row + 1] = r;
    }
    in.each([&](int at, const float(&v)[1][N]) {
      float w[N], b[N] = {}, out[N];
      in.p.read(w, weight, at, cols);
      if (bias) in.p.read(b, bias, at, cols);
#pragma unroll
      for (int i = 0; i < N; i++) out[i] = math_fma((v[0][i] - mean) * r, w[i], b[i]);
      in.p.write(y + row * cols, out, at, cols);
    });
  }
}

// y = x·r·weight with r = 1/√(mean(x²) + eps), and stats = r.
template <bool ALIGNED, typename T>
DEVICE void rms_norm(T* y, float* stats, const T* x, const float* weight, int64 n, int cols, float eps,
                     float* scratch) {
  constexpr int N = PER16<T>;
  for (int64 row = blockIdx.x; row < n; row += gridDim.x) {
    held<T, 1, ALIGNED> in({x + row * cols}, cols);
    float square = 0;
    in.each([&](int, const float(&v)[1][N]) {
#pragma unroll
      for (int i = 0; i < N; i++) square = math_fma(v[0][i], v[0][i], square);
    });
    float r = math_rsqrt(block_sum(square, scratch) / float(cols) + eps);
    if (threadIdx.x == 0) stats[row] = r;
    in.each([&](int at, const float(&v)[1][N]) {
      float w[N], out[N];
      in.p.read(w, weight, at, cols);
#pragma unroll
      for (int i = 0; i < N; i++) out[i] = v[0][i] * r * w[i];
      in.p.write(y + row * cols, out, at, cols);
    });
  }
}

// dx (=|+=) r·(h − mean(h) − x̂·mean(h·x̂)) with h = g·weight and x̂ = (x − μ)·r: the backward step
// of LayerNorm, where stats has μ and r; and of RMSNorm, where μ and mean(h) are taken for 0.
template <bool CENTRED, bool ALIGNED, typename T>
DEVICE void norm_backward(T* dx, const T* g, const T* x, const float* stats, const float* weight, int64 n, int cols,
                          int32 accumulate, float* scratch) {
  constexpr int N = PER16<T>;
  for (int64 row = blockIdx.x; row < n; row += gridDim.x) {
    float mean = CENTRED ? stats[2 * row] : 0, r = CENTRED ? stats[2 * row + 1] : stats[row];
    held<T, 2, ALIGNED> in({g + row * cols, x + row * cols}, cols);
    float sum = 0, dot = 0;
    in.each([&](int at, const float(&v)[2][N]) {
      float w[N];
      in.p.read(w, weight, at, cols); // 0 past the end, and h is, too
#pragma unroll
      for (int i = 0; i < N; i++) {
        float h = v[0][i] * w[i];
        sum += h;
        dot = math_fma(h, (v[1][i] - mean) * r, dot);
      }
    });
    float middle = CENTRED ? block_sum(sum, scratch) / float(cols) : 0;
    float slope = block_sum(dot, scratch) / float(cols);
    in.each([&](int at, const float(&v)[2][N]) {
      float w[N], out[N], before[N] = {};
      in.p.read(w, weight, at, cols);
      if (accumulate) in.p.read(before, dx + row * cols, at, cols);
#pragma unroll
      for (int i = 0; i < N; i++) {
        float d = v[0][i] * w[i] - middle;
        out[i] = math_fma(r, math_fma((mean - v[1][i]) * r, slope, d), before[i]);
      }
      in.p.write(dx + row * cols, out, at, cols);
    });
  }
}

template <bool ALIGNED, typename... P>
DEVICE void layer_norm_backward(P... p) {
  norm_backward<true, ALIGNED>(p...);
}
template <bool ALIGNED, typename... P>
DEVICE void rms_norm_backward(P... p) {
  norm_backward<false, ALIGNED>(p...);
}

#define NORM(T, type)                                                                                                 \
  KERNEL_OF(ROW_THREADS, cola_layer_norm_##type, T* y, float* stats, const T* x, const float* weight,                 \
            const float* bias, int64 n, int32 cols, float eps) {                                                      \
    SHARED(float[32], scratch);                                                                                       \
    EITHER(fits<PER16<T>>(cols, y, x, weight, bias), layer_norm, y, stats, x, weight, bias, n, cols, eps, scratch);   \
  }                                                                                                                   \
  KERNEL_OF(ROW_THREADS, cola_layer_norm_backward_##type, T* dx, const T* g, const T* x, const float* stats,          \
            const float* weight, int64 n, int32 cols, int32 accumulate) {                                             \
    SHARED(float[32], scratch);                                                                                       \
    EITHER(fits<PER16<T>>(cols, dx, g, x, weight), layer_norm_backward, dx, g, x, stats, weight, n, cols, accumulate, \
           scratch);                                                                                                  \
  }                                                                                                                   \
  KERNEL_OF(ROW_THREADS, cola_rms_norm_##type, T* y, float* stats, const T* x, const float* weight, int64 n,          \
            int32 cols, float eps) {                                                                                  \
    SHARED(float[32], scratch);                                                                                       \
    EITHER(fits<PER16<T>>(cols, y, x, weight), rms_norm, y, stats, x, weight, n, cols, eps, scratch);                 \
  }                                                                                                                   \
  KERNEL_OF(ROW_THREADS, cola_rms_norm_backward_##type, T* dx, const T* g, const T* x, const float* stats,            \
            const float* weight, int64 n, int32 cols, int32 accumulate) {                                             \
    SHARED(float[32], scratch);                                                                                       \
    EITHER(fits<PER16<T>>(cols, dx, g, x, weight), rms_norm_backward, dx, g, x, stats, weight, n, cols, accumulate,   \
           scratch);                                                                                                  \
  }
NORM(float, f32)
NORM(bf16, bf16)
