#include "attention.h"
#include "panel.h"

// Attention of bf16 by tensor cores, for heads whose width is a multiple of 8 up to DIM. Formula
// and shapes are those of attention_forward.cu, and so is the order of sums, by tiles of N keys, 64
// for DIM 64 and 32 for 128; weights are rounded to bf16 where they multiply v (FlashAttention-2,
// Dao 2023).
//
// A block of 128 threads has 64 queries of one head, 16 each warp; panel.h says where a lane's elements
// are. A row of scores is four lanes'; all of a warp's weights and sums stay in its registers. Shared
// memory: panels of 64 queries, N keys and N values, 24 KB for DIM 64, 32 KB for 128. Values are on their
// way while keys are multiplied, and the next keys while values are. Registers on sm_90: 104 for
// DIM 64, 131 for 128, and none spilled.
template <int DIM, int N>
struct forward {
  float sums[DIM / 8][4];
  float top[2], total[2]; // of rows g and g+8: the scores' maximum, and what this lane added up itself

  template <bool MASKED>
  DEVICE void weigh(float (&s)[N / 8][4], const window& seen, float factor) {
    float most[2] = {top[0], top[1]};
#pragma unroll
    for (int n = 0; n < N / 8; n++)
#pragma unroll
      for (int j = 0; j < 4; j++) {
        s[n][j] = MASKED && !seen.sees(j, panel_column(n, j)) ? -INFINITE : s[n][j] * factor;
        most[j / 2] = s[n][j] > most[j / 2] ? s[n][j] : most[j / 2];
      }
    float shrink[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      for (int mask = 1; mask < 4; mask *= 2) {
        const float other = shuffle_xor(most[i], mask);
        most[i] = other > most[i] ? other : most[i];
      }
      shrink[i] = top[i];
      top[i] = most[i];
      most[i] = most[i] == -INFINITE ? 0.0f : most[i]; // −∞ − −∞ would be NaN
      shrink[i] = quick_exp2(shrink[i] - most[i]);
      total[i] = total[i] * shrink[i];
    }
#pragma unroll
    for (int n = 0; n < N / 8; n++)
#pragma unroll
      for (int j = 0; j < 4; j++) {
        s[n][j] = quick_exp2(s[n][j] - most[j / 2]);
        total[j / 2] = total[j / 2] + s[n][j];
      }
#pragma unroll
    for (int n = 0; n < DIM / 8; n++)
#pragma unroll
      for (int j = 0; j < 4; j++) sums[n][j] = sums[n][j] * shrink[j / 2];
  }
};

template <int DIM>
DEVICE void attention(bf16* y, float* lse, const bf16* q, const bf16* k, const bf16* v, const int32* blocks, int heads,
                      int kv_heads, int dim, int q_columns, int kv_columns, float scale) {
  constexpr int N = DIM == 64 ? 64 : 32;
  SHARED_DYNAMIC(bf16, queries);
  SHARED(taint, tainted);
  bf16 *keys = queries + PANEL_ROWS * DIM, *values = keys + N * DIM;
  const block at = block_of(blocks);
  const int head = int(blockIdx.y), row = panel_row();
  const int64 wide = int64(heads) * dim, q_wide = q_columns, narrow = kv_columns;
  const int64 from = at.query * wide + head * dim, query = at.query * q_wide + head * dim;
  const int64 first = at.key * narrow + head * kv_heads / heads * dim;
  forward<DIM, N> f = {};
  f.top[0] = f.top[1] = -INFINITE;

  untainted(tainted);
  fetch<DIM, PANEL_ROWS>(queries, q + query, q_wide, at.queries, dim);
  fetch<DIM, N>(keys, k + first, narrow, at.keys, dim);
  cp_async_commit();
  for (int base = 0; base < at.keys; base += N) {
    cp_async_wait<0>();
    __syncthreads(); // the keys are here, and nobody needs the values before
    fetch<DIM, N>(values, v + first + base * narrow, narrow, at.keys - base, dim);
    cp_async_commit();
    float s[N / 8][4] = {};
    multiply<DIM, N>(s, queries, keys);
    const bool masked = keys_of(at, 0, base) < N; // the first query sees least
    const window seen = {{0, 0}, {keys_of(at, row, base), keys_of(at, row + 8, base)}};
    if (masked)
      f.template weigh<true>(s, seen, scale * LOG2E);
    else
      f.template weigh<false>(s, seen, scale * LOG2E);
    cp_async_wait<0>();
    if (masked && !finite<DIM, N>(values)) tainted[base / N % 2] = base;
    __syncthreads(); // the values are here, and nobody needs these keys
    if (base + N < at.keys) fetch<DIM, N>(keys, k + first + (base + N) * narrow, narrow, at.keys - base - N, dim);
    cp_async_commit();
    if (tainted[base / N % 2] == base)
      combine<true, DIM, N>(f.sums, s, values, seen);
    else
      combine<false, DIM, N>(f.sums, s, values, seen);
  }

#pragma unroll
  for (int i = 0; i < 2; i++) {
    const int r = row + 8 * i;
    for (int mask = 1; mask < 4; mask *= 2) f.total[i] = f.total[i] + shuffle_xor(f.total[i], mask);
    if (r >= at.queries) continue;
    const bool blind = keys_of(at, r, 0) <= 0;
    if (lane() % 4 == 0)
      lse[(at.query + r) * int64(heads) + head] = blind ? -INFINITE : f.top[i] / LOG2E + math_log(f.total[i]);
    const float inverse = 1.0f / f.total[i];
#pragma unroll
    for (int n = 0; n < DIM / 8; n++) {
      // + 0: a sum of nothing but −0 is 0, as it is after a tile that is not seen
      const float lo = f.sums[n][2 * i] * inverse + 0.0f, hi = f.sums[n][2 * i + 1] * inverse + 0.0f;
      uint32* to = reinterpret_cast<uint32*>(y + from + r * wide + panel_column(n, 0));
      if (8 * n < dim) *to = blind ? 0u : pack2(lo, hi);
    }
  }
}

KERNEL_OF(PANEL_THREADS, cola_attention_tensor_64, bf16* y, float* lse, const bf16* q, const bf16* k, const bf16* v,
          const int32* blocks, int32 heads, int32 kv_heads, int32 dim, int32 q_columns, int32 kv_columns, float scale) {
  attention<64>(y, lse, q, k, v, blocks, heads, kv_heads, dim, q_columns, kv_columns, scale);
}
KERNEL_OF(PANEL_THREADS, cola_attention_tensor_128, bf16* y, float* lse, const bf16* q, const bf16* k, const bf16* v,
          const int32* blocks, int32 heads, int32 kv_heads, int32 dim, int32 q_columns, int32 kv_columns, float scale) {
  attention<128>(y, lse, q, k, v, blocks, heads, kv_heads, dim, q_columns, kv_columns, scale);
}
