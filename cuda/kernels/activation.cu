// Activations and SwiGLU, element by element. Sources: linalg/cpu_activation.go, and
// linalg/reference/activation.go in float64. The launches are those of elementwise.cu.
#include "curve.h"
#include "pack.h"

// y = silu(gate)·up
template <typename T>
DEVICE void swiglu(T* y, const T* gate, const T* up, int64 n) {
  map(y, gate, up, n, [](float a, float u) { return value(silu(), a) * u; });
}

// dgate = g·up·silu′(gate) and dup = g·silu(gate)
template <typename T>
DEVICE void swiglu_backward(T* dgate, T* dup, const T* g, const T* gate, const T* up, int64 n) {
  constexpr int N = PER16<T>;
  each_pack<N>(aligned(dgate, dup, g, gate, up), n, [&](auto p, int64 at) {
    float d[N], a[N], u[N];
    p.read(d, g, at, n);
    p.read(a, gate, at, n);
    p.read(u, up, at, n);
#pragma unroll
    for (int i = 0; i < N; i++) {
      float x = a[i] < -86 ? -86 : a[i], minus = x > 86 ? -86 : -x; // beyond, σ is 0 or 1
      sigmoid s = sigmoid_of(math_exp(minus));
      a[i] = d[i] * u[i] * (s.value - minus * s.slope);
      u[i] = d[i] * (x * s.value);
    }
    p.write(dgate, a, at, n);
    p.write(dup, u, at, n);
  });
}

// y = f(x), and dx = g·f′(x)
#define ACTIVATE(curve, T, type)                                                   \
  KERNEL(cola_##curve##_##type, T* y, const T* x, int64 n) {                       \
    map(y, x, n, [](float v) { return value(curve(), v); });                       \
  }                                                                                \
  KERNEL(cola_##curve##_backward_##type, T* dx, const T* g, const T* x, int64 n) { \
    map(dx, g, x, n, [](float u, float v) { return u * slope(curve(), v); });      \
  }
CURVES(ACTIVATE, float, f32)
CURVES(ACTIVATE, bf16, bf16)

#define SWIGLU(T, type)                                                                                    \
  KERNEL(cola_swiglu_##type, T* y, const T* gate, const T* up, int64 n) { swiglu(y, gate, up, n); }        \
  KERNEL(cola_swiglu_backward_##type, T* dgate, T* dup, const T* g, const T* gate, const T* up, int64 n) { \
    swiglu_backward(dgate, dup, g, gate, up, n);                                                           \
  }
SWIGLU(float, f32)
SWIGLU(bf16, bf16)
