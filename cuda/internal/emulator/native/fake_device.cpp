// libcuda: the driver, its device, and contexts.
#include <cstdio>
#include <cstring>

#include "fake.h"
#include "fake_objects.h"
#include "shared.h"

namespace fake {

static bool initialised;
static int retained; // how often the primary context is
static char primary; // its address is the context's handle

// A reset stands for a new process, in which no thread has a context.
static unsigned process = 1;
static thread_local unsigned current_in; // the process in which this thread has one

int device_state(Needs needs) {
  if (!initialised) return not_initialised;
  if (needs == Driver) return success;
  if (current_in != process) return invalid_context;
  if (retained == 0) return context_is_destroyed;
  return dead();
}

std::string device_leaks() { return retained ? "1 primary context\n" : ""; }

void reset_device() {
  initialised = false;
  retained = 0;
  process++;
}

} // namespace fake

using namespace fake;

EXPORTED int cuInit(unsigned) {
  Call call("cuInit", Nothing);
  if (!call) return call.code;
  if (settings.devices == 0) return no_device;
  initialised = true;
  return success;
}

EXPORTED int cuDriverGetVersion(int* version) {
  Call call("cuDriverGetVersion", Nothing);
  *version = settings.driver;
  return call.code;
}

EXPORTED int cuGetErrorName(int code, const char** name) {
  struct {
    int code;
    const char* name;
  } names[] = {{success, "CUDA_SUCCESS"},
               {invalid_value, "CUDA_ERROR_INVALID_VALUE"},
               {out_of_memory, "CUDA_ERROR_OUT_OF_MEMORY"},
               {not_initialised, "CUDA_ERROR_NOT_INITIALIZED"},
               {no_device, "CUDA_ERROR_NO_DEVICE"},
               {invalid_device, "CUDA_ERROR_INVALID_DEVICE"},
               {invalid_image, "CUDA_ERROR_INVALID_IMAGE"},
               {invalid_context, "CUDA_ERROR_INVALID_CONTEXT"},
               {invalid_ptx, "CUDA_ERROR_INVALID_PTX"},
               {invalid_handle, "CUDA_ERROR_INVALID_HANDLE"},
               {not_found, "CUDA_ERROR_NOT_FOUND"},
               {not_ready, "CUDA_ERROR_NOT_READY"},
               {illegal_address, "CUDA_ERROR_ILLEGAL_ADDRESS"},
               {out_of_resources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"},
               {context_is_destroyed, "CUDA_ERROR_CONTEXT_IS_DESTROYED"},
               {launch_failed, "CUDA_ERROR_LAUNCH_FAILED"}};
  for (auto& n : names)
    if (n.code == code) {
      *name = n.name;
      return success;
    }
  *name = nullptr;
  return invalid_value;
}

EXPORTED int cuGetErrorString(int code, const char** text) {
  Call call("cuGetErrorString", Nothing);
  *text = words(code);
  return *text ? success : invalid_value;
}

EXPORTED int cuDeviceGetCount(int* count) {
  Call call("cuDeviceGetCount", Driver);
  *count = settings.devices;
  return call.code;
}

EXPORTED int cuDeviceGet(int* device, int ordinal) {
  Call call("cuDeviceGet", Driver);
  if (!call) return call.code;
  if (ordinal < 0 || ordinal >= settings.devices) return invalid_device;
  *device = ordinal;
  return success;
}

EXPORTED int cuDeviceGetName(char* name, int size, int) {
  Call call("cuDeviceGetName", Driver);
  snprintf(name, size, "Emulated GPU");
  return call.code;
}

EXPORTED int cuDeviceTotalMem_v2(size_t* bytes, int) {
  Call call("cuDeviceTotalMem_v2", Driver);
  *bytes = settings.memory;
  return call.code;
}

EXPORTED int cuDeviceGetAttribute(int* value, int attribute, int) {
  Call call("cuDeviceGetAttribute", Driver);
  if (!call) return call.code;
  switch (attribute) {
    case 16:
      *value = 4;
      return success; // multiprocessors
    case 75:
      *value = settings.capability / 10;
      return success; // compute capability, major
    case 76:
      *value = settings.capability % 10;
      return success; // and minor
    case 97:
      *value = emu::shared_limit;
      return success; // shared memory of a block that asks for it
    case 115:
      *value = settings.pools;
      return success; // memory pools
  }
  return invalid_value;
}

EXPORTED int cuDevicePrimaryCtxRetain(void** context, int) {
  Call call("cuDevicePrimaryCtxRetain", Driver);
  if (!call) return call.code;
  retained++;
  *context = &primary;
  return success;
}

EXPORTED int cuDevicePrimaryCtxRelease_v2(int) {
  Call call("cuDevicePrimaryCtxRelease_v2", Driver);
  if (!call) return call.code;
  if (retained == 0) return invalid_context;
  retained--;
  return success;
}

EXPORTED int cuCtxSetCurrent(void* context) {
  Call call("cuCtxSetCurrent", Driver);
  if (!call) return call.code;
  if (context && context != &primary) return invalid_context;
  current_in = context ? process : 0;
  return success;
}
