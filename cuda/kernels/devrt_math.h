// Functions of one number, in float. They are our own, out of operations that IEEE 754
// defines to the last bit, so that the GPU, the emulator and every compiler agree on every
// bit. Errors are below 1e-6·(1 + |result|), by cuda/internal/emulator's tests.
#pragma once

DEVICE float math_fma(float a, float b, float c) { return device_fma(a, b, c); } // one rounding

DEVICE float math_sqrt(float x) {
#ifdef __CUDA_ARCH__
  float r;
  asm("sqrt.rn.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
#else
  return __builtin_sqrtf(x);
#endif
}

DEVICE float math_rsqrt(float x) { return 1.0f / math_sqrt(x); }

// The greater of two; NaN where one is NaN.
DEVICE float math_max(float a, float b) { return a > b || a != a ? a : b; }

// exp_parts returns exp(r)·2ⁿ for |r| ≤ ln(2)/2 and n in [−152, 130]. The power of two goes in
// by halves: neither overflows by itself, and results below the normal range come out right.
DEVICE float exp_parts(float r, int n) {
  float p = 0.0013942166f;
  p = math_fma(p, r, 0.008363776f);
  p = math_fma(p, r, 0.041666362f);
  p = math_fma(p, r, 0.16666573f);
  p = math_fma(p, r, 0.5f);
  p = math_fma(p * r, r, r) + 1.0f;
  int half = n >> 1;
  return p * from_bits(uint32(half + 127) << 23) * from_bits(uint32(n - half + 127) << 23);
}

// A float below 2²² plus this is rounded to a whole number, in its lowest bits.
#define WHOLE 12582912.0f // 1.5·2²³

DEVICE float math_exp2(float x) {
  x = x < -152.0f ? -152.0f : x > 129.0f ? 129.0f : x; // beyond are 0 and ∞
  float t = x + WHOLE;
  return exp_parts((x - (t - WHOLE)) * 0.69314718f, int(bits(t) - bits(WHOLE)));
}

DEVICE float math_exp(float x) {
  x = x < -105.0f ? -105.0f : x > 89.0f ? 89.0f : x; // beyond are 0 and ∞
  float t = math_fma(x, 1.44269504f, WHOLE);
  float n = t - WHOLE;
  float r = math_fma(n, -0.693145752f, x); // ln(2) in two parts: n times the first is exact
  r = math_fma(n, -1.42860677e-6f, r);
  return exp_parts(r, int(bits(t) - bits(WHOLE)));
}

// log(2ⁿ·m) = n·log(2) + 2·artanh(s) with s = (m − 1)/(m + 1) and m in [√½, √2].
DEVICE float math_log(float x) {
  if (!(x > 0.0f && x < from_bits(0x7f800000u)))
    return x == 0.0f ? -from_bits(0x7f800000u) : x > 0.0f ? x : from_bits(0x7fc00000u);
  int n = 0;
  if (x < 1.17549435e-38f) { // below the normal range
    x *= 8388608.0f;
    n = -23;
  }
  uint32 b = bits(x) - 0x3f3504f3u; // √½
  n += int32(b) >> 23;
  float m = from_bits((b & 0x7fffffu) + 0x3f3504f3u);
  float s = (m - 1.0f) / (m + 1.0f);
  float z = s * s;
  float p = math_fma(0.2989879f, z, 0.3997661f);
  p = math_fma(p, z, 0.6666678f);
  float whole = float(n);
  float small = math_fma(whole, 1.42860677e-6f, math_fma(p * z, s, 2.0f * s));
  return math_fma(whole, 0.693145752f, small);
}

DEVICE float math_tanh(float x) {
  float a = x < 0.0f ? -x : x;
  if (a < 0.625f) {
    float z = x * x;
    float p = math_fma(-0.0057170456f, z, 0.020650588f);
    p = math_fma(p, z, -0.053743497f);
    p = math_fma(p, z, 0.13331491f);
    p = math_fma(p, z, -0.33333284f);
    return math_fma(p * z, x, x);
  }
  float t = 1.0f - 2.0f / (math_exp(2.0f * a) + 1.0f);
  return x < 0.0f ? -t : t;
}
