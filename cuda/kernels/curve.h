// The activations, functions of one number, and their slopes. They are the curves of
// linalg/row/activation.go, with the same coefficients. NaN stays NaN; what overflows on the
// way leaves the curve's limit. A type stands for each curve: value(gelu(), x), slope(gelu(), x).
#pragma once

#include "devrt.h"

// between returns x, moved to the nearer bound if it is outside; NaN stays.
DEVICE float between(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

// σ(x) and σ(x)·(1 − σ(x)), of e = exp(−x), which is finite.
struct sigmoid {
  float value, slope;
};
DEVICE sigmoid sigmoid_of(float e) {
  float s = 1.0f / (e + 1.0f);
  return {s, e * s * s};
}

// swish_slope is the derivative of v·σ(v). It is 0 or 1 where |v| is above 86.
DEVICE float swish_slope(float v) {
  float u = between(-v, -86, 86);
  sigmoid s = sigmoid_of(math_exp(u));
  return s.value - u * s.slope;
}

// z = min(|x|, 14), e = exp(−z²/2), and Φ(−z), which is e times a minimax fraction, to 5e-9.
// Φ(−14) rounds to 0.
struct normal_tail {
  float z, e, tail;
};
DEVICE normal_tail normal_tail_of(float x) {
  float z = between(x < 0 ? -x : x, 0, 14);
  float e = math_exp(z * z * -0.5f);
  float p = math_fma(z, 0.0040201861f, 0.039984141f);
  p = math_fma(z, p, 0.18130666f);
  p = math_fma(z, p, 0.43568618f);
  p = math_fma(z, p, 0.5f);
  float q = math_fma(z, 0.010076969f, 0.10023276f);
  q = math_fma(z, q, 0.46438009f);
  q = math_fma(z, q, 1.1944838f);
  q = math_fma(z, q, 1.6692573f);
  q = math_fma(z, q, 1);
  return {z, e, e * p / q};
}

// x·Φ(x)
struct gelu {};
DEVICE float value(gelu, float x) {
  normal_tail t = normal_tail_of(x);
  return (x <= 0 ? 0 : x) - t.z * t.tail;
}
DEVICE float slope(gelu, float x) {
  normal_tail t = normal_tail_of(x);
  float s = t.tail - t.z * (t.e * 0.3989422804f); // 1/√(2π)
  return x < 0 ? s : 1 - s;
}

// x/2·(1 + tanh(u)) = x·σ(2u) with −2u = x·(A + B·x²)
struct gelu_tanh {
  static constexpr float A = -1.5957691216f, B = A * 0.044715f; // −2·√(2/π)
};
DEVICE float value(gelu_tanh f, float x) { return x / (math_exp(x * math_fma(x * x, f.B, f.A)) + 1.0f); }
DEVICE float slope(gelu_tanh f, float x) {
  float v = between(x, -9.9f, 9.9f), square = v * v; // the slope is 0 or 1 beyond
  sigmoid s = sigmoid_of(math_exp(v * math_fma(square, f.B, f.A)));
  return s.value - v * math_fma(square, 3 * f.B, f.A) * s.slope;
}

// x·σ(x)
struct silu {};
DEVICE float value(silu, float x) { return x / (math_exp(-x) + 1.0f); }
DEVICE float slope(silu, float x) { return swish_slope(x); }

struct hyperbolic_tangent {};
DEVICE float value(hyperbolic_tangent, float x) { return math_tanh(x); }
DEVICE float slope(hyperbolic_tangent, float x) { return 4 * sigmoid_of(math_exp((x < 0 ? x : -x) * 2)).slope; }

// x·σ(1.702·x)
struct quick_gelu {};
DEVICE float value(quick_gelu, float x) { return x / (math_exp(-1.702f * x) + 1.0f); }
DEVICE float slope(quick_gelu, float x) { return swish_slope(1.702f * x); }

// CURVES(kernels, …) expands to kernels(curve, …) for every curve; package cuda knows them by these
// names.
#define CURVES(kernels, ...)               \
  kernels(gelu, __VA_ARGS__)               \
  kernels(gelu_tanh, __VA_ARGS__)          \
  kernels(silu, __VA_ARGS__)               \
  kernels(hyperbolic_tangent, __VA_ARGS__) \
  kernels(quick_gelu, __VA_ARGS__)
