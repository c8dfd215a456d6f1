// Losses with their gradients, and the choice of the likeliest. Sources: linalg/cpu_loss.go and
// linalg/cpu_rows.go; linalg/reference/loss.go in float64. A block has a row; see
// ROW_THREADS.
#include "pack.h"

constexpr int32 IGNORED = -100; // linalg.Ignored

// block_join joins the values of a block's threads by join(a, b), which must not care for the
// order of its operands, and returns the result to all. none joins without effect. parts is
// shared memory of 32 values.
template <typename V>
DEVICE V block_join(V v, V none, V* parts) {
  for (int mask = 16; mask > 0; mask >>= 1) v = join(v, shuffle_xor(v, mask));
  warp_sync(); // what anybody read before, anybody may write from here on
  if (warps() == 1) return v;
  __syncthreads(); // whoever is late still reads the parts of the row before
  if (lane() == 0) parts[warp()] = v;
  __syncthreads();
  v = lane() < warps() ? parts[lane()] : none;
  for (int mask = 16; mask > 0; mask >>= 1) v = join(v, shuffle_xor(v, mask));
  return v;
}

// The maximum of some numbers, and the sum of exp(number − top): what a softmax needs of its
// row, in one pass.
struct online {
  float top, sum;
};

DEVICE float infinity() { return from_bits(0x7f800000u); }

// shift is what goes off in the exponents. Where all numbers are −∞ it must not be that: each
// is exp(−∞) = 0, in a row where others may be larger. +∞ is left to become NaN.
DEVICE float shift(float top) { return top == -infinity() ? 0 : top; }

DEVICE online join(online a, online b) {
  float top = a.top > b.top ? a.top : b.top, s = shift(top);
  return {top, a.sum * math_exp(a.top - s) + b.sum * math_exp(b.top - s)};
}
DEVICE online shuffle_xor(online v, int mask) { return {shuffle_xor(v.top, mask), shuffle_xor(v.sum, mask)}; }

// For row i of the logits z (n, classes) with the label l = labels[i]
//   loss[i]    = log Σ exp(z_i) − z_il
//   dlogits[i] = scale[i]·(softmax(z_i) − onehot(l)),
// and 0 where l is ignored; a label that is no class gives NaN. dlogits may be 0, and may be z.
// The first pass makes maximum and sum; the second, of which the row is still in the cache,
// the gradient.
template <bool ALIGNED, typename T>
DEVICE void cross_entropy(float* loss, T* dlogits, const T* z, const int32* labels, const float* scale, int64 n,
                          int classes, online* parts) {
  constexpr int N = PER16<T>;
  packs<N, ALIGNED> p = {int(blockDim.x)};
  for (int64 row = blockIdx.x; row < n; row += gridDim.x) {
    const T* in = z + row * classes;
    int32 label = labels[row];
    bool ignored = label == IGNORED, known = label >= 0 && label < classes;
    float own = known ? load(in + label) : from_bits(0x7fc00000u);
    online none = {-infinity(), 0}, all = none;
    if (!ignored)
      for (int at = p.first(threadIdx.x); at < classes; at += p.step()) {
        float v[N];
        p.read(v, in, at, classes);
        float top = all.top;
#pragma unroll
        for (int i = 0; i < N; i++)
          if (p.index(at, i) < classes && v[i] > top) top = v[i];
        float s = shift(top);
        all = {top, all.sum * math_exp(all.top - s)};
#pragma unroll
        for (int i = 0; i < N; i++) all.sum += p.index(at, i) < classes ? math_exp(v[i] - s) : 0;
      }
    all = block_join(all, none, parts);
    if (threadIdx.x == 0) loss[row] = ignored ? 0 : math_log(all.sum) + (all.top - own);
    if (!dlogits) continue;
    float factor = ignored ? 0 : scale[row], part = known ? factor / all.sum : own;
    for (int at = p.first(threadIdx.x); at < classes; at += p.step()) {
      float v[N];
      p.read(v, in, at, classes);
#pragma unroll
      for (int i = 0; i < N; i++) {
        float d = math_exp(v[i] - all.top) * part;
        if (p.index(at, i) == label) d -= factor;
        v[i] = ignored ? 0 : d;
      }
      p.write(dlogits + row * classes, v, at, classes);
    }
  }
}

// loss[i] = (pred[i] − target[i])² and, where dpred is not 0, dpred[i] = 2·scale[i]·(pred[i] − target[i]),
// for n elements, one a thread.
template <typename T>
DEVICE void squared_error(float* loss, T* dpred, const T* pred, const float* target, const float* scale, int64 n) {
  for (int64 i = global_index(); i < n; i += global_stride()) {
    float e = load(pred + i) - target[i];
    loss[i] = e * e;
    if (dpred) store(dpred + i, 2 * scale[i] * e);
  }
}

// The first of the largest elements among some. Nothing is larger than NaN.
struct best {
  float value;
  int32 index;
};

DEVICE best join(best a, best b) {
  return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}
DEVICE best shuffle_xor(best v, int mask) { return {shuffle_xor(v.value, mask), shuffle_xor(v.index, mask)}; }

// index[i] = the first place of the maximum of row i of x (n, cols). Everybody begins with the
// row's first element: if it is NaN, it stays.
template <bool ALIGNED, typename T>
DEVICE void argmax(int32* index, const T* x, int64 n, int cols, best* parts) {
  constexpr int N = PER16<T>;
  packs<N, ALIGNED> p = {int(blockDim.x)};
  for (int64 row = blockIdx.x; row < n; row += gridDim.x) {
    best first = {load(x + row * cols), 0}, all = first;
    for (int at = p.first(threadIdx.x); at < cols; at += p.step()) {
      float v[N];
      p.read(v, x + row * cols, at, cols);
#pragma unroll
      for (int i = 0; i < N; i++)
        if (p.index(at, i) < cols && v[i] > all.value) all = {v[i], p.index(at, i)};
    }
    all = block_join(all, first, parts);
    if (threadIdx.x == 0) index[row] = all.index;
  }
}

#define LOSS(T, type)                                                                                               \
  KERNEL_OF(ROW_THREADS, cola_cross_entropy_##type, float* loss, T* dlogits, const T* z, const int32* labels,       \
            const float* scale, int64 n, int32 classes) {                                                           \
    SHARED(online[32], parts);                                                                                      \
    EITHER(fits<PER16<T>>(classes, z, dlogits), cross_entropy, loss, dlogits, z, labels, scale, n, classes, parts); \
  }                                                                                                                 \
  KERNEL(cola_squared_error_##type, float* loss, T* dpred, const T* pred, const float* target,                      \
         const float* scale, int64 n) {                                                                             \
    squared_error(loss, dpred, pred, target, scale, n);                                                             \
  }                                                                                                                 \
  KERNEL_OF(ROW_THREADS, cola_argmax_##type, int32* index, const T* x, int64 n, int32 cols) {                       \
    SHARED(best[32], parts);                                                                                        \
    EITHER(fits<PER16<T>>(cols, x), argmax, index, x, n, cols, parts);                                              \
  }
LOSS(float, f32)
LOSS(bf16, bf16)
