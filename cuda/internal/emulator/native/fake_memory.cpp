// libcuda: memory of the device and pinned memory, pools, copies.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "fake_stream.h"
#include "memory.h"
#include "report.h"

namespace fake {

// What the pool keeps of what it was given back, as long as its threshold allows.
static size_t kept;
static uint64_t threshold;
static char pool; // its address is the pool's handle

static std::map<uint64_t, size_t> device;  // allocations
static std::map<uintptr_t, size_t> pinned; // memory of the host

static uint64_t limit() { return settings.memory; }
static uint64_t taken() { return emu::allocated_bytes() + kept; }

static void* at(uint64_t p) { return reinterpret_cast<void*>(p); }

// take makes an allocation; from what the pool kept, where allowed.
static int take(uint64_t* p, size_t n, bool pooled) {
  size_t reused = pooled ? std::min(kept, n) : 0;
  if (n == 0) return invalid_value;
  if (taken() - reused + n > limit()) return out_of_memory;
  void* memory = emu::allocate(n);
  if (!memory) return out_of_memory;
  kept -= reused;
  *p = reinterpret_cast<uint64_t>(memory);
  device[*p] = n;
  return success;
}

// give takes an allocation back.
static int give(uint64_t p, bool pooled) {
  auto it = device.find(p);
  if (it == device.end()) return invalid_value;
  size_t n = it->second;
  device.erase(it);
  emu::release(at(p));
  if (pooled && kept + n <= threshold) kept += n;
  return emu::failed() ? die(illegal_address) : success;
}

static bool is_pinned(const void* p, size_t n) {
  auto it = pinned.upper_bound(reinterpret_cast<uintptr_t>(p));
  if (it == pinned.begin()) return false;
  --it;
  return reinterpret_cast<uintptr_t>(p) + n <= it->first + it->second;
}

// Work on memory that was freed before its turn came is an illegal access.
static int touch(uint64_t p, size_t n, const char* what) {
  if (emu::owns(at(p), n)) return success;
  emu::report("%s of %zu bytes at %#llx, which are not in one allocation", what, n,
              static_cast<unsigned long long>(p));
  return die(illegal_address);
}

std::string memory_leaks() {
  std::string s;
  if (!device.empty())
    s += std::to_string(device.size()) + " allocations, " + std::to_string(emu::allocated_bytes()) +
         " bytes\n";
  if (!pinned.empty()) s += std::to_string(pinned.size()) + " pinned buffers\n";
  return s;
}

void reset_memory() {
  for (auto& d : device) emu::release(at(d.first));
  for (auto& p : pinned) munmap(reinterpret_cast<void*>(p.first), p.second);
  device.clear();
  pinned.clear();
  kept = threshold = 0;
}

} // namespace fake

using namespace fake;

EXPORTED int cuMemAlloc_v2(uint64_t* p, size_t n) {
  Call call("cuMemAlloc_v2");
  return call ? take(p, n, false) : call.code;
}

// It waits for the device, as CUDA does.
EXPORTED int cuMemFree_v2(uint64_t p) {
  Call call("cuMemFree_v2");
  if (!call) return call.code;
  if (p == 0) return success;
  if (int code = drain_all()) return code;
  return give(p, false);
}

EXPORTED int cuMemGetInfo_v2(size_t* free, size_t* total) {
  Call call("cuMemGetInfo_v2");
  *total = limit();
  *free = limit() - std::min(limit(), taken());
  return call.code;
}

EXPORTED int cuMemHostAlloc(void** p, size_t n, unsigned) {
  Call call("cuMemHostAlloc");
  if (!call) return call.code;
  void* memory = mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (n == 0 || memory == MAP_FAILED) return n == 0 ? invalid_value : out_of_memory;
  memset(memory, 0xff, n);
  pinned[reinterpret_cast<uintptr_t>(memory)] = n;
  *p = memory;
  return success;
}

EXPORTED int cuMemFreeHost(void* p) {
  Call call("cuMemFreeHost");
  if (!call) return call.code;
  auto it = pinned.find(reinterpret_cast<uintptr_t>(p));
  if (it == pinned.end()) return invalid_value;
  if (int code = drain_all()) return code;
  munmap(p, it->second);
  pinned.erase(it);
  return success;
}

