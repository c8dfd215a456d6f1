// Rotary position embeddings. Sources: linalg/cpu_activation.go, and linalg/reference/rope.go.
#include "pack.h"

// In each head of d columns of x (n, cols) the pair (a, b) of columns j and j + d/2 becomes
// (a·c − b·s, b·c + a·s), with the cosine c = table[p, j] and the sine s = sign·table[p, j + d/2]
// of the row's position p; the table is (places, d). y may be x. A row whose position is not in
// the table becomes NaN: its position is not known to the host.
//
// Threads: the cells of pack.h, a lane for N pairs of a head; N is 1 where it is no divisor of
// the d/2 pairs, and neighbouring lanes then have neighbouring pairs.
template <int N, typename T>
DEVICE void rope(T* y, const T* x, const int32* positions, const float* table, int64 n, int cols, int d, int places,
                 float sign) {
  int half = d / 2, each = half / N; // packs of a head
  packs<N, (N > 1)> p = {1};
  cells<1, true>(n, cols / d * each, [&](auto, int64 row, int pack) {
    int position = positions[row], at = pack % each * N;
    bool known = position >= 0 && position < places;
    const float* angles = table + int64(known ? position : 0) * d;
    int64 low = row * cols + pack / each * d, high = low + half;
    float a[N], b[N], c[N], s[N];
    p.read(a, x + low, at, half);
    p.read(b, x + high, at, half);
    p.read(c, angles, at, half);
    p.read(s, angles + half, at, half);
#pragma unroll
    for (int i = 0; i < N; i++) {
      float u = a[i], v = b[i], cosine = known ? c[i] : from_bits(0x7fc00000u), sine = sign * s[i];
      a[i] = u * cosine - v * sine;
      b[i] = v * cosine + u * sine;
    }
    p.write(y + low, a, at, half);
    p.write(y + high, b, at, half);
  });
}

#define ROPE(T, type)                                                                                         \
  KERNEL(cola_rope_##type, T* y, const T* x, const int32* positions, const float* table, int64 n, int32 cols, \
         int32 d, int32 places, float sign) {                                                                 \
    if (fits<PER16<T>>(d / 2, y, x, table))                                                                   \
      rope<PER16<T>>(y, x, positions, table, n, cols, d, places, sign);                                       \
    else                                                                                                      \
      rope<1>(y, x, positions, table, n, cols, d, places, sign);                                              \
  }
ROPE(float, f32)
ROPE(bf16, bf16)
