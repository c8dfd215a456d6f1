// Rows taken, put back and cut. Sources: linalg/cpu_rows.go, and linalg/reference/rows.go.
#include "pack.h"

// y[i] = x[rows[i]] for x (m, cols) and y (n, cols). A row that x has not becomes NaN: the
// numbers are not known to the host. Threads: the cells of pack.h.
template <bool ALIGNED, typename Y, typename X>
DEVICE void gather(Y* y, const X* x, const int32* rows, int64 n, int m, int cols) {
  constexpr int N = PACK<Y, X>;
  cells<N, ALIGNED>(n, cols, [&](auto p, int64 row, int at) {
    int from = rows[row];
    float v[N];
#pragma unroll
    for (int i = 0; i < N; i++) v[i] = from_bits(0x7fc00000u);
    if (from >= 0 && from < m) p.read(v, x + int64(from) * cols, at, cols);
    p.write(y + row * cols, v, at, cols);
  });
}

// dx[rows[i]] += g[i] for g (n, cols) and dx (m, cols), in the order of i; rows that dx has not
// are left out. The block (i, piece) works if no row before i goes to where i goes, and then adds
// all that go there: everything has one writer, and sums one order. blockIdx.y counts the
// pieces of a row, of one pack a thread.
template <bool ALIGNED, typename X, typename G>
DEVICE void gather_backward(X* dx, const G* g, const int32* rows, int n, int m, int cols, int32* tile, float* scratch) {
  constexpr int N = PACK<X, G>;
  int to = rows[blockIdx.x];
  float earlier = to >= 0 && to < m ? 0 : 1;
  for (int i = threadIdx.x; i < int(blockIdx.x); i += blockDim.x)
    if (rows[i] == to) earlier = 1;
  if (block_max(earlier, scratch) > 0) return;

  packs<N, ALIGNED> p = {int(blockDim.x)};
  int at = int(blockIdx.y) * p.step() + p.first(threadIdx.x);
  bool mine = at < cols;
  float sum[N];
  if (mine) p.read(sum, dx + int64(to) * cols, at, cols);
  for (int base = int(blockIdx.x); base < n; base += blockDim.x) {
    int i = base + int(threadIdx.x);
    int row = i < n ? rows[i] : -1;
    if (block_max(row == to ? 1 : 0, scratch) == 0) continue;
    tile[threadIdx.x] = row;
    __syncthreads();
    for (int t = 0; t < int(blockDim.x); t++)
      if (mine && tile[t] == to) {
        float v[N];
        p.read(v, g + int64(base + t) * cols, at, cols);
#pragma unroll
        for (int j = 0; j < N; j++) sum[j] += v[j];
      }
    __syncthreads(); // block_max waits for nobody where the block is one warp
  }
  if (mine) p.write(dx + int64(to) * cols, sum, at, cols);
}

// dst[:, to:to+width] (=|+=) src[:, from:from+width] for n rows. Threads: the cells of pack.h.
template <bool ALIGNED, typename T>
DEVICE void copy_columns(T* dst, const T* src, int64 n, int dst_cols, int src_cols, int to, int from, int width,
                         int32 accumulate) {
  constexpr int N = PER16<T>;
  cells<N, ALIGNED>(n, width, [&](auto p, int64 row, int at) {
    T* d = dst + row * dst_cols + to;
    float v[N], before[N] = {};
    p.read(v, src + row * src_cols + from, at, width);
    if (accumulate) {
      p.read(before, d, at, width);
#pragma unroll
      for (int i = 0; i < N; i++) v[i] += before[i];
    }
    p.write(d, v, at, width);
  });
}

#define GATHER(Y, ytype, X, xtype, stored)                                                                        \
  KERNEL(cola_gather_##ytype##_##xtype, Y* y, const stored* x, const int32* rows, int64 n, int32 m, int32 cols) { \
    const X* table = reinterpret_cast<const X*>(x);                                                               \
    EITHER((fits<PACK<Y, X>>(cols, y, x)), gather, y, table, rows, n, m, cols);                                   \
  }
GATHER(float, f32, float, f32, float)
GATHER(float, f32, bf16, bf16, bf16)
GATHER(float, f32, f16, f16, uint16)
GATHER(bf16, bf16, float, f32, float)
GATHER(bf16, bf16, bf16, bf16, bf16)
GATHER(bf16, bf16, f16, f16, uint16)

constexpr int GATHER_THREADS = 256;

#define GATHER_BACKWARD(X, xtype, G, gtype)                                                                        \
  KERNEL_OF(GATHER_THREADS, cola_gather_backward_##xtype##_##gtype, X* dx, const G* g, const int32* rows, int32 n, \
            int32 m, int32 cols) {                                                                                 \
    SHARED(int32[GATHER_THREADS], tile);                                                                           \
    SHARED(float[32], scratch);                                                                                    \
    EITHER((fits<PACK<X, G>>(cols, dx, g)), gather_backward, dx, g, rows, n, m, cols, tile, scratch);              \
  }
GATHER_BACKWARD(float, f32, float, f32)
GATHER_BACKWARD(float, f32, bf16, bf16)
GATHER_BACKWARD(bf16, bf16, float, f32)
GATHER_BACKWARD(bf16, bf16, bf16, bf16)

#define COPY_COLUMNS(T, type)                                                                                      \
  KERNEL(cola_copy_columns_##type, T* dst, const T* src, int64 n, int32 dst_cols, int32 src_cols, int32 to,        \
         int32 from, int32 width, int32 accumulate) {                                                              \
    EITHER(fits<PER16<T>>(dst_cols | src_cols | width, dst + to, src + from), copy_columns, dst, src, n, dst_cols, \
           src_cols, to, from, width, accumulate); /* N, a power of 2, divides all or not their | */               \
  }
COPY_COLUMNS(float, f32)
COPY_COLUMNS(bf16, bf16)
