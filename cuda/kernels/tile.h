// Products of float32 by tiles in shared memory, without tensor cores: for whatever is float32,
// and for GPUs that have no tensor cores for bf16.
//
// A tile has 32 rows of 32 columns, and a block of 128 threads computes one. Thread t has
// rows 4·(t/16) to 4·(t/16)+3 of it, and columns t%16 and t%16+16: a row is shared by the 16
// lanes of half a warp. Rows are 36 floats apart, so that eight lanes that read 16 bytes each
// of rows below one another find them in 32 different banks.
//
// A sum is one chain of fused multiply-adds in the order of what it runs over.
#pragma once

#include "devrt.h"

constexpr int TILE = 32;
constexpr int TILE_THREADS = 128;
typedef float tile[TILE][TILE + 4];

// What a thread holds of a tile: four rows, two columns.
typedef float fragment[4][2];

DEVICE int tile_row() { return int(threadIdx.x) / 16 * 4; }
DEVICE int tile_column() { return int(threadIdx.x) % 16; }

// stage fills a tile from a matrix in memory whose rows are stride elements apart; what is
// beyond its rows and columns is 0. Where the matrix lies on its side, element (r, c) is at
// from[c·stride + r].
template <typename T>
DEVICE void stage(tile& to, const T* from, int64 stride, int rows, int columns, bool sideways = false) {
#pragma unroll 4
  for (int i = int(threadIdx.x); i < TILE * TILE; i += TILE_THREADS) {
    int far = i / TILE, near = i % TILE; // near runs along the memory
    int r = sideways ? near : far, c = sideways ? far : near;
    to[r][c] = r < rows && c < columns ? load(from + far * stride + near) : 0.0f;
  }
}

// multiply computes s += a·bᵀ.
DEVICE void multiply(fragment& s, const tile& a, const tile& b) {
  const int row = tile_row(), column = tile_column();
#pragma unroll 2
  for (int d = 0; d < TILE; d += 4) {
    float x[4][4], y[2][4];
#pragma unroll
    for (int i = 0; i < 4; i++) load16(x[i], &a[row + i][d]);
#pragma unroll
    for (int j = 0; j < 2; j++) load16(y[j], &b[column + 16 * j][d]);
#pragma unroll
    for (int l = 0; l < 4; l++)
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 2; j++) s[i][j] = math_fma(x[i][l], y[j][l], s[i][j]);
  }
}

// combine computes s += w·x, of which row i adds up over the columns of w from begin[i] to end[i]−1
// alone: what the others are multiplied with may be anything.
DEVICE void combine(fragment& s, const tile& w, const tile& x, const int (&begin)[4], const int (&end)[4]) {
  const int row = tile_row(), column = tile_column();
  bool whole = true;
#pragma unroll
  for (int i = 0; i < 4; i++) whole = whole && begin[i] <= 0 && end[i] >= TILE;
  if (!whole) {
    for (int l = 0; l < TILE; l++)
#pragma unroll
      for (int i = 0; i < 4; i++)
        if (l >= begin[i] && l < end[i])
#pragma unroll
          for (int j = 0; j < 2; j++) s[i][j] = math_fma(w[row + i][l], x[l][column + 16 * j], s[i][j]);
    return;
  }
#pragma unroll 2
  for (int l = 0; l < TILE; l += 4) {
    float weight[4][4];
#pragma unroll
    for (int i = 0; i < 4; i++) load16(weight[i], &w[row + i][l]);
#pragma unroll
    for (int m = 0; m < 4; m++)
#pragma unroll
      for (int j = 0; j < 2; j++) {
        float v = x[l + m][column + 16 * j];
#pragma unroll
        for (int i = 0; i < 4; i++) s[i][j] = math_fma(weight[i][m], v, s[i][j]);
      }
  }
}

// put writes a fragment to a tile.
DEVICE void put(tile& to, const fragment& s) {
  const int row = tile_row(), column = tile_column();
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j < 2; j++) to[row + i][column + 16 * j] = s[i][j];
}
