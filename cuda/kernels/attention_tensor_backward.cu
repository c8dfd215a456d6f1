#include "attention.h"
#include "panel.h"

// The gradients of attention of bf16 by tensor cores, for heads whose width is a multiple of 8
// up to DIM. Formulas, shapes and the order of sums are those of attention_backward.cu, whose
// dots these kernels take; P and S are rounded to bf16 where they multiply.
//
// A block of 128 threads has 64 queries, or 64 keys, of one head, 16 each warp; panel.h says where
// a lane's elements are. What they meet comes by tiles of N rows, of which the next is on its way while
// one is worked on.

// attention_dq: N is 64 for DIM 64 and 32 for 128. Shared memory: panels of 64 queries and gradients, and
// twice of N keys and values: 48 KB for DIM 64, 64 KB for 128. Registers on sm_90: 128 and 158, and none
// spilled.
template <int DIM>
DEVICE void attention_dq(bf16* dq, const bf16* g, const float* lse, const float* dots, const bf16* q, const bf16* k,
                         const bf16* v, const int32* blocks, int heads, int kv_heads, int dim, int q_columns,
                         int kv_columns, float scale) {
  constexpr int N = DIM == 64 ? 64 : 32;
  SHARED_DYNAMIC(bf16, queries);
  SHARED(taint, tainted);
  bf16 *gradients = queries + PANEL_ROWS * DIM, *stages = gradients + PANEL_ROWS * DIM; // each keys, then values
  const block at = block_of(blocks);
  const int head = int(blockIdx.y), row = panel_row();
  const int64 wide = int64(heads) * dim, q_wide = q_columns, narrow = kv_columns;
  const int64 from = at.query * wide + head * dim, query = at.query * q_wide + head * dim;
  const int64 first = at.key * narrow + head * kv_heads / heads * dim;
  const float factor = scale * LOG2E;
  float sums[DIM / 8][4] = {}, norm[2] = {}, dot[2] = {};
#pragma unroll
  for (int i = 0; i < 2; i++)
    if (row + 8 * i < at.queries) {
      norm[i] = lse[(at.query + row + 8 * i) * int64(heads) + head] * LOG2E;
      dot[i] = dots[(at.query + row + 8 * i) * int64(heads) + head];
    }

  untainted(tainted);
  __syncthreads();
  fetch<DIM, PANEL_ROWS>(queries, q + query, q_wide, at.queries, dim);
  fetch<DIM, PANEL_ROWS>(gradients, g + from, wide, at.queries, dim);
  fetch<DIM, N>(stages, k + first, narrow, at.keys, dim);
  fetch<DIM, N>(stages + N * DIM, v + first, narrow, at.keys, dim);
  cp_async_commit();
  for (int base = 0; base < at.keys; base += N) {
    bf16 *keys = stages + base / N % 2 * 2 * N * DIM, *values = keys + N * DIM;
    const bool masked = keys_of(at, 0, base) < N; // the first query sees least
    cp_async_wait<0>();
    if (masked && !finite<DIM, N>(keys)) tainted[base / N % 2] = base;
    __syncthreads(); // the tile is here, and nobody needs the one before
    if (base + N < at.keys) {
      bf16* other = stages + (base / N + 1) % 2 * 2 * N * DIM;
      const int64 next = first + (base + N) * narrow;
      fetch<DIM, N>(other, k + next, narrow, at.keys - base - N, dim);
      fetch<DIM, N>(other + N * DIM, v + next, narrow, at.keys - base - N, dim);
    }
    cp_async_commit();
    float s[N / 8][4] = {}, slopes[N / 8][4] = {};
    multiply<DIM, N>(s, queries, keys);
    multiply<DIM, N>(slopes, gradients, values);
    const window seen = {{0, 0}, {keys_of(at, row, base), keys_of(at, row + 8, base)}};
#pragma unroll
    for (int n = 0; n < N / 8; n++)
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const float slope = quick_exp2(s[n][j] * factor - norm[j / 2]) * (slopes[n][j] - dot[j / 2]);
        slopes[n][j] = !masked || seen.sees(j, panel_column(n, j)) ? slope : 0.0f;
      }
    if (tainted[base / N % 2] == base)
      combine<true, DIM, N>(sums, slopes, keys, seen);
    else
      combine<false, DIM, N>(sums, slopes, keys, seen);
  }

#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int n = 0; n < DIM / 8; n++) {
      uint32* to = reinterpret_cast<uint32*>(dq + query + (row + 8 * i) * q_wide + panel_column(n, 0));
      if (row + 8 * i >= at.queries || 8 * n >= dim) continue;
      float lo, hi;
      unpack2(*to, lo, hi);
      *to = pack2(lo + (sums[n][2 * i] * scale + 0.0f), hi + (sums[n][2 * i + 1] * scale + 0.0f));
    }
}

