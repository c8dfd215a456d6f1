// Products of bf16 by tensor cores, from shared memory; sums are float32.
//
// A panel is some rows of a matrix of bf16, DIM wide, in shared memory. It lies there in units of 8
// elements, 16 bytes: unit u of row r is at place u^(r%8) of the row, so that the eight rows of
// an 8×8 matrix, which ldmatrix reads at once, are in 32 different banks though a row is 128 or 256
// bytes long.
//
// A block of 128 threads, four warps, computes 64 rows, 16 each warp. devrt_tensor.h says which
// lane holds which elements: with g = lane/4 and t = lane%4, rows g and g+8 of the warp's, and
// of every eight columns 2t and 2t+1.
#pragma once

#include "devrt.h"

constexpr int PANEL_ROWS = 64;
constexpr int PANEL_THREADS = 128;

// The row of its block that a lane's first eight rows of fragments have; the others are 8 below.
DEVICE int panel_row() { return warp() * 16 + lane() / 4; }
// The column of a fragment's number j among N·8 columns.
DEVICE int panel_column(int n, int j) { return 8 * n + 2 * (lane() % 4) + j % 2; }

// The place of unit u of a row in its panel. That of unit u+2k, where u is 0 or 1, is place^(16·k), and
// that of row+8k is place + 8·k·DIM: readers that go on by such steps need one place, and constants.
template <int DIM>
DEVICE int place(int row, int u) {
  return row * DIM + (u ^ (row % 8)) * 8;
}

// fetch begins to copy a panel of ROWS rows from a matrix whose rows are stride elements apart. What
// is beyond its rows and columns is 0. Rows begin at multiples of 16 bytes, and columns is a
// multiple of 8.
template <int DIM, int ROWS>
DEVICE void fetch(bf16* panel, const bf16* from, int64 stride, int rows, int columns) {
  constexpr int UNITS = DIM / 8, STEP = PANEL_THREADS / UNITS; // rows that the block copies at once
  const int row = int(threadIdx.x) / UNITS, u = int(threadIdx.x) % UNITS;
  const bf16* next = from + row * stride + u * 8;
  const int to = place<DIM>(row, u);
  const int inside = u * 8 < columns ? rows - row : 0;
#pragma unroll
  for (int i = 0; i < ROWS; i += STEP) {
    cp_async_16(panel + to + i * DIM, i < inside ? next : from, i < inside);
    next += STEP * stride;
  }
}

// multiply computes s += a·bᵀ for the warp's 16 rows of panel a, and N rows of panel b.
template <int DIM, int N>
DEVICE void multiply(float (&s)[N / 8][4], const bf16* a, const bf16* b) {
  const int of = lane() / 8, row = lane() % 8; // of the four matrices that are loaded at once
  const int left = place<DIM>(warp() * 16 + of % 2 * 8 + row, of / 2);
  const int right = place<DIM>(of / 2 * 8 + row, of % 2);
#pragma unroll
  for (int k = 0; k < DIM / 16; k++) {
    uint32 x[4];
    ldmatrix_x4(x, a + (left ^ 16 * k));
#pragma unroll
    for (int n = 0; n < N / 16; n++) {
      uint32 y[4];
      ldmatrix_x4(y, b + (right ^ 16 * k) + n * 16 * DIM);
      mma_bf16_16816(s[2 * n], x, {y[0], y[1]});
      mma_bf16_16816(s[2 * n + 1], x, {y[2], y[3]});
    }
  }
}

// A taint is where the threads of a block tell each other, across the barrier behind which they
// read a tile, that not all of it is finite. A tile has its number in one place, and the next in the other.
typedef int taint[2];

// untainted prepares one. A barrier has to follow.
DEVICE void untainted(taint& t) {
  if (threadIdx.x < 2) t[threadIdx.x] = -1;
}

