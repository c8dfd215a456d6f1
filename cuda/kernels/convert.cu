// y = x in another type: exact where y is F32, and to the nearest bfloat16, ties to even, where
// y is BF16; NaN stays NaN. Source: linalg/row/convert.go. The launch is that of elementwise.cu.
#include "pack.h"

#define CONVERT(Y, ytype, X, xtype, stored)                                \
  KERNEL(cola_convert_##ytype##_##xtype, Y* y, const stored* x, int64 n) { \
    map(y, reinterpret_cast<const X*>(x), n, [](float v) { return v; });   \
  }
CONVERT(float, f32, bf16, bf16, bf16)
CONVERT(float, f32, f16, f16, uint16)
CONVERT(bf16, bf16, float, f32, float)
CONVERT(bf16, bf16, f16, f16, uint16)
