// Tensor cores and asynchronous copies: what they do is said in cuda/kernels/devrt_tensor.h.
#pragma once

namespace emu {

void mma_bf16_16816(float* d, const unsigned* a, const unsigned* b, Place);
void ldmatrix(unsigned* r, const void* row, bool transposed, Place);
void cp_async_16(void* shared, const void* global, bool copy, Place);
void cp_async_commit();
void cp_async_wait(unsigned groups);

} // namespace emu

DEVICE void mma_bf16_16816(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], HERE) {
  emu::mma_bf16_16816(d, a, b, here);
}
DEVICE void ldmatrix_x4(unsigned (&r)[4], const void* row, HERE) { emu::ldmatrix(r, row, false, here); }
DEVICE void ldmatrix_x4_trans(unsigned (&r)[4], const void* row, HERE) { emu::ldmatrix(r, row, true, here); }
DEVICE void cp_async_16(void* shared, const void* global, bool copy = true, HERE) {
  emu::cp_async_16(shared, global, copy, here);
}
DEVICE void cp_async_commit() { emu::cp_async_commit(); }
template <int n>
DEVICE void cp_async_wait() {
  emu::cp_async_wait(n);
}