// attention_dkv: N is 32. Rows of fragments are keys here, and columns queries. Shared memory: panels of
// 64 keys and values, twice of N queries and gradients, and twice lse and dots of N queries: 32.5 KB for
// DIM 64, 64.5 KB for 128. Registers on sm_90: 166 and 247, and none spilled.
template <int DIM>
DEVICE void attention_dkv(bf16* dk, bf16* dv, const bf16* g, const float* lse, const float* dots, const bf16* q,
                          const bf16* k, const bf16* v, const int32* blocks, int heads, int kv_heads, int dim,
                          int q_columns, int kv_columns, float scale) {
  constexpr int N = 32;
  SHARED_DYNAMIC(bf16, keys);
  SHARED(taint, tainted);
  bf16 *values = keys + PANEL_ROWS * DIM, *stages = values + PANEL_ROWS * DIM; // each queries, then gradients
  float* norms = reinterpret_cast<float*>(stages + 4 * N * DIM); // of each stage: lse, then dots
  const block at = block_of(blocks);
  const int row = panel_row(), group = heads / kv_heads, tiles = (at.queries + N - 1) / N;
  const int64 wide = int64(heads) * dim, q_wide = q_columns, narrow = kv_columns;
  const int64 key = at.key * narrow + int(blockIdx.y) * dim;
  const float factor = scale * LOG2E;
  float key_sums[DIM / 8][4] = {}, value_sums[DIM / 8][4] = {};

  // Tile number i is tile i%tiles of head i/tiles of those that read the keys.
  auto prepare = [&](int i) {
    const int head = int(blockIdx.y) * group + i / tiles, base = i % tiles * N, count = at.queries - base;
    const int64 query = at.query + base, from = query * wide + head * dim;
    bf16* stage = stages + i % 2 * 2 * N * DIM;
    fetch<DIM, N>(stage, q + query * q_wide + head * dim, q_wide, count, dim);
    fetch<DIM, N>(stage + N * DIM, g + from, wide, count, dim);
    const int r = int(threadIdx.x);
    if (r < N) {
      norms[i % 2 * 2 * N + r] = r < count ? lse[(query + r) * heads + head] * LOG2E : 0.0f;
      norms[i % 2 * 2 * N + N + r] = r < count ? dots[(query + r) * heads + head] : 0.0f;
    }
  };
  untainted(tainted);
  __syncthreads();
  fetch<DIM, PANEL_ROWS>(keys, k + key, narrow, at.keys, dim);
  fetch<DIM, PANEL_ROWS>(values, v + key, narrow, at.keys, dim);
  prepare(0);
  cp_async_commit();
  for (int i = 0; i < tiles * group; i++) {
    bf16 *queries = stages + i % 2 * 2 * N * DIM, *gradients = queries + N * DIM;
    const float *norm = norms + i % 2 * 2 * N, *dot = norm + N;
    const int base = i % tiles * N, count = at.queries - base;
    // The last key is seen by fewest queries.
    const bool masked = count < N || query_of(at, PANEL_ROWS - 1, base) > 0;
    cp_async_wait<0>();
    if (masked && !(finite<DIM, N>(queries) && finite<DIM, N>(gradients))) tainted[i % 2] = i;
    __syncthreads(); // the tile is here, and nobody needs the one before
    if (i + 1 < tiles * group) prepare(i + 1);
    cp_async_commit();
    const window seen = {{query_of(at, row, base), query_of(at, row + 8, base)}, {count, count}};
    float weights[N / 8][4] = {}, slopes[N / 8][4] = {};
    multiply<DIM, N>(weights, keys, queries);
    multiply<DIM, N>(slopes, values, gradients);
#pragma unroll
    for (int n = 0; n < N / 8; n++)
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const int column = panel_column(n, j);
        const float weight = quick_exp2(weights[n][j] * factor - norm[column]);
        const bool sees = !masked || seen.sees(j, column);
        slopes[n][j] = sees ? weight * (slopes[n][j] - dot[column]) : 0.0f;
        weights[n][j] = sees ? weight : 0.0f;
      }
    if (tainted[i % 2] == i) {
      combine<true, DIM, N>(value_sums, weights, gradients, seen);
      combine<true, DIM, N>(key_sums, slopes, queries, seen);
    } else {
      combine<false, DIM, N>(value_sums, weights, gradients, seen);
      combine<false, DIM, N>(key_sums, slopes, queries, seen);
    }
  }

  auto add = [&](bf16* to, const float (&sums)[DIM / 8][4], float by) {
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
      for (int n = 0; n < DIM / 8; n++) {
        uint32* pair = reinterpret_cast<uint32*>(to + (row + 8 * i) * narrow + panel_column(n, 0));
        if (row + 8 * i >= at.keys || 8 * n >= dim) continue;
        float lo, hi;
        unpack2(*pair, lo, hi);
        *pair = pack2(lo + (sums[n][2 * i] * by + 0.0f), hi + (sums[n][2 * i + 1] * by + 0.0f));
      }
  };
  add(dk + key, key_sums, scale);
  add(dv + key, value_sums, 1.0f);
}

#define ATTENTION_TENSOR_BACKWARD(width)                                                                               \
  KERNEL_OF(PANEL_THREADS, cola_attention_tensor_dq_##width, bf16* dq, const bf16* g, const float* lse,                \
            const float* dots, const bf16* q, const bf16* k, const bf16* v, const int32* blocks, int32 heads,          \
            int32 kv_heads, int32 dim, int32 q_columns, int32 kv_columns, float scale) {                               \
    attention_dq<width>(dq, g, lse, dots, q, k, v, blocks, heads, kv_heads, dim, q_columns, kv_columns, scale);        \
  }                                                                                                                    \
  KERNEL_OF(PANEL_THREADS, cola_attention_tensor_dkv_##width, bf16* dk, bf16* dv, const bf16* g, const float* lse,     \
            const float* dots, const bf16* q, const bf16* k, const bf16* v, const int32* blocks, int32 heads,          \
            int32 kv_heads, int32 dim, int32 q_columns, int32 kv_columns, float scale) {                               \
    attention_dkv<width>(dk, dv, g, lse, dots, q, k, v, blocks, heads, kv_heads, dim, q_columns, kv_columns, scale);   \
  }
ATTENTION_TENSOR_BACKWARD(64)
ATTENTION_TENSOR_BACKWARD(128)
