#include "shared.h"

#include <algorithm>
#include <cstring>

#include "emu_shared.h"
#include "report.h"
#include "sanitiser.h"

namespace emu {

constexpr unsigned zone = 256; // behind the dynamic memory, to find writes out of bounds
constexpr unsigned char mark = 0xfb;
constexpr unsigned fixed_limit = 48 << 10; // no GPU gives variables more

alignas(1024) static unsigned char memory[shared_limit + zone];
static unsigned long long block;
static unsigned bytes, fixed;

void* dynamic_shared() { return memory; }

void Slot::enter(void* p, unsigned long size) {
  if (block == emu::block) return;
  block = emu::block;
  memset(p, 0xff, size);
  fixed += size;
  if (fixed > fixed_limit || fixed + bytes > shared_limit)
    fail(
        "it has %u bytes of shared variables and %u of dynamic shared memory: a block has %u, %u of them for "
        "variables",
        fixed, bytes, shared_limit, fixed_limit);
}

void poison_shared(unsigned dynamic) {
  block++;
  fixed = 0;
  bytes = dynamic;
  unpoison(memory, sizeof memory);
  memset(memory, 0xff, bytes);
  memset(memory + bytes, mark, zone);
  poison(memory + bytes, sizeof memory - bytes);
}

bool check_shared() {
  unpoison(memory, sizeof memory);
  auto end = memory + bytes + zone,
       wrong = std::find_if(memory + bytes, end, [](unsigned char c) { return c != mark; });
  if (wrong == end) return true;
  report("it wrote to byte %u of %u bytes of dynamic shared memory", unsigned(wrong - memory), bytes);
  return false;
}

} // namespace emu
