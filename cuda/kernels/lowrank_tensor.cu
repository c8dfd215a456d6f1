// Low-rank adapters for rows of bf16 by tensor cores. Formulas, shapes and the two launches are those of
// lowrank.cu; A and B are rounded to bf16 where they multiply, and u is summed in float32 and then
// rounded. in is a multiple of 8, and out of 2.
#include "lowrank.h"
#include "panel.h"

// Panels here are 64 wide: of columns of x, and then of ranks.
constexpr int WIDTH = 64;

// narrow fills a panel from a matrix of floats whose rows are stride elements apart; what is beyond
// its rows and columns is 0. Where the matrix lies on its side, element (r, c) is at from[c·stride + r].
template <int ROWS>
DEVICE void narrow(bf16* panel, const float* from, int64 stride, int rows, int columns, bool sideways) {
  for (int i = int(threadIdx.x); i < ROWS * WIDTH / 2; i += PANEL_THREADS) {
    const int r = sideways ? i % ROWS : i / (WIDTH / 2), c = 2 * (sideways ? i / ROWS : i % (WIDTH / 2));
    const int64 down = sideways ? 1 : stride, along = sideways ? stride : 1;
    const float lo = r < rows && c < columns ? from[r * down + c * along] : 0.0f;
    const float hi = r < rows && c + 1 < columns ? from[r * down + (c + 1) * along] : 0.0f;
    *reinterpret_cast<uint32*>(panel + place<WIDTH>(r, c / 8) + c % 8) = pack2(lo, hi);
  }
}

// A block of 128 threads has 64 rows, 32 ranks (grid y) and one segment of columns (grid z), of which 64
// are on their way while the 64 before are multiplied. Shared memory: two panels of 64 and of 32 rows
// each, 24 KB. Registers on sm_90: 56.
KERNEL_OF(PANEL_THREADS, cola_lowrank_tensor_inner, float* u, const bf16* x, const int32* blocks, int64 n, int32 in,
          int32 stride, int32 backward) {
  constexpr int RANKS = 32;
  SHARED(bf16[2][PANEL_ROWS * WIDTH], rows);
  SHARED(bf16[2][RANKS * WIDTH], matrix);
  const adapter at = adapter_of(blocks);
  const int first = int(blockIdx.y) * RANKS, begin = int(blockIdx.z) * SEGMENT;
  const int end = begin + SEGMENT < in ? begin + SEGMENT : in;
  if (first >= at.rank) return;
  auto prepare = [&](int c, int stage) {
    fetch<WIDTH, PANEL_ROWS>(rows[stage], x + int64(at.row) * in + c, in, at.rows, end - c);
    if (backward)
      narrow<RANKS>(matrix[stage], at.b + int64(c) * at.rank + first, at.rank, at.rank - first, end - c, true);
    else
      narrow<RANKS>(matrix[stage], at.a + int64(first) * in + c, in, at.rank - first, end - c, false);
    cp_async_commit();
  };
  float sums[RANKS / 8][4] = {};
  prepare(begin, 0);
  for (int c = begin, stage = 0; c < end; c += WIDTH, stage ^= 1) {
    cp_async_wait<0>();
    __syncthreads(); // this stage is here, and nobody needs the other
    if (c + WIDTH < end) prepare(c + WIDTH, stage ^ 1);
    multiply<WIDTH, RANKS>(sums, rows[stage], matrix[stage]);
  }
#pragma unroll
  for (int k = 0; k < RANKS / 8; k++)
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int r = panel_row() + j / 2 * 8, rank = first + panel_column(k, j);
      if (r < at.rows && rank < at.rank) u[(blockIdx.z * n + at.row + r) * stride + rank] = sums[k][j];
    }
}

// A block of 128 threads has 64 rows and 256 columns (grid y), 64 after 64. Shared memory: panels of 64
// rows of u and 64 columns of the adapter's matrix, 16 KB. Registers on
// sm_90: 79.
KERNEL_OF(PANEL_THREADS, cola_lowrank_tensor_outer, bf16* y, const float* u, const int32* blocks, int64 n, int32 out,
          int32 stride, int32 segments, int32 backward) {
  constexpr int COLUMNS = 256;
  SHARED(bf16[PANEL_ROWS * WIDTH], rows);
  SHARED(bf16[WIDTH * WIDTH], matrix);
  const adapter at = adapter_of(blocks);
  const int first = int(blockIdx.y) * COLUMNS;
  for (int column = first; column < first + COLUMNS && column < out; column += WIDTH) {
    float sums[WIDTH / 8][4] = {};
    for (int rank = 0; rank < at.rank; rank += WIDTH) {
      __syncthreads();
      if (column == first || at.rank > WIDTH) // else it is still there
        for (int i = int(threadIdx.x); i < PANEL_ROWS * WIDTH / 2; i += PANEL_THREADS) {
          const int r = i / (WIDTH / 2), c = 2 * (i % (WIDTH / 2));
          float lo = 0, hi = 0;
          for (int s = 0; r < at.rows && s < segments; s++) {
            const float* from = u + (s * n + at.row + r) * stride + rank + c;
            lo = rank + c < at.rank ? lo + from[0] : 0.0f;
            hi = rank + c + 1 < at.rank ? hi + from[1] : 0.0f;
          }
          *reinterpret_cast<uint32*>(rows + place<WIDTH>(r, c / 8) + c % 8) = pack2(lo, hi);
        }
      if (backward)
        narrow<WIDTH>(matrix, at.a + int64(rank) * out + column, out, out - column, at.rank - rank, true);
      else
        narrow<WIDTH>(matrix, at.b + int64(column) * at.rank + rank, at.rank, out - column, at.rank - rank, false);
      __syncthreads();
      multiply<WIDTH, WIDTH>(sums, rows, matrix);
    }
#pragma unroll
    for (int k = 0; k < WIDTH / 8; k++)
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const int r = panel_row() + 8 * i, c = column + panel_column(k, 0);
        if (r >= at.rows || c >= out) continue;
        uint32* to = reinterpret_cast<uint32*>(y + int64(at.row + r) * out + c);
        float lo, hi;
        unpack2(*to, lo, hi);
        *to = pack2(lo + at.scale * sums[k][2 * i], hi + at.scale * sums[k][2 * i + 1]);
      }
  }
}
