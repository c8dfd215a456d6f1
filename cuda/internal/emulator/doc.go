// Package emulator runs cola's GPU kernels, and whole programs that use them, on machines
// without a GPU. It is for tests.
//
// [Build] makes one shared library with g++ of three parts, all in native/:
//
//   - the kernels of cuda/kernels, compiled for this processor: cuda/kernels/devrt.h has a
//     back end for it;
//   - an emulator of what CUDA promises them: threads, barriers, warps, shared memory, tensor
//     cores. It promises nothing else. The order of threads and blocks is a [Schedule], memory
//     is full of NaN until somebody writes to it, and what would be undefined is reported
//     with the names of kernel, block and thread;
//   - a fake of the parts of libcuda, libnvrtc and libcublasLt that package cuda calls, with
//     their C interfaces, so that the package opens it like the real ones.
//
// [Launch] runs one kernel on slices. [Fake] controls the fake driver.
//
// What is not emulated: the memory model between blocks, the speed and capacity of
// anything but memory, and the rounding of tensor cores, which sum in an order of their own.
package emulator
