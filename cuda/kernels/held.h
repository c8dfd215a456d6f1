// Rows that a block reads once where they are ALIGNED: its threads hold them in registers.
#pragma once

#include "pack.h"

// R rows of as many columns, in packs that the block's threads share. A thread holds 32 elements
// of each row; what lies beyond, in rows wider than 32·ROW_THREADS, is read again each time.
// So are rows that are not ALIGNED: no model has them, and compilers take their time for them.
template <typename T, int R, bool ALIGNED>
struct held {
  static constexpr int N = PER16<T>, PACKS = ALIGNED ? 32 / N : 0;
  packs<N, ALIGNED> p;
  const T* row[R];
  int cols;
  float values[PACKS + !PACKS][R][N];

  DEVICE void read(float (&v)[R][N], int at) const {
#pragma unroll
    for (int r = 0; r < R; r++) p.read(v[r], row[r], at, cols);
  }

  DEVICE held(const T* const (&rows)[R], int cols) : p{int(blockDim.x)}, cols(cols) {
#pragma unroll
    for (int r = 0; r < R; r++) row[r] = rows[r];
#pragma unroll
    for (int k = 0; k < PACKS; k++) {
      int at = p.first(threadIdx.x) + k * p.step();
      if (at < cols) read(values[k], at);
    }
  }

  // each calls f(at, v) for this thread's packs in order, where v[r] is the pack of row r that
  // begins at column at. What is past the end of a row is 0.
  template <typename F>
  DEVICE void each(F f) const {
#pragma unroll
    for (int k = 0; k < PACKS; k++) {
      int at = p.first(threadIdx.x) + k * p.step();
      if (at < cols) f(at, values[k]);
    }
    for (int at = p.first(threadIdx.x) + PACKS * p.step(); at < cols; at += p.step()) {
      float v[R][N];
      read(v, at);
      f(at, v);
    }
  }
};
