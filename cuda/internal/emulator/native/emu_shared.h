// Shared memory. Before a block first sees it, every byte is 0xFF, which makes floats NaN: who
// reads what nobody wrote cannot get away with zeros.
#pragma once

namespace emu {

// Slot belongs to one variable in shared memory.
struct Slot {
  unsigned long long block = 0; // the last that saw the variable
  void enter(void* p, unsigned long size);
};

void* dynamic_shared();

} // namespace emu

#define SHARED(type, name)               \
  using name##_shared = type;            \
  alignas(16) static name##_shared name; \
  static emu::Slot name##_slot;          \
  name##_slot.enter(&name, sizeof name)
#define SHARED_DYNAMIC(type, name) type* name = static_cast<type*>(emu::dynamic_shared())
