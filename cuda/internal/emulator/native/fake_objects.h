// Objects that callers hold by their addresses.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "fake.h"

namespace fake {

// Objects of one kind; a handle that is none of them is refused, where a real library would
// crash.
template <typename T>
struct Objects {
  const char* kind; // in the plural, for leaks
  std::map<void*, std::shared_ptr<T>> all;

  void* add(std::shared_ptr<T> object) {
    void* handle = object.get();
    all[handle] = std::move(object);
    return handle;
  }
  std::shared_ptr<T> find(void* handle) const {
    auto it = all.find(handle);
    return it == all.end() ? nullptr : it->second;
  }
  bool remove(void* handle) { return all.erase(handle) > 0; }
  std::string left() const { return all.empty() ? "" : std::to_string(all.size()) + " " + kind + "\n"; }
};

// device_state returns whether the driver and, for Context, a context of this thread are there.
int device_state(Needs needs);

// Each part says what was made and not given back, a line for every kind of object.
std::string device_leaks();
std::string memory_leaks();
std::string stream_leaks();
std::string module_leaks();
std::string compiler_leaks();
std::string product_leaks();

} // namespace fake
