// What tests tell the fake driver, and what it tells them: see fake.go.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "fake.h"
#include "fake_objects.h"
#include "report.h"

namespace fake {

Settings settings;

// Order is a failure that a test asked for.
struct Order {
  std::string call;
  int countdown; // fails when it comes to 0; below that, it is over
  int code;
};
static std::vector<Order> orders;

static int fatal;         // what the context died of
static std::string cause; // the emulator's report of it

// ordered returns the code that the call has to fail with.
static int ordered(const char* name) {
  int code = success;
  for (Order& o : orders)
    if (o.call == name && --o.countdown == 0) code = o.code;
  return code;
}

static std::string leaks() {
  return device_leaks() + memory_leaks() + stream_leaks() + module_leaks() + compiler_leaks() +
         product_leaks();
}

static bool set(const std::string& name, long long value) {
  struct {
    const char* name;
    long long* value;
  } all[] = {{"memory", &settings.memory},     {"driver", &settings.driver},
             {"devices", &settings.devices},   {"capability", &settings.capability},
             {"pools", &settings.pools},       {"algorithms", &settings.algorithms},
             {"schedule", &settings.schedule}, {"seed", &settings.seed}};
  for (auto& s : all)
    if (name == s.name) {
      *s.value = value;
      return true;
    }
  return false;
}

// configure reads COLA_FAKE=NAME=VALUE,…,fail=CALL:NTH:CODE, for processes that a test starts.
static void configure() {
  const char* text = getenv("COLA_FAKE");
  std::string all = text ? text : "";
  for (size_t at = 0; at < all.size();) {
    size_t end = all.find(',', at);
    std::string item = all.substr(at, end - at);
    char call[64];
    int nth, code;
    size_t equals = item.find('=');
    bool known = sscanf(item.c_str(), "fail=%63[^:]:%d:%d", call, &nth, &code) == 3;
    if (known)
      orders.push_back({call, nth, code});
    else
      known = equals != std::string::npos && set(item.substr(0, equals), atoll(item.c_str() + equals + 1));
    if (!known) {
      fprintf(stderr, "COLA_FAKE has %s, which the fake driver does not know\n", item.c_str());
      abort();
    }
    at = end == std::string::npos ? all.size() : end + 1;
  }
}

static void reset() {
  settings = {};
  orders.clear();
  fatal = success;
  cause.clear();
  emu::clear_report();
  reset_products();
  reset_modules();
  reset_compiler();
  reset_streams();
  reset_memory();
  reset_device();
  configure();
}

__attribute__((constructor)) static void begin() { configure(); }

Call::Call(const char* name, Needs needs) : guard(emu::lock()), code(ordered(name)) {
  if (code == success && needs != Nothing) code = device_state(needs);
}

int die(int code) {
  if (fatal == success) {
    fatal = code;
    cause = emu::reported();
  }
  emu::clear_report();
  return fatal;
}

int dead() { return fatal; }

const char* words(int code) {
  static std::string text;
  text = "";
  switch (code) {
    case success:
      text = "no error";
      break;
    case invalid_value:
      text = "invalid argument";
      break;
    case out_of_memory:
      text = "out of memory";
      break;
    case not_initialised:
      text = "initialization error";
      break;
    case no_device:
      text = "no CUDA-capable device is detected";
      break;
    case invalid_device:
      text = "invalid device ordinal";
      break;
    case invalid_image:
      text = "device kernel image is invalid";
      break;
    case invalid_context:
      text = "invalid device context";
      break;
    case invalid_ptx:
      text = "a PTX JIT compilation failed";
      break;
    case invalid_handle:
      text = "invalid resource handle";
      break;
    case not_found:
      text = "named symbol not found";
      break;
    case not_ready:
      text = "device not ready";
      break;
    case illegal_address:
      text = "an illegal memory access was encountered";
      break;
    case out_of_resources:
      text = "too many resources requested for launch";
      break;
    case context_is_destroyed:
      text = "context is destroyed";
      break;
    case launch_failed:
      text = "unspecified launch failure";
      break;
  }
  if (!text.empty() && code == fatal && !cause.empty()) text += " (emulator: " + cause + ")";
  return text.empty() ? nullptr : text.c_str();
}

} // namespace fake

using namespace fake;

EXPORTED void fake_reset() {
  std::lock_guard<std::mutex> guard(emu::lock());
  reset();
}

EXPORTED int fake_set(const char* name, long long value) {
  std::lock_guard<std::mutex> guard(emu::lock());
  return set(name, value) ? 0 : -1;
}

// The call fails when it is made for the nth time from now, with the code.
EXPORTED void fake_fail(const char* call, int nth, int code) {
  std::lock_guard<std::mutex> guard(emu::lock());
  orders.push_back({call, nth, code});
}

// Writes a line for every kind of object that was not given back, and returns how many lines.
EXPORTED int fake_leaks(char* out, int size) {
  std::lock_guard<std::mutex> guard(emu::lock());
  std::string text = leaks();
  snprintf(out, size, "%s", text.c_str());
  int lines = 0;
  for (char c : text) lines += c == '\n';
  return lines;
}
