// Memory of the device: addresses of this process, with a zone on either side of each
// allocation that nobody may write to. It is full of NaN at first, and of 0xDD once it is
// free.
#pragma once

#include <cstddef>

namespace emu {

// allocate returns memory at a multiple of 512, as CUDA does.
void* allocate(size_t);

// release returns false if p is not the beginning of an allocation.
bool release(void* p);

// owns reports whether all n bytes at p are in one allocation.
bool owns(const void* p, size_t n);

// check_zones reports a write that went out of an allocation, check_quarantine one to memory that
// was free already, of which it keeps the latest; false if there is one.
bool check_zones();
bool check_quarantine();

size_t allocated_bytes();
size_t allocations();

} // namespace emu
