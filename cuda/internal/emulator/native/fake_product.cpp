// The arithmetic of the fake libcublasLt: sums in float, in the order of k.
#include "fake_product.h"

#include <cmath>
#include <cstring>
#include <vector>

namespace fake {

static float get(uint64_t at, int type, uint64_t i) {
  if (type == float32) return reinterpret_cast<const float*>(at)[i];
  uint32_t b = uint32_t(reinterpret_cast<const uint16_t*>(at)[i]) << 16;
  float v;
  memcpy(&v, &b, 4);
  return v;
}

static void put(uint64_t at, int type, uint64_t i, float v) {
  if (type == float32) {
    reinterpret_cast<float*>(at)[i] = v;
    return;
  }
  uint32_t b;
  memcpy(&b, &v, 4);
  reinterpret_cast<uint16_t*>(at)[i] = v != v ? 0x7fff : (b + 0x7fff + (b >> 16 & 1)) >> 16;
}

// gather copies a matrix, transposed or not, to floats in columns without gaps.
static std::vector<float> gather(const Layout& l, uint64_t at, bool transposed) {
  std::vector<float> out(l.rows * l.columns);
  for (uint64_t j = 0; j < l.columns; j++)
    for (uint64_t i = 0; i < l.rows; i++)
      out[transposed ? i * l.columns + j : j * l.rows + i] = get(at, l.type, j * l.stride + i);
  return out;
}

// columns adds a (m, k) times four columns of b to four columns of sums.
__attribute__((optimize("O3"))) static void four_columns(float* __restrict__ s0, float* __restrict__ s1,
                                                         float* __restrict__ s2, float* __restrict__ s3,
                                                         const float* __restrict__ a,
                                                         const float* __restrict__ b, uint64_t m,
                                                         uint64_t k) {
  for (uint64_t l = 0; l < k; l++, a += m) {
    float b0 = b[l], b1 = b[l + k], b2 = b[l + 2 * k], b3 = b[l + 3 * k];
    for (uint64_t i = 0; i < m; i++) {
      s0[i] += a[i] * b0;
      s1[i] += a[i] * b1;
      s2[i] += a[i] * b2;
      s3[i] += a[i] * b3;
    }
  }
}

static float gelu(float x) { return 0.5f * x * (1 + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x))); }

static void multiply_one(const Product& p, uint64_t index) {
  uint64_t in = p.a.size(), out = p.d.size();
  std::vector<float> a = gather(p.a, p.at_a + index * p.a.step * in, p.trans_a);
  std::vector<float> b = gather(p.b, p.at_b + index * p.b.step * in, p.trans_b);
  uint64_t m = p.d.rows, n = p.d.columns, k = p.trans_a ? p.a.rows : p.a.columns;
  uint64_t whole = (n + 3) / 4 * 4;
  b.resize(whole * k); // with columns of zeros, so that there are always four
  std::vector<float> sums(whole * m);
  for (uint64_t j = 0; j < n; j += 4) {
    float* s = &sums[j * m];
    four_columns(s, s + m, s + 2 * m, s + 3 * m, a.data(), &b[j * k], m, k);
  }
  uint64_t c = p.at_c + index * p.c.step * out, d = p.at_d + index * p.d.step * out;
  for (uint64_t j = 0; j < n; j++)
    for (uint64_t i = 0; i < m; i++) {
      float v = p.alpha * sums[j * m + i];
      if (p.beta != 0) v += p.beta * get(c, p.c.type, j * p.c.stride + i);
      if (p.bias) v += get(p.bias, p.d.type, i);
      if (p.aux) {
        put(p.aux, p.d.type, j * p.aux_stride + i, v);
        v = gelu(v);
      }
      put(d, p.d.type, j * p.d.stride + i, v);
    }
}

void multiply(const Product& p) {
  for (int32_t i = 0; i < p.d.batch; i++) multiply_one(p, i);
}

} // namespace fake
