// What went wrong, for people.
#pragma once

#include "emu_thread.h"

namespace emu {

// report keeps the first message since clear_report, with the kernel, block and thread before it.
__attribute__((format(printf, 1, 2))) void report(const char* format, ...);

// fail reports, and gives up the whole block; only threads of a kernel may call it.
[[noreturn]] __attribute__((format(printf, 1, 2))) void fail(const char* format, ...);

bool failed();
const char* reported();
void clear_report();

// base returns a path's last element.
const char* base(const char* path);

} // namespace emu
