// What the kernels of attention share: what a block works on, and what it sees.
#pragma once

#include "devrt.h"

// A block is some queries and some keys of one span, of one head. Query r, counted from the
// block's first, sees key c, counted likewise, if c < first + r·step: step is 1 where the
// attention is causal, and 0 where queries see all keys. The host makes a list of blocks, six
// numbers each, for all spans of a call; grid x is a place in it, and grid y the head.
struct block {
  int query, queries; // the first's row, and how many
  int key, keys;
  int first, step;
};

DEVICE block block_of(const int32* blocks) {
  const int32* b = blocks + 6 * int64(blockIdx.x);
  return {b[0], b[1], b[2], b[3], b[4], b[5]};
}

// The number of keys from number base on that query r sees.
DEVICE int keys_of(const block& b, int r, int base) { return b.first + r * b.step - base; }

// The first query that sees key c, counted from number base on: 1 << 30 if none does.
DEVICE int query_of(const block& b, int c, int base) {
  if (b.step == 0) return c < b.first ? 0 : 1 << 30;
  return c - b.first + 1 - base;
}

#define LOG2E 1.44269504f
#define INFINITE from_bits(0x7f800000u)
