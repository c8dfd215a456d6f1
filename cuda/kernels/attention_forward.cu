#include "attention.h"
#include "tile.h"

// Attention in float32, for any width of a head:
//
//   x = scale·q·kᵀ    y = Σ exp(x − top)·v / Σ exp(x − top)    lse = top + log Σ exp(x − top)
//
// over the keys that a query sees, by online softmax (Milakov and Gimelshein 2018, as in
// FlashAttention-2, Dao 2023): keys come by tiles of 32, top is the greatest x so far, and what
// has been summed up is scaled down where it rises. q and y are (n, heads·dim), k and v
// (m, kv_heads·dim), lse is (n, heads). Rows of q may be farther apart, q_columns, and so may rows of
// k and of v, kv_columns: they may be columns of what one product made.
//
// A block of 128 threads has 32 queries of one head, and 32·CHUNKS columns of y: grid z counts
// these, and where there are several, each computes the weights for itself. tile.h says which thread
// has which rows and columns. Columns of q, k and v come through shared memory 32 at a time: 13.5 KB
// whatever the width. y is summed up in registers, 8 floats for every 32 columns: of these a thread has 80
// and 128 on sm_90, for CHUNKS 2 and 4.
//
// A query's sums run over its keys in tiles from the span's first on, so that neither the other
// queries nor keys that it does not see change a bit.
template <int CHUNKS, typename T>
DEVICE void attention(T* y, float* lse, const T* q, const T* k, const T* v, const int32* blocks, int heads,
                      int kv_heads, int dim, int q_columns, int kv_columns, float scale) {
  SHARED(tile, a);
  SHARED(tile, b);
  SHARED(tile, weights);
  const block at = block_of(blocks);
  const int head = int(blockIdx.y), left = int(blockIdx.z) * CHUNKS * TILE, row = tile_row(), column = tile_column();
  const int64 wide = int64(heads) * dim, q_wide = q_columns, narrow = kv_columns;
  const int64 from = at.query * wide + head * dim, queries = at.query * q_wide + head * dim;
  const int64 keys = at.key * narrow + head * kv_heads / heads * dim;
  fragment sums[CHUNKS] = {};
  float top[4], total[4] = {}; // of what this thread has added up itself
#pragma unroll
  for (int i = 0; i < 4; i++) top[i] = -INFINITE;

  for (int base = 0; base < at.keys; base += TILE) {
    const int count = at.keys - base;
    fragment s = {};
    for (int d = 0; d < dim; d += TILE) {
      __syncthreads();
      stage(a, q + queries + d, q_wide, at.queries, dim - d);
      stage(b, k + keys + base * narrow + d, narrow, count, dim - d);
      __syncthreads();
      multiply(s, a, b);
    }
    const int none[4] = {};
    int sees[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
      sees[i] = keys_of(at, row + i, base);
      float most = -INFINITE;
#pragma unroll
      for (int j = 0; j < 2; j++) {
        s[i][j] = column + 16 * j < sees[i] ? s[i][j] * scale : -INFINITE;
        most = math_max(most, s[i][j]);
      }
      for (int mask = 8; mask > 0; mask >>= 1) most = math_max(most, shuffle_xor(most, mask));
      most = math_max(most, top[i]);
      const float zero = most == -INFINITE ? 0.0f : most; // −∞ − −∞ would be NaN
      const float shrink = math_exp(top[i] - zero);
      top[i] = most;
      total[i] = total[i] * shrink;
#pragma unroll
      for (int j = 0; j < 2; j++) {
        s[i][j] = column + 16 * j < sees[i] ? math_exp(s[i][j] - zero) : 0.0f;
        total[i] = total[i] + s[i][j];
      }
#pragma unroll
      for (int c = 0; c < CHUNKS; c++)
#pragma unroll
        for (int j = 0; j < 2; j++) sums[c][i][j] = sums[c][i][j] * shrink;
    }
    put(weights, s);
#pragma unroll
    for (int c = 0; c < CHUNKS; c++)
      if (left + c * TILE < dim) {
        __syncthreads();
        stage(b, v + keys + base * narrow + left + c * TILE, narrow, count, dim - left - c * TILE);
        __syncthreads();
        combine(sums[c], weights, b, none, sees);
      }
  }

#pragma unroll
  for (int i = 0; i < 4; i++) {
    for (int mask = 8; mask > 0; mask >>= 1) total[i] = total[i] + shuffle_xor(total[i], mask);
    if (row + i >= at.queries) continue;
    const bool blind = keys_of(at, row + i, 0) <= 0;
    if (column == 0 && left == 0)
      lse[(at.query + row + i) * int64(heads) + head] = blind ? -INFINITE : top[i] + math_log(total[i]);
#pragma unroll
    for (int c = 0; c < CHUNKS; c++)
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const int d = left + c * TILE + column + 16 * j;
        // + 0: a sum of nothing but −0 is 0, as it is after a tile that is not seen
        if (d < dim) store(y + from + (row + i) * wide + d, blind ? 0.0f : sums[c][i][j] / total[i] + 0.0f);
      }
  }
}

#define ATTENTION_FORWARD(width, suffix, T)                                                                            \
  KERNEL_OF(TILE_THREADS, cola_attention_##width##_##suffix, T* y, float* lse, const T* q, const T* k, const T* v,     \
            const int32* blocks, int32 heads, int32 kv_heads, int32 dim, int32 q_columns, int32 kv_columns,            \
            float scale) {                                                                                             \
    attention<width / TILE>(y, lse, q, k, v, blocks, heads, kv_heads, dim, q_columns, kv_columns, scale);              \
  }
ATTENTION_FORWARD(64, f32, float)
ATTENTION_FORWARD(128, f32, float)
ATTENTION_FORWARD(64, bf16, bf16)
ATTENTION_FORWARD(128, bf16, bf16)
