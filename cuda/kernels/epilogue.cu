// What follows the product of a linear layer, in one pass. Source: linalg/cpu_packed.go.
#include "curve.h"
#include "pack.h"

// y holds the product x·Wᵀ (n, cols) and gets f(y + bias) + residual. bias (cols) and residual
// (n, cols) may be 0. before (n, cols) gets the argument of f, which takes it as it is stored
// there, as the backward step will; it is 0 for the identity.
//
// Threads: the cells of pack.h.
template <bool ALIGNED, typename T, typename F>
DEVICE void finish(T* y, const float* bias, T* before, const T* residual, int64 n, int cols, F f) {
  constexpr int N = PER16<T>;
  cells<N, ALIGNED>(n, cols, [&](auto p, int64 row, int at) {
    int64 start = row * cols;
    float v[N], b[N] = {}, r[N] = {};
    p.read(v, y + start, at, cols);
    if (bias) p.read(b, bias, at, cols);
    if (residual) p.read(r, residual + start, at, cols);
#pragma unroll
    for (int i = 0; i < N; i++) v[i] += b[i];
    if (before) {
      p.write(before + start, v, at, cols);
      p.read(v, before + start, at, cols);
    }
#pragma unroll
    for (int i = 0; i < N; i++) v[i] = value(f, v[i]) + r[i];
    p.write(y + start, v, at, cols);
  });
}

struct identity {};
DEVICE float value(identity, float x) { return x; }

#define FINISH(curve, T, type)                                                                                    \
  KERNEL(cola_finish_##curve##_##type, T* y, const float* bias, T* before, const T* residual,                     \
         int64 n, int32 cols) {                                                                                   \
    EITHER(fits<PER16<T>>(cols, y, bias, before, residual), finish, y, bias, before, residual, n, cols, curve()); \
  }
FINISH(identity, float, f32)
FINISH(identity, bf16, bf16)
CURVES(FINISH, float, f32)
CURVES(FINISH, bf16, bf16)
