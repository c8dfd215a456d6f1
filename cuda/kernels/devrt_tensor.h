// Tensor cores, and the copies that feed them. All lanes of a warp call the functions together;
// cp_async_* are a thread's own.
//
// With g = lane()/4 and t = lane()%4 a lane holds, of each 16×16 matrix of bf16 (A) the pairs
//   a[0] = A[g][2t, 2t+1]   a[1] = A[g+8][2t, 2t+1]   a[2] = A[g][2t+8, 2t+9]   a[3] = A[g+8][2t+8, 2t+9],
// of each 16×8 matrix (B, k by n) the pairs down a column
//   b[0] = B[2t, 2t+1][g]   b[1] = B[2t+8, 2t+9][g],
// and of each 16×8 matrix of floats (D)
//   d[0], d[1] = D[g][2t, 2t+1]   d[2], d[3] = D[g+8][2t, 2t+1].
// Of a pair, the first is in the lower half.
//
// GPUs before compute capability 8.0 have none of these instructions. What calls them is
// compiled for such a GPU, too, and stops it: package cuda calls no kernel on bf16 there.
#pragma once

#ifdef __CUDA_ARCH__ // the emulator's are in its emu_tensor.h
#if __CUDA_ARCH__ < 800

DEVICE void no_such_instruction() { asm volatile("trap;"); }
DEVICE void mma_bf16_16816(float (&)[4], const uint32 (&)[4], const uint32 (&)[2]) { no_such_instruction(); }
DEVICE void ldmatrix_x4(uint32 (&r)[4], const void*) {
  for (uint32& each : r) each = 0;
  no_such_instruction();
}
DEVICE void ldmatrix_x4_trans(uint32 (&r)[4], const void* row) { ldmatrix_x4(r, row); }
DEVICE void cp_async_16(void*, const void*, bool = true) { no_such_instruction(); }
DEVICE void cp_async_commit() {}
template <int n>
DEVICE void cp_async_wait() {}

#else

// mma_bf16_16816 computes D += A·B.
DEVICE void mma_bf16_16816(float (&d)[4], const uint32 (&a)[4], const uint32 (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// The place of what p points to in shared memory. The compilers know these conversions, and
// fold what is added to an address into the instruction that reads there.
DEVICE uint32 shared_address(const void* p) {
#ifdef __CUDACC_RTC__
  return uint32(__cvta_generic_to_shared(p));
#else
  return uint32(reinterpret_cast<uint64>((const __attribute__((address_space(3))) void*)p));
#endif
}

// ldmatrix_x4 loads four 8×8 matrices of bf16: lane 8i+j gives the address of row j of matrix
// i, 16 bytes of shared memory, and r[i] gets row lane()/4, columns 2·(lane()%4) and the next
// of matrix i. ldmatrix_x4_trans loads their transposes.
DEVICE void ldmatrix_x4(uint32 (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
DEVICE void ldmatrix_x4_trans(uint32 (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

// cp_async_16 begins to copy 16 bytes to shared memory; both addresses are multiples of 16.
// Where copy is false nothing is read, and 16 zero bytes are written. cp_async_commit makes a
// group of the copies that this thread began since the last; cp_async_wait<n> waits until at
// most the n youngest groups are under way. It waits for this thread's copies: others see them
// after the next __syncthreads.
DEVICE void cp_async_16(void* shared, const void* global, bool copy = true) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
               "r"(copy ? 16 : 0)
               : "memory");
}
DEVICE void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int n>
DEVICE void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory");
}

#endif
#endif