// A window says which columns a lane's two rows see: those from begin to end−1.
struct window {
  int begin[2], end[2];
  DEVICE bool sees(int j, int column) const { return column >= begin[j / 2] && column < end[j / 2]; }
};

// finite reports whether all that this thread fetched into a panel is finite, when it is there.
template <int DIM, int ROWS>
DEVICE bool finite(const bf16* panel) {
  constexpr int UNITS = DIM / 8, STEP = PANEL_THREADS / UNITS;
  const int from = place<DIM>(int(threadIdx.x) / UNITS, int(threadIdx.x) % UNITS);
  uint32 carries = 0; // of exponents, which are all ones where a number is not finite
#pragma unroll
  for (int i = 0; i < ROWS; i += STEP) {
    const words16 v = *reinterpret_cast<const words16*>(panel + from + i * DIM);
#pragma unroll
    for (int j = 0; j < 4; j++) carries |= (v.w[j] & 0x7f807f80u) + 0x00800080u;
  }
  return (carries & 0x80008000u) == 0;
}

// cleared returns a pair of bf16 with 0 for what is not finite.
DEVICE uint32 cleared(uint32 pair) {
  if ((pair & 0x7f80u) == 0x7f80u) pair &= 0xffff0000u;
  if ((pair & 0x7f800000u) == 0x7f800000u) pair &= 0xffffu;
  return pair;
}

// spread adds what is not finite of the N rows of panel x to the rows that see it.
template <int DIM, int N>
DEVICE void spread(float (&sums)[DIM / 8][4], const bf16* x, const window& seen) {
  for (int l = 0; l < N; l++)
#pragma unroll
    for (int n = 0; n < DIM / 8; n++) {
      float v[2];
      unpack2(*reinterpret_cast<const uint32*>(x + place<DIM>(l, n) + 2 * (lane() % 4)), v[0], v[1]);
#pragma unroll
      for (int j = 0; j < 4; j++)
        if (v[j % 2] - v[j % 2] != 0.0f && seen.sees(j, l)) sums[n][j] = sums[n][j] + v[j % 2];
    }
}

// combine computes sums += w·x for the warp's 16 rows of w, which are rounded to bf16, and the N rows
// of panel x. Where w has zeros for what rows do not see, and not all of x is finite, x is TAINTED:
// 0·NaN is not 0. Then what is not finite goes into the product as 0, and by itself to the rows
// that see it.
template <bool TAINTED, int DIM, int N>
DEVICE void combine(float (&sums)[DIM / 8][4], const float (&w)[N / 8][4], const bf16* x, const window& seen) {
  const int of = lane() / 8, from = place<DIM>(of % 2 * 8 + lane() % 8, of / 2);
#pragma unroll
  for (int k = 0; k < N / 16; k++) {
    const uint32 weights[4] = {pack2(w[2 * k][0], w[2 * k][1]), pack2(w[2 * k][2], w[2 * k][3]),
                               pack2(w[2 * k + 1][0], w[2 * k + 1][1]), pack2(w[2 * k + 1][2], w[2 * k + 1][3])};
#pragma unroll
    for (int n = 0; n < DIM / 16; n++) {
      uint32 y[4];
      ldmatrix_x4_trans(y, x + (from ^ 16 * n) + k * 16 * DIM);
      if (TAINTED)
#pragma unroll
        for (int i = 0; i < 4; i++) y[i] = cleared(y[i]);
      mma_bf16_16816(sums[2 * n], weights, {y[0], y[1]});
      mma_bf16_16816(sums[2 * n + 1], weights, {y[2], y[3]});
    }
  }
  if (TAINTED) spread<DIM, N>(sums, x, seen);
}

// 2ˣ by the GPU's own instruction, within 2 ulp; the emulator computes it. Only what is rounded to
// bf16 afterwards is computed with it.
DEVICE float quick_exp2(float x) {
#ifdef __CUDA_ARCH__
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
#else
  return math_exp2(x);
#endif
}
