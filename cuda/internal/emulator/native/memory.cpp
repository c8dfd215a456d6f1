#include "memory.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>

#include "report.h"
#include "sanitiser.h"

namespace emu {

constexpr size_t zone = 256, alignment = 512;
// Zones read as NaN in float and in bf16, and nothing that a kernel computes looks like them.
constexpr uint32_t mark = 0x7fe57fe5;
constexpr unsigned char freed = 0xdd;
// The latest that was freed is kept for a while, so that a late write to it is found.
constexpr size_t quarantine_limit = 1 << 20;

struct Allocation {
  char*
      raw; // what the system gave; the zone begins before the memory, which begins at a multiple of alignment
  char* memory;
  size_t size;

  char* before() const { return memory - zone; }
  char* after() const { return memory + size; }
};

static std::map<uintptr_t, Allocation> live;
static std::deque<Allocation> quarantine;
static size_t live_bytes, quarantine_bytes;

static uintptr_t address(const void* p) { return reinterpret_cast<uintptr_t>(p); }

static void fill_zone(char* p) {
  for (size_t i = 0; i < zone; i += 4) memcpy(p + i, &mark, 4);
}

// first_wrong returns where a zone was written to, or -1.
static int first_wrong(const char* p) {
  for (size_t i = 0; i < zone; i++)
    if (p[i] != reinterpret_cast<const char*>(&mark)[i % 4]) return i;
  return -1;
}

static bool check_live(const Allocation& a) {
  unpoison(a.before(), zone);
  unpoison(a.after(), zone);
  int before = first_wrong(a.before()), after = first_wrong(a.after());
  poison(a.before(), zone);
  poison(a.after(), zone);
  if (after >= 0) report("something wrote to byte %zu of an allocation of %zu", a.size + after, a.size);
  if (before >= 0) report("something wrote to byte %d of an allocation of %zu", before - int(zone), a.size);
  return before < 0 && after < 0;
}

static bool check_freed(const Allocation& a) {
  unpoison(a.memory, a.size);
  size_t i = 0;
  while (i < a.size && static_cast<unsigned char>(a.memory[i]) == freed) i++;
  poison(a.memory, a.size);
  if (i < a.size) report("something wrote to byte %zu of an allocation of %zu after it was freed", i, a.size);
  return i == a.size;
}

void* allocate(size_t n) {
  Allocation a = {static_cast<char*>(malloc(n + 2 * zone + 2 * alignment)), nullptr, n};
  if (!a.raw) return nullptr;
  a.memory = a.raw + zone + (alignment - address(a.raw + zone) % alignment);
  fill_zone(a.before());
  fill_zone(a.after());
  memset(a.memory, 0xff, n);
  poison(a.before(), zone);
  poison(a.after(), zone);
  live[address(a.memory)] = a;
  live_bytes += n;
  return a.memory;
}

// forget gives the oldest allocation of the quarantine to the system.
static void forget(Allocation a) {
  check_freed(a);
  quarantine.pop_front();
  quarantine_bytes -= a.size;
  unpoison(a.before(), a.size + 2 * zone);
  free(a.raw);
}

bool release(void* p) {
  auto it = live.find(address(p));
  if (it == live.end()) return false;
  Allocation a = it->second;
  check_live(a);
  live.erase(it);
  live_bytes -= a.size;
  memset(a.memory, freed, a.size);
  poison(a.memory, a.size);
  quarantine.push_back(a);
  quarantine_bytes += a.size;
  while (quarantine_bytes > quarantine_limit) forget(quarantine.front());
  return true;
}

bool owns(const void* p, size_t n) {
  auto it = live.upper_bound(address(p));
  if (it == live.begin()) return false;
  const Allocation& a = (--it)->second;
  return address(p) + n <= address(a.after());
}

bool check_zones() {
  bool good = true;
  for (auto& entry : live) good = check_live(entry.second) && good;
  return good;
}

bool check_quarantine() {
  bool good = true;
  for (auto& a : quarantine) good = check_freed(a) && good;
  return good;
}

size_t allocated_bytes() { return live_bytes; }
size_t allocations() { return live.size(); }

} // namespace emu
