// Fibers: stacks, and the switch between them.
#pragma once

namespace emu {

// A kernel's thread has 255 registers and rarely a local array: this is plenty even for the
// frames of a sanitised build.
constexpr unsigned stack_size = 256 << 10;

// stack_top returns the end of the stack of fiber i, for i below 1024, which it grows down from.
char* stack_top(int i);

// begin prepares a stack so that the first switch to it calls entry, which never returns.
void* begin(char* top, void (*entry)());

// emu_switch keeps the place of whoever calls it in *from, and goes on at another place.
extern "C" void emu_switch(void** from, void* to);

} // namespace emu
