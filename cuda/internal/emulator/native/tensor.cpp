// Tensor cores and asynchronous copies.
#include <cstdint>
#include <cstring>

#include "block.h"
#include "emu.h"
#include "report.h"

namespace emu {

void check_aligned(const void* p, Place here) {
  if (reinterpret_cast<uintptr_t>(p) % 16)
    fail("%p is no multiple of 16, at %s:%d", p, base(here.file), here.line);
}

static float element(uint32_t pair, int half) {
  uint32_t b = (half ? pair >> 16 : pair) << 16;
  float f;
  memcpy(&f, &b, 4);
  return f;
}

struct Mma {
  float* d;
  const unsigned *a, *b;

  // Where lane l keeps an element is said in devrt_tensor.h. Products of bf16 are exact in
  // double, and a tensor core rounds their sum once or a few times.
  static void run(void* const lanes[32]) {
    float A[16][16], B[16][8];
    for (int l = 0; l < 32; l++) {
      auto o = static_cast<const Mma*>(lanes[l]);
      int g = l / 4, t = l % 4;
      for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 4; i++) A[g + i % 2 * 8][2 * t + half + i / 2 * 8] = element(o->a[i], half);
        for (int i = 0; i < 2; i++) B[2 * t + half + i * 8][g] = element(o->b[i], half);
      }
    }
    for (int l = 0; l < 32; l++) {
      auto o = static_cast<const Mma*>(lanes[l]);
      for (int i = 0; i < 4; i++) {
        int row = l / 4 + i / 2 * 8, column = l % 4 * 2 + i % 2;
        double sum = o->d[i];
        for (int k = 0; k < 16; k++) sum += double(A[row][k]) * B[k][column];
        o->d[i] = float(sum);
      }
    }
  }
};

void mma_bf16_16816(float* d, const unsigned* a, const unsigned* b, Place here) {
  static const Collective what = {"mma_bf16_16816", Mma::run};
  Mma o = {d, a, b};
  together(what, &o, here);
}

struct LoadMatrix {
  unsigned* r;
  const void* row;

  template <bool transposed>
  static void run(void* const lanes[32]) {
    for (int m = 0; m < 4; m++) {
      uint16_t M[8][8];
      for (int i = 0; i < 8; i++) memcpy(M[i], static_cast<LoadMatrix*>(lanes[8 * m + i])->row, 16);
      for (int l = 0; l < 32; l++) {
        int i = l / 4, j = l % 4 * 2;
        uint32_t lo = transposed ? M[j][i] : M[i][j], hi = transposed ? M[j + 1][i] : M[i][j + 1];
        static_cast<LoadMatrix*>(lanes[l])->r[m] = hi << 16 | lo;
      }
    }
  }
};

void ldmatrix(unsigned* r, const void* row, bool transposed, Place here) {
  static const Collective plain = {"ldmatrix_x4", LoadMatrix::run<false>};
  static const Collective turned = {"ldmatrix_x4_trans", LoadMatrix::run<true>};
  check_aligned(row, here);
  LoadMatrix o = {r, row};
  together(transposed ? turned : plain, &o, here);
}

static void make(const Copy& c) {
  if (c.from)
    memcpy(c.to, c.from, 16);
  else
    memset(c.to, 0, 16);
}

void cp_async_16(void* shared, const void* global, bool copy, Place here) {
  check_aligned(shared, here);
  check_aligned(global, here);
  Copy c = {shared, copy ? global : nullptr};
  Schedule& s = schedule();
  if (s.order == Descending || (s.order == Random && s.next(2)))
    make(c);
  else
    thread().copies.pending.push_back(c);
}

void cp_async_commit() {
  Copies& c = thread().copies;
  c.groups.push_back(c.pending.size());
}

void cp_async_wait(unsigned groups) {
  Copies& c = thread().copies;
  if (c.groups.size() <= groups) return;
  auto done = c.groups.end() - groups - 1; // the last group to be waited for
  unsigned n = *done;
  for (unsigned i = 0; i < n; i++) make(c.pending[i]);
  c.pending.erase(c.pending.begin(), c.pending.begin() + n);
  c.groups.erase(c.groups.begin(), done + 1);
  for (unsigned& end : c.groups) end -= n;
}

} // namespace emu
