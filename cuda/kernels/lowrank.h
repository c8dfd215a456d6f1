// What the kernels for low-rank adapters share: a block's work.
#pragma once

#include "devrt.h"

// A block has some rows of one adapter: A is (rank, in), B (out, rank). The host makes a list of
// blocks for all adapters of a call, eight numbers each; grid x is a place in it.
struct adapter {
  const float *a, *b;
  int row, rows; // the first, and how many
  int rank;
  float scale;
};

DEVICE adapter adapter_of(const int32* blocks) {
  const int32* w = blocks + 8 * int64(blockIdx.x);
  const uint64 a = uint64(uint32(w[1])) << 32 | uint32(w[0]), b = uint64(uint32(w[3])) << 32 | uint32(w[2]);
  return {reinterpret_cast<const float*>(a), reinterpret_cast<const float*>(b), w[4], w[5], w[6],
          from_bits(uint32(w[7]))};
}

// The columns that one block adds up; grid z counts such pieces of a row. There is work for the whole
// GPU then also where rows are few and long.
constexpr int SEGMENT = 512;
