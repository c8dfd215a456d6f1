#include "attention.h"
#include "tile.h"

// The gradients of attention in float32, for any width of a head. With the weights
// P = exp(scale·q·kᵀ − lse) over what queries see, and S = P∘(g·vᵀ − dots), where dots is Σ g∘y
// of a query's row (FlashAttention-2, Dao 2023),
//
//   dq += scale·S·k    dk += scale·Sᵀ·q    dv += Pᵀ·g
//
// Shapes are those of attention_forward.cu; g is like y, and dots (n, heads) like lse. Rows of
// gradients are as far apart as those of q, k and v. Each gradient is summed up by the one block that
// owns its rows, in one order: a row of dq over its keys; one of dk and dv over the heads that read the
// key and, in each, over the queries that see it, all from the span's first on, by tiles of 32.

// attention_dots computes dots, a warp a row of a head.
template <typename T>
DEVICE void attention_dots(float* dots, const T* g, const T* y, int64 rows, int dim) {
  const int64 row = global_index() / 32;
  float sum = 0;
  if (row < rows)
    for (int d = lane(); d < dim; d += 32) sum = math_fma(load(g + row * dim + d), load(y + row * dim + d), sum);
  sum = warp_sum(sum);
  if (row < rows && lane() == 0) dots[row] = sum;
}

KERNEL(cola_attention_dots_f32, float* dots, const float* g, const float* y, int64 rows, int32 dim) {
  attention_dots(dots, g, y, rows, dim);
}
KERNEL(cola_attention_dots_bf16, float* dots, const bf16* g, const bf16* y, int64 rows, int32 dim) {
  attention_dots(dots, g, y, rows, dim);
}

// attention_dq: a block of 128 threads has 32 queries of one head and 32·CHUNKS columns of dq, as in
// attention_forward.cu. Shared memory: five tiles, 22.5 KB. Registers on sm_90: 80 and 128.
template <int CHUNKS, typename T>
DEVICE void attention_dq(T* dq, const T* g, const float* lse, const float* dots, const T* q, const T* k, const T* v,
                         const int32* blocks, int heads, int kv_heads, int dim, int q_columns, int kv_columns,
                         float scale) {
  SHARED(tile, queries);
  SHARED(tile, keys);
  SHARED(tile, gradients);
  SHARED(tile, values);
  SHARED(tile, slopes);
  const block at = block_of(blocks);
  const int head = int(blockIdx.y), left = int(blockIdx.z) * CHUNKS * TILE, row = tile_row(), column = tile_column();
  const int64 wide = int64(heads) * dim, q_wide = q_columns, narrow = kv_columns;
  const int64 from = at.query * wide + head * dim, query = at.query * q_wide + head * dim;
  const int64 first = at.key * narrow + head * kv_heads / heads * dim;
  fragment sums[CHUNKS] = {};
  float norm[4] = {}, dot[4] = {};
#pragma unroll
  for (int i = 0; i < 4; i++)
    if (row + i < at.queries) {
      norm[i] = lse[(at.query + row + i) * int64(heads) + head];
      dot[i] = dots[(at.query + row + i) * int64(heads) + head];
    }

  for (int base = 0; base < at.keys; base += TILE) {
    const int count = at.keys - base;
    const int64 key = first + base * narrow;
    fragment s = {}, slope = {};
    for (int d = 0; d < dim; d += TILE) {
      __syncthreads();
      stage(queries, q + query + d, q_wide, at.queries, dim - d);
      stage(keys, k + key + d, narrow, count, dim - d);
      stage(gradients, g + from + d, wide, at.queries, dim - d);
      stage(values, v + key + d, narrow, count, dim - d);
      __syncthreads();
      multiply(s, queries, keys);
      multiply(slope, gradients, values);
    }
    const int none[4] = {};
    int sees[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      sees[i] = keys_of(at, row + i, base);
#pragma unroll
      for (int j = 0; j < 2; j++)
        slope[i][j] = column + 16 * j < sees[i] ? math_exp(s[i][j] * scale - norm[i]) * (slope[i][j] - dot[i]) : 0.0f;
    }
    put(slopes, slope);
#pragma unroll
    for (int c = 0; c < CHUNKS; c++)
      if (left + c * TILE < dim) {
        __syncthreads();
        stage(keys, k + key + left + c * TILE, narrow, count, dim - left - c * TILE);
        __syncthreads();
        combine(sums[c], slopes, keys, none, sees);
      }
  }

#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int c = 0; c < CHUNKS; c++)
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const int d = left + c * TILE + column + 16 * j;
        T* to = dq + query + (row + i) * q_wide + d;
        if (row + i < at.queries && d < dim) store(to, load(to) + (sums[c][i][j] * scale + 0.0f));
      }
}

