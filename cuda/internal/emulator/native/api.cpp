// What Go calls to run a kernel by itself, without a driver: see launch.go.
#include <cstdio>
#include <cstring>
#include <mutex>

#include "api.h"
#include "block.h"
#include "kernels.h"
#include "memory.h"
#include "report.h"
#include "shared.h"

namespace emu {

std::mutex& lock() {
  static std::mutex m;
  return m;
}

bool launchable(const Work& w) {
  auto none = [](Index i) { return i.x == 0 || i.y == 0 || i.z == 0; };
  unsigned long long threads = 1ull * w.block.x * w.block.y * w.block.z;
  if (none(w.grid) || none(w.block) || w.grid.x > 0x7fffffff || w.grid.y > 65535 || w.grid.z > 65535 ||
      w.block.z > 64)
    report("kernel %s: a grid of (%u, %u, %u) blocks of (%u, %u, %u) threads cannot be", w.kernel->name,
           w.grid.x, w.grid.y, w.grid.z, w.block.x, w.block.y, w.block.z);
  else if (threads > w.kernel->threads)
    report("kernel %s: a block of %llu threads, where %u are the most", w.kernel->name, threads,
           w.kernel->threads);
  else if (w.shared > shared_limit)
    report("kernel %s: %u bytes of shared memory, where %u are the most", w.kernel->name, w.shared,
           shared_limit);
  return !failed();
}

} // namespace emu

using namespace emu;

EXPORTED int emu_signature(const char* name, char* out, int size) {
  const Kernel* k = find_kernel(name);
  if (!k) return -1;
  int n = 0;
  out[0] = 0;
  for (int i = 0; i < k->parameters && n < size; i++)
    n += snprintf(out + n, size - n, i ? " %s" : "%s", k->types[i].text);
  return n < size ? 0 : -1;
}

EXPORTED void* emu_allocate(size_t n) {
  std::lock_guard<std::mutex> guard(lock());
  return allocate(n);
}

EXPORTED void emu_release(void* p) {
  std::lock_guard<std::mutex> guard(lock());
  release(p);
}

EXPORTED int emu_launch(const char* name, const unsigned* grid, const unsigned* block, unsigned shared,
                        void* const* parameters, int order, unsigned long long seed, char* out, int size) {
  std::lock_guard<std::mutex> guard(lock());
  clear_report();
  if (const Kernel* k = find_kernel(name)) {
    Work w = {k,          {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, shared,
              parameters, {Order(order), seed}};
    if (launchable(w)) run_grid(w);
  } else {
    report("there is no kernel %s", name);
  }
  snprintf(out, size, "%s", reported());
  bool good = !failed();
  clear_report();
  return good ? 0 : -1;
}

EXPORTED void emu_copy(void* to, const void* from, size_t n) { memcpy(to, from, n); }
