// The words of cuda/kernels/devrt.h for the emulator, which runs kernels on the machine that
// tests them.
//
// A CUDA thread is a fiber: a stack of its own, and a switch to it. All fibers of a block
// take turns on one thread of the system, from one synchronisation to the next; blocks run
// one after another. So a kernel is deterministic for a given schedule, and one whose result
// differs between schedules has a race.
#pragma once

#include "emu_kernel.h"
#include "emu_shared.h"
#include "emu_thread.h"

#define DEVICE inline
#define KERNEL(name, ...) KERNEL_OF(1024, name, __VA_ARGS__)
#define KERNEL_OF(threads, name, ...)                                                \
  extern "C" void name(__VA_ARGS__);                                                 \
  static const emu::Registration<&name> name##_registered{#name, __FILE__, threads}; \
  extern "C" void name(__VA_ARGS__)

#define threadIdx (emu::current->index)
#define blockIdx (emu::block_index)
#define blockDim (emu::block_size)
#define gridDim (emu::grid_size)

// The caller's line goes along with whatever can go wrong, as a last parameter: PLACE ends a
// list of parameters, and PLACED one of arguments. The compilers for GPUs see nothing of it.
#define HERE emu::Place here = {__builtin_FILE(), __builtin_LINE()}
#define PLACE , HERE
#define PLACED , here

DEVICE float device_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

template <typename T>
DEVICE T* device_aligned16(T* p, HERE) {
  emu::check_aligned(p, here);
  return p;
}

DEVICE void __syncthreads(HERE) { emu::barrier(here); }
DEVICE void warp_sync(HERE) { emu::warp_sync(here); }
DEVICE float shuffle(float v, int from, HERE) { return emu::from_lane(v, from, here); }
DEVICE float shuffle_xor(float v, int mask, HERE) { return emu::from_lane_xor(v, mask, here); }
DEVICE int shuffle(int v, int from, HERE) { return emu::from_lane(v, from, here); }
DEVICE int shuffle_xor(int v, int mask, HERE) { return emu::from_lane_xor(v, mask, here); }

#include "emu_tensor.h"
