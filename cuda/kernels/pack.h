// Packs: the elements of a row that one thread moves together.
#pragma once

#include "devrt.h"

// IEEE 754 binary16, for tables that are only read.
struct f16 {
  uint16 bits;
};

// widen returns a binary16 exactly; NaN becomes quiet.
DEVICE float widen(uint32 half) {
  uint32 sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31u, mantissa = half & 0x3ffu;
  if (exponent == 31) return from_bits(sign | (mantissa ? 0x7fc00000u : 0x7f800000u) | mantissa << 13);
  if (exponent == 0) return from_bits(sign | bits(float(mantissa) * 5.9604644775390625e-8f)); // 2⁻²⁴
  return from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

DEVICE float load(const f16* p) { return widen(p->bits); }
DEVICE void load16(float (&out)[8], const f16* p) {
  words16 v = *reinterpret_cast<const words16*>(device_aligned16(p));
  for (int i = 0; i < 4; i++) {
    out[2 * i] = widen(v.w[i] & 0xffffu);
    out[2 * i + 1] = widen(v.w[i] >> 16);
  }
}

// The elements of a pack where some are of type A and some of type B: 16 bytes of the shorter.
template <typename A, typename B>
constexpr int PACK = PER16<A> > PER16<B> ? PER16<A> : PER16<B>;

// aligned reports whether all addresses are multiples of 16. That of nothing, 0, is one.
template <typename... P>
DEVICE bool aligned(const P*... p) {
  return ((reinterpret_cast<uint64>(p) | ... | uint64(0)) & 15) == 0;
}

// fits reports whether rows of so many columns, at these addresses, are moved 16 bytes at a time in
// packs of N.
template <int N, typename... P>
DEVICE bool fits(int cols, const P*... p) {
  return cols % N == 0 && aligned(p...);
}

// packs says which N elements are a pack, among some threads that share a row. In an ALIGNED row they
// are neighbours, move 16 bytes at a time, and all there. Elsewhere the elements of a pack are as
// far apart as there are threads: neighbouring threads move neighbours, one by one.
//
// Which of the two it is comes from the width: what package cuda allocates is aligned to 256
// bytes, and its views begin where rows do. So a row is summed in one order wherever it is.
template <int N, bool ALIGNED>
struct packs {
  int threads;

  // The first element of a thread's first pack, and how far it is to that of its next.
  DEVICE int first(int thread) const { return ALIGNED ? thread * N : thread; }
  DEVICE int step() const { return threads * N; }

  // Element i of the pack that begins at at.
  DEVICE int64 index(int64 at, int i) const { return at + (ALIGNED ? i : i * threads); }
  DEVICE int index(int at, int i) const { return at + (ALIGNED ? i : i * threads); }

  // read sets v to a pack of p, with zeros from p[n] on.
  template <typename T, typename I>
  DEVICE void read(float (&v)[N], const T* p, I at, I n) const {
    if constexpr (ALIGNED) {
#pragma unroll
      for (int i = 0; i < N; i += PER16<T>) {
        float part[PER16<T>];
        load16(part, p + at + i);
#pragma unroll
        for (int j = 0; j < PER16<T>; j++) v[i + j] = part[j];
      }
    } else {
#pragma unroll
      for (int i = 0; i < N; i++) v[i] = index(at, i) < n ? load(p + index(at, i)) : 0.0f;
    }
  }

  // write sets a pack of p to v, and nothing from p[n] on.
  template <typename T, typename I>
  DEVICE void write(T* p, const float (&v)[N], I at, I n) const {
    if constexpr (ALIGNED) {
#pragma unroll
      for (int i = 0; i < N; i += PER16<T>) {
        float part[PER16<T>];
#pragma unroll
        for (int j = 0; j < PER16<T>; j++) part[j] = v[i + j];
        store16(p + at + i, part);
      }
    } else {
#pragma unroll
      for (int i = 0; i < N; i++)
        if (index(at, i) < n) store(p + index(at, i), v[i]);
    }
  }
};

// each_pack calls f(p, at) for this thread's packs of n elements. A block takes blockDim.x packs at
// a time: 16 bytes at once where addresses are aligned, and what is left at the end, or else
// everything, one by one.
template <int N, typename F>
DEVICE void each_pack(bool aligned, int64 n, F f) {
  packs<N, true> p = {int(blockDim.x)};
  packs<N, false> q = {int(blockDim.x)};
  int64 first = int64(blockIdx.x) * p.step(), step = int64(gridDim.x) * p.step(), end = aligned ? n - n % N : 0;
  for (int64 at = first + p.first(threadIdx.x); at < end; at += step) f(p, at);
  for (int64 at = end + first + q.first(threadIdx.x); at < n; at += step) f(q, at);
}

// map computes y[i] = f(x[i]) for n elements; y may be x.
template <typename Y, typename X, typename F>
DEVICE void map(Y* y, const X* x, int64 n, F f) {
  constexpr int N = PACK<Y, X>;
  each_pack<N>(aligned(y, x), n, [&](auto p, int64 at) {
    float v[N];
    p.read(v, x, at, n);
#pragma unroll
    for (int i = 0; i < N; i++) v[i] = f(v[i]);
    p.write(y, v, at, n);
  });
}

// map computes y[i] = f(a[i], b[i]) for n elements; y may be a or b.
template <typename Y, typename A, typename B, typename F>
DEVICE void map(Y* y, const A* a, const B* b, int64 n, F f) {
  constexpr int N = PACK<Y, B>;
  each_pack<N>(aligned(y, a, b), n, [&](auto p, int64 at) {
    float u[N], v[N];
    p.read(u, a, at, n);
    p.read(v, b, at, n);
#pragma unroll
    for (int i = 0; i < N; i++) v[i] = f(u[i], v[i]);
    p.write(y, v, at, n);
  });
}

// EITHER calls f<true>(…) or f<false>(…): once for a kernel, so that neither way slows the other.
#define EITHER(condition, f, ...) \
  do {                            \
    if (condition)                \
      f<true>(__VA_ARGS__);       \
    else                          \
      f<false>(__VA_ARGS__);      \
  } while (0)

// Where a block has a row alone it has 32 threads for each 1024 columns, and this many at most, as
// package cuda launches it: narrow rows are one warp's, of which many are in flight, and whose
// sums need no barrier. The number of threads comes from that of columns and from nothing
// else, so that a row is summed in one order whatever surrounds it.
constexpr int ROW_THREADS = 512;

// cells calls f(p, row, at) for every pack of a matrix, where at is the column in which it
// begins. A warp takes 32 packs of a row, and a block as many rows as it has warps; gridDim.y
// counts the pieces that a row is cut into.
template <int N, bool ALIGNED, typename F>
DEVICE void cells(int64 rows, int cols, F f) {
  packs<N, ALIGNED> p = {32};
  for (int64 row = int64(blockIdx.x) * warps() + warp(); row < rows; row += int64(gridDim.x) * warps())
    for (int at = int(blockIdx.y) * p.step() + p.first(lane()); at < cols; at += int(gridDim.y) * p.step())
      f(p, row, at);
}
