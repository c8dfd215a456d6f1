// Low-rank adapters in float32 for the rows of several adapters at once, whatever their ranks:
//
//   y += scale·(x·Aᵀ)·Bᵀ    and, backward,    dx += scale·(g·B)·A
//
// in two launches: u = x·Aᵀ (backward: g·B), and y += scale·u·Bᵀ (dx += scale·u·A). x is (n, in), y
// (n, out). u is (segments, n, stride): the products of 512 columns each, which the second launch adds up in
// order, so that a row's sums depend on its length and on nothing else. Source: linalg/cpu_lowrank.go;
// for adapters in one batch see S-LoRA (Sheng and others 2023).
#include "lowrank.h"
#include "tile.h"

// lowrank_inner: a block of 128 threads has 32 rows, 32 ranks (grid y) and one segment of columns (grid
// z). Shared memory: two tiles, 9 KB.
template <typename T>
DEVICE void lowrank_inner(float* u, const T* x, const int32* blocks, int64 n, int in, int stride, bool backward) {
  SHARED(tile, left);
  SHARED(tile, right);
  const adapter at = adapter_of(blocks);
  const int first = int(blockIdx.y) * TILE, begin = int(blockIdx.z) * SEGMENT;
  const int end = begin + SEGMENT < in ? begin + SEGMENT : in;
  if (first >= at.rank) return;
  fragment sums = {};
  for (int c = begin; c < end; c += TILE) {
    __syncthreads();
    stage(left, x + int64(at.row) * in + c, in, at.rows, end - c);
    if (backward)
      stage(right, at.b + int64(c) * at.rank + first, at.rank, at.rank - first, end - c, true);
    else
      stage(right, at.a + int64(first) * in + c, in, at.rank - first, end - c);
    __syncthreads();
    multiply(sums, left, right);
  }
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j < 2; j++) {
      const int r = tile_row() + i, rank = first + tile_column() + 16 * j;
      if (r < at.rows && rank < at.rank) u[(blockIdx.z * n + at.row + r) * stride + rank] = sums[i][j];
    }
}

// lowrank_outer: a block of 128 threads has 32 rows and 32·COLUMNS columns (grid y). Shared memory: two
// tiles, 9 KB.
template <typename T>
DEVICE void lowrank_outer(T* y, const float* u, const int32* blocks, int64 n, int out, int stride, int segments,
                          bool backward) {
  constexpr int COLUMNS = 4;
  SHARED(tile, left);
  SHARED(tile, right);
  const adapter at = adapter_of(blocks);
  const int first = int(blockIdx.y) * COLUMNS * TILE;
  fragment sums[COLUMNS] = {};
  for (int rank = 0; rank < at.rank; rank += TILE) {
    __syncthreads();
    for (int i = int(threadIdx.x); i < TILE * TILE; i += TILE_THREADS) {
      const int r = i / TILE, c = i % TILE;
      float sum = 0;
      if (r < at.rows && rank + c < at.rank)
        for (int s = 0; s < segments; s++) sum = sum + u[(s * n + at.row + r) * stride + rank + c];
      left[r][c] = sum;
    }
#pragma unroll
    for (int c = 0; c < COLUMNS; c++) {
      const int column = first + c * TILE;
      if (column >= out) continue;
      if (c > 0) __syncthreads();
      if (backward)
        stage(right, at.a + int64(rank) * out + column, out, out - column, at.rank - rank, true);
      else
        stage(right, at.b + int64(column) * at.rank + rank, at.rank, out - column, at.rank - rank);
      __syncthreads();
      multiply(sums[c], left, right);
    }
  }
#pragma unroll
  for (int c = 0; c < COLUMNS; c++)
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const int r = tile_row() + i, column = first + c * TILE + tile_column() + 16 * j;
        T* to = y + int64(at.row + r) * out + column;
        if (r < at.rows && column < out) store(to, load(to) + at.scale * sums[c][i][j]);
      }
}

#define LOWRANK(suffix, T)                                                                                             \
  KERNEL_OF(TILE_THREADS, cola_lowrank_inner_##suffix, float* u, const T* x, const int32* blocks, int64 n, int32 in,   \
            int32 stride, int32 backward) {                                                                            \
    lowrank_inner(u, x, blocks, n, in, stride, backward != 0);                                                         \
  }                                                                                                                    \
  KERNEL_OF(TILE_THREADS, cola_lowrank_outer_##suffix, T* y, const float* u, const int32* blocks, int64 n, int32 out,  \
            int32 stride, int32 segments, int32 backward) {                                                            \
    lowrank_outer(y, u, blocks, n, out, stride, segments, backward != 0);                                              \
  }
LOWRANK(f32, float)
LOWRANK(bf16, bf16)
