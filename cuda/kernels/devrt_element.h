// Elements in memory. They are read to float, and arithmetic is done in float.
#pragma once

DEVICE uint32 bits(float v) {
  union { float number; uint32 bits; } u = {v};
  return u.bits;
}
DEVICE float from_bits(uint32 v) {
  union { uint32 bits; float number; } u = {v};
  return u.number;
}

// The upper half of a float.
struct bf16 {
  uint16 bits;
};

// pack2 rounds two floats to bf16, to nearest, ties to even: lo in the lower half, hi in
// the upper, as operands of tensor cores hold them. Every NaN becomes 0x7fff.
DEVICE uint32 pack2(float lo, float hi) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  uint32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
  return r;
#else
  uint32 l = bits(lo), h = bits(hi);
  l = lo != lo ? 0x7fff : (l + 0x7fff + (l >> 16 & 1)) >> 16;
  h = hi != hi ? 0x7fff : (h + 0x7fff + (h >> 16 & 1)) >> 16;
  return h << 16 | l;
#endif
}
DEVICE void unpack2(uint32 v, float& lo, float& hi) {
  lo = from_bits(v << 16);
  hi = from_bits(v & 0xffff0000u);
}

DEVICE float load(const float* p) { return *p; }
DEVICE float load(const bf16* p) { return from_bits(uint32(p->bits) << 16); }
DEVICE void store(float* p, float v) { *p = v; }
DEVICE void store(bf16* p, float v) { p->bits = uint16(pack2(v, 0)); }

// The elements of type T in 16 bytes, which is the most that one instruction moves.
template <typename T>
constexpr int PER16 = 16 / int(sizeof(T));

struct alignas(16) words16 {
  uint32 w[4];
};

// load16 and store16 move 16 bytes at an address that is a multiple of 16.
DEVICE void load16(float (&out)[4], const float* p PLACE) {
  words16 v = *reinterpret_cast<const words16*>(device_aligned16(p PLACED));
  for (int i = 0; i < 4; i++) out[i] = from_bits(v.w[i]);
}
DEVICE void load16(float (&out)[8], const bf16* p PLACE) {
  words16 v = *reinterpret_cast<const words16*>(device_aligned16(p PLACED));
  for (int i = 0; i < 4; i++) unpack2(v.w[i], out[2 * i], out[2 * i + 1]);
}
DEVICE void store16(float* p, const float (&in)[4] PLACE) {
  words16 v;
  for (int i = 0; i < 4; i++) v.w[i] = bits(in[i]);
  *reinterpret_cast<words16*>(device_aligned16(p PLACED)) = v;
}
DEVICE void store16(bf16* p, const float (&in)[8] PLACE) {
  words16 v;
  for (int i = 0; i < 4; i++) v.w[i] = pack2(in[2 * i], in[2 * i + 1]);
  *reinterpret_cast<words16*>(device_aligned16(p PLACED)) = v;
}
