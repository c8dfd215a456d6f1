// Matrix products as libcublasLt describes them: in columns, column after column in memory.
#pragma once

#include <cstdint>

namespace fake {

enum Type { float32 = 0, bfloat16 = 14 }; // of cudaDataType_t

struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t stride; // elements from one column to the next
  int32_t batch = 1;
  int64_t step = 0; // elements from one matrix of the batch to the next

  uint64_t size() const { return type == bfloat16 ? 2 : 4; }
  // bytes returns how far the whole batch reaches.
  uint64_t bytes() const { return ((batch - 1) * step + (columns - 1) * stride + rows) * size(); }
};

// Product is D = alpha·op(A)·op(B) + beta·C, and the epilogue.
struct Product {
  bool trans_a, trans_b;
  float alpha, beta;
  Layout a, b, c, d;
  uint64_t at_a, at_b, at_c, at_d;
  uint64_t bias = 0; // of D's type, one element for each row; 0 for none
  uint64_t aux = 0;  // gets what D is the GELU of (tanh approximation), in D's type; 0 for none
  int64_t aux_stride = 0;
};

void multiply(const Product&);

} // namespace fake
