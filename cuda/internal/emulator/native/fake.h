// The fake driver: the parts of libcuda, libnvrtc and libcublasLt that package cuda calls,
// with their C interfaces. What NVIDIA's libraries leave to chance is here the worst that they
// allow: nothing that is queued happens before somebody waits for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "api.h"

namespace fake {

// Results of libcuda.
enum {
  success = 0,
  invalid_value = 1,
  out_of_memory = 2,
  not_initialised = 3,
  no_device = 100,
  invalid_device = 101,
  invalid_image = 200,
  invalid_context = 201,
  invalid_ptx = 218,
  invalid_handle = 400,
  not_found = 500,
  not_ready = 600,
  illegal_address = 700,
  out_of_resources = 701,
  context_is_destroyed = 709,
  launch_failed = 719,
};

// Settings are what tests change: names are those of fake_set.
struct Settings {
  long long memory = 1 << 30;       // bytes of the device
  long long driver = 13000;         // the CUDA version of the driver
  long long devices = 1;            // 0 or 1
  long long capability = 90;        // compute capability
  long long pools = 1;              // whether the device has memory pools
  long long algorithms = 1;         // whether libcublasLt finds one for anything but a plain product
  long long schedule = 0, seed = 1; // of kernels: emu::Order
};
extern Settings settings;

// What a function needs before it does anything.
enum Needs { Nothing, Driver, Context };

// Call is a call from outside. While there is one, no other runs. code is what the function
// has to return at once unless it is success: a failure that was ordered, one that the context
// died of, or what lacks.
struct Call {
  std::lock_guard<std::mutex> guard;
  int code;
  explicit Call(const char* name, Needs needs = Context);
  explicit operator bool() const { return code == success; }
};

// die loses the context: every later call fails with the code. It takes the emulator's report
// along.
int die(int code);

// dead returns the code of die, or success.
int dead();

// What words cuGetErrorString has for a code.
const char* words(int code);

// Each part forgets all.
void reset_device();
void reset_memory();
void reset_streams();
void reset_modules();
void reset_compiler();
void reset_products();

} // namespace fake
