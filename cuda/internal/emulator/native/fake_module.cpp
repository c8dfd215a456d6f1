// libcuda: kernels from images, and their launches. An image holds no code, since all kernels
// are in this library: it names the source that it was made of.
#include <cstdio>
#include <cstring>
#include <vector>

#include "fake_image.h"
#include "fake_stream.h"
#include "kernels.h"
#include "memory.h"
#include "provenance.h"
#include "report.h"
#include "shared.h"

namespace fake {

struct Module {
  std::string file; // the source whose kernels it has; empty for all
};

struct Function {
  const emu::Kernel* kernel;
  unsigned shared = 48 << 10; // the most dynamic shared memory of a launch
};

static Objects<Module> modules{"modules", {}};
static Objects<Function> functions{"functions", {}};

// complain writes to the log that cuModuleLoadDataEx was given.
static int complain(int code, const std::string& text, unsigned count, const int* options,
                    void* const* values) {
  char* log = nullptr;
  size_t size = 0;
  for (unsigned i = 0; i < count; i++) {
    if (options[i] == 5) log = static_cast<char*>(values[i]);           // CU_JIT_ERROR_LOG_BUFFER
    if (options[i] == 6) size = reinterpret_cast<uintptr_t>(values[i]); // its size
  }
  if (log) snprintf(log, size, "%s", text.c_str());
  return code;
}

std::string module_leaks() { return modules.left(); }

void reset_modules() {
  modules.all.clear();
  functions.all.clear();
}

} // namespace fake

using namespace fake;

EXPORTED int cuModuleLoadDataEx(void** module, const void* image, unsigned count, const int* options,
                                void* const* values) {
  Call call("cuModuleLoadDataEx");
  if (!call) return call.code;
  std::string text = static_cast<const char*>(image);
  std::string file;
  if (text.rfind(ptx_head, 0) == 0) {
    if (text.compare(strlen(ptx_head), strlen(kernels_hash), kernels_hash) != 0)
      return complain(invalid_ptx, "the PTX was made from other sources than this fake driver", count,
                      options, values);
  } else {
    Image i;
    if (!i.parse(text))
      return complain(invalid_image, "this is neither PTX of cola nor from the fake compiler", count, options,
                      values);
    if (!known(i.file, i.hash))
      return complain(invalid_image, i.file + " was another when the fake driver was built", count, options,
                      values);
    if (i.capability > settings.capability || i.capability / 10 != settings.capability / 10)
      return complain(209, i.file + " was compiled for another GPU", count, options,
                      values); // NO_BINARY_FOR_GPU
    file = i.file;
  }
  *module = modules.add(std::make_shared<Module>(Module{file}));
  return success;
}

EXPORTED int cuModuleUnload(void* module) {
  Call call("cuModuleUnload");
  if (!call) return call.code;
  return modules.remove(module) ? success : invalid_handle;
}

EXPORTED int cuModuleGetFunction(void** function, void* module, const char* name) {
  Call call("cuModuleGetFunction");
  if (!call) return call.code;
  auto m = modules.find(module);
  if (!m) return invalid_handle;
  const emu::Kernel* k = emu::find_kernel(name);
  if (!k || (!m->file.empty() && m->file != emu::base(k->file))) return not_found;
  *function = functions.add(std::make_shared<Function>(Function{k}));
  return success;
}

EXPORTED int cuFuncSetAttribute(void* function, int attribute, int value) {
  Call call("cuFuncSetAttribute");
  if (!call) return call.code;
  auto f = functions.find(function);
  if (!f) return invalid_handle;
  if (attribute != 8 || value < 0 || unsigned(value) > emu::shared_limit)
    return invalid_value; // MAX_DYNAMIC_SHARED_SIZE_BYTES
  f->shared = value;
  return success;
}

EXPORTED int cuFuncGetParamInfo(void* function, size_t index, size_t* offset, size_t* size) {
  Call call("cuFuncGetParamInfo");
  if (!call) return call.code;
  auto f = functions.find(function);
  if (!f) return invalid_handle;
  if (index >= size_t(f->kernel->parameters)) return invalid_value;
  size_t at = 0;
  for (size_t i = 0;; i++) {
    *size = f->kernel->size(i);
    at = (at + *size - 1) / *size * *size;
    if (i == index) break;
    at += *size;
  }
  *offset = at;
  return success;
}

EXPORTED int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                            unsigned bz, unsigned shared, void* stream, void** parameters, void** extra) {
  Call call("cuLaunchKernel");
  if (!call) return call.code;
  auto f = functions.find(function);
  auto s = find_stream(stream);
  if (!f || !s) return invalid_handle;
  const emu::Kernel* k = f->kernel;
  if ((k->parameters > 0 && !parameters) || extra || shared > f->shared) return invalid_value;
  // The parameters are read now, and all else when the kernel's turn comes.
  std::vector<uint64_t> values(k->parameters);
  for (int i = 0; i < k->parameters; i++) memcpy(&values[i], parameters[i], k->size(i));
  emu::Work work = {
      k,      {gx, gy, gz}, {bx, by, bz},
      shared, nullptr,      {emu::Order(settings.schedule), static_cast<unsigned long long>(settings.seed)}};
  if (!emu::launchable(work)) {
    emu::clear_report();
    return bx * by * bz > 1024 || bx * by * bz <= k->threads ? invalid_value : out_of_resources;
  }
  queue(s, [work, values]() mutable {
    std::vector<void*> addresses;
    for (uint64_t& v : values) addresses.push_back(&v);
    work.parameters = addresses.data();
    switch (emu::run_grid(work)) {
      case emu::Fine:
        return int(success);
      case emu::Faulty:
        return die(launch_failed);
      case emu::OutOfBounds:
        return die(illegal_address);
    }
    return int(success);
  });
  return success;
}
