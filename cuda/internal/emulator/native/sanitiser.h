// What the address sanitiser is told, in builds that have it.
#pragma once

#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace emu {

inline void poison(void* p, size_t n) {
#ifdef __SANITIZE_ADDRESS__
  __asan_poison_memory_region(p, n);
#else
  (void)p, (void)n;
#endif
}

inline void unpoison(void* p, size_t n) {
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(p, n);
#else
  (void)p, (void)n;
#endif
}

} // namespace emu