// attention_dkv: a block of 128 threads has 32 keys of one head of keys and 32·CHUNKS columns of dk
// and dv. Rows of tiles are keys here, and columns queries. Shared memory: six tiles and two
// rows, 27.3 KB. Registers on sm_90: 128 and 168.
template <int CHUNKS, typename T>
DEVICE void attention_dkv(T* dk, T* dv, const T* g, const float* lse, const float* dots, const T* q, const T* k,
                          const T* v, const int32* blocks, int heads, int kv_heads, int dim, int q_columns,
                          int kv_columns, float scale) {
  SHARED(tile, queries);
  SHARED(tile, keys);
  SHARED(tile, gradients);
  SHARED(tile, values);
  SHARED(tile, weights);
  SHARED(tile, slopes);
  SHARED(float[TILE], norm);
  SHARED(float[TILE], dot);
  const block at = block_of(blocks);
  const int left = int(blockIdx.z) * CHUNKS * TILE, row = tile_row(), column = tile_column(), group = heads / kv_heads;
  const int64 wide = int64(heads) * dim, q_wide = q_columns, narrow = kv_columns;
  const int64 key = at.key * narrow + int(blockIdx.y) * dim;
  fragment key_sums[CHUNKS] = {}, value_sums[CHUNKS] = {};

  for (int head = int(blockIdx.y) * group; head < (int(blockIdx.y) + 1) * group; head++)
    for (int base = 0; base < at.queries; base += TILE) {
      const int count = at.queries - base;
      const int64 query = at.query + base, from = query * wide + head * dim, start = query * q_wide + head * dim;
      fragment s = {}, slope = {};
      for (int d = 0; d < dim; d += TILE) {
        __syncthreads();
        if (d == 0 && int(threadIdx.x) < TILE) {
          const int r = int(threadIdx.x);
          norm[r] = r < count ? lse[(query + r) * heads + head] : 0.0f;
          dot[r] = r < count ? dots[(query + r) * heads + head] : 0.0f;
        }
        stage(queries, q + start + d, q_wide, count, dim - d);
        stage(keys, k + key + d, narrow, at.keys, dim - d);
        stage(gradients, g + from + d, wide, count, dim - d);
        stage(values, v + key + d, narrow, at.keys, dim - d);
        __syncthreads();
        multiply(s, keys, queries);
        multiply(slope, values, gradients);
      }
      int begin[4], end[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        begin[i] = query_of(at, row + i, base);
        end[i] = count;
#pragma unroll
        for (int j = 0; j < 2; j++) {
          const int r = column + 16 * j;
          const bool seen = r >= begin[i] && r < end[i];
          s[i][j] = seen ? math_exp(s[i][j] * scale - norm[r]) : 0.0f;
          slope[i][j] = seen ? s[i][j] * (slope[i][j] - dot[r]) : 0.0f;
        }
      }
      put(weights, s);
      put(slopes, slope);
#pragma unroll
      for (int c = 0; c < CHUNKS; c++)
        if (left + c * TILE < dim) {
          __syncthreads();
          stage(queries, q + start + left + c * TILE, q_wide, count, dim - left - c * TILE);
          stage(gradients, g + from + left + c * TILE, wide, count, dim - left - c * TILE);
          __syncthreads();
          combine(key_sums[c], slopes, queries, begin, end);
          combine(value_sums[c], weights, gradients, begin, end);
        }
    }

#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int c = 0; c < CHUNKS; c++)
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const int d = left + c * TILE + column + 16 * j;
        const int64 to = key + (row + i) * narrow + d;
        if (row + i < at.keys && d < dim) {
          store(dk + to, load(dk + to) + (key_sums[c][i][j] * scale + 0.0f));
          store(dv + to, load(dv + to) + (value_sums[c][i][j] + 0.0f));
        }
      }
}

#define ATTENTION_BACKWARD(width, suffix, T)                                                                           \
  KERNEL_OF(TILE_THREADS, cola_attention_dq_##width##_##suffix, T* dq, const T* g, const float* lse,                   \
            const float* dots, const T* q, const T* k, const T* v, const int32* blocks, int32 heads, int32 kv_heads,   \
            int32 dim, int32 q_columns, int32 kv_columns, float scale) {                                               \
    attention_dq<width / TILE>(dq, g, lse, dots, q, k, v, blocks, heads, kv_heads, dim, q_columns, kv_columns, scale); \
  }                                                                                                                    \
  KERNEL_OF(TILE_THREADS, cola_attention_dkv_##width##_##suffix, T* dk, T* dv, const T* g, const float* lse,           \
            const float* dots, const T* q, const T* k, const T* v, const int32* blocks, int32 heads, int32 kv_heads,   \
            int32 dim, int32 q_columns, int32 kv_columns, float scale) {                                               \
    attention_dkv<width / TILE>(dk, dv, g, lse, dots, q, k, v, blocks, heads, kv_heads, dim, q_columns, kv_columns,    \
                                scale);                                                                                \
  }
ATTENTION_BACKWARD(64, f32, float)
ATTENTION_BACKWARD(128, f32, float)
ATTENTION_BACKWARD(64, bf16, bf16)
ATTENTION_BACKWARD(128, bf16, bf16)