EXPORTED int cuDeviceGetDefaultMemPool(void** handle, int) {
  Call call("cuDeviceGetDefaultMemPool", Driver);
  *handle = &pool;
  return call.code;
}

EXPORTED int cuMemPoolSetAttribute(void* handle, int attribute, void* value) {
  Call call("cuMemPoolSetAttribute", Driver);
  if (!call) return call.code;
  if (handle != &pool || attribute != 4) return invalid_value; // CU_MEMPOOL_ATTR_RELEASE_THRESHOLD
  memcpy(&threshold, value, 8);
  return success;
}

EXPORTED int cuMemPoolTrimTo(void* handle, size_t n) {
  Call call("cuMemPoolTrimTo", Driver);
  if (!call) return call.code;
  if (handle != &pool) return invalid_value;
  kept = std::min(kept, n);
  return success;
}

EXPORTED int cuMemAllocAsync(uint64_t* p, size_t n, void* stream) {
  Call call("cuMemAllocAsync");
  if (!call) return call.code;
  auto s = find_stream(stream);
  if (!s) return invalid_handle;
  int code = take(p, n, true);
  if (code != out_of_memory) return code;
  if ((code = drain(s))) return code; // what the stream has freed may be enough
  return take(p, n, true);
}

EXPORTED int cuMemFreeAsync(uint64_t p, void* stream) {
  Call call("cuMemFreeAsync");
  if (!call) return call.code;
  auto s = find_stream(stream);
  if (!s) return invalid_handle;
  if (!device.count(p)) return invalid_value;
  queue(s, [p] { return give(p, true); });
  return success;
}

// Pinned memory is read when the copy's turn comes, any other at once.
EXPORTED int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t n, void* stream) {
  Call call("cuMemcpyHtoDAsync_v2");
  if (!call) return call.code;
  auto s = find_stream(stream);
  if (!s) return invalid_handle;
  if (!emu::owns(at(to), n)) return invalid_value;
  std::vector<char> staged;
  bool late = is_pinned(from, n);
  if (!late) staged.assign(static_cast<const char*>(from), static_cast<const char*>(from) + n);
  queue(s, [to, from, n, late, staged] {
    if (int code = touch(to, n, "copy to the device")) return code;
    memcpy(at(to), late ? from : staged.data(), n);
    return int(success);
  });
  return success;
}

// A copy to memory that is not pinned waits until it is done.
EXPORTED int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t n, void* stream) {
  Call call("cuMemcpyDtoHAsync_v2");
  if (!call) return call.code;
  auto s = find_stream(stream);
  if (!s) return invalid_handle;
  if (!emu::owns(at(from), n)) return invalid_value;
  queue(s, [to, from, n] {
    if (int code = touch(from, n, "copy from the device")) return code;
    memcpy(to, at(from), n);
    return int(success);
  });
  return is_pinned(to, n) ? success : drain(s);
}

EXPORTED int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t n, void* stream) {
  Call call("cuMemcpyDtoDAsync_v2");
  if (!call) return call.code;
  auto s = find_stream(stream);
  if (!s) return invalid_handle;
  if (!emu::owns(at(to), n) || !emu::owns(at(from), n)) return invalid_value;
  queue(s, [to, from, n] {
    if (int code = touch(from, n, "copy from the device")) return code;
    if (int code = touch(to, n, "copy to the device")) return code;
    memmove(at(to), at(from), n);
    return int(success);
  });
  return success;
}

EXPORTED int cuMemsetD8Async(uint64_t to, unsigned char value, size_t n, void* stream) {
  Call call("cuMemsetD8Async");
  if (!call) return call.code;
  auto s = find_stream(stream);
  if (!s) return invalid_handle;
  if (!emu::owns(at(to), n)) return invalid_value;
  queue(s, [to, value, n] {
    if (int code = touch(to, n, "memset")) return code;
    memset(at(to), value, n);
    return int(success);
  });
  return success;
}
