// Arithmetic of element with element; y may be either operand. Sources: linalg/cpu.go, and
// linalg/reference/elementwise.go in float64.
//
// A result is computed from its own operands alone, so any grid may walk over the elements.
// The launches have blocks of 256 threads, as many as give each thread one pack.
#include "pack.h"

// y = a + b, y = alpha·y, y = max(x, 0), and dx = g where y > 0, else 0.
#define SAME(T, type)                                                         \
  KERNEL(cola_add_##type, T* y, const T* a, const T* b, int64 n) {            \
    map(y, a, b, n, [](float u, float v) { return u + v; });                  \
  }                                                                           \
  KERNEL(cola_scale_##type, T* y, float alpha, int64 n) {                     \
    map(y, y, n, [alpha](float v) { return alpha * v; });                     \
  }                                                                           \
  KERNEL(cola_relu_##type, T* y, const T* x, int64 n) {                       \
    map(y, x, n, [](float v) { return v <= 0.0f ? 0.0f : v; }); /* not NaN */ \
  }                                                                           \
  KERNEL(cola_relu_backward_##type, T* dx, const T* g, const T* y, int64 n) { \
    map(dx, g, y, n, [](float u, float v) { return v > 0.0f ? u : 0.0f; });   \
  }
SAME(float, f32)
SAME(bf16, bf16)

// y += alpha·x. The types may differ: what an adapter computes is F32 whatever it is added to.
#define AXPY(Y, ytype, X, xtype)                                                  \
  KERNEL(cola_axpy_##ytype##_##xtype, Y* y, float alpha, const X* x, int64 n) {   \
    map(y, y, x, n, [alpha](float u, float v) { return math_fma(alpha, v, u); }); \
  }
AXPY(float, f32, float, f32)
AXPY(float, f32, bf16, bf16)
AXPY(bf16, bf16, float, f32)
AXPY(bf16, bf16, bf16, bf16)
