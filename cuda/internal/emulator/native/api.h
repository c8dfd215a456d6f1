// Between the emulator and those who are called from outside.
#pragma once

#include <mutex>

#include "block.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace emu {

// One call at a time works on the device: the emulator's state is global.
std::mutex& lock();

// launchable checks what CUDA checks before a launch; false means that there is a report.
bool launchable(const Work&);

} // namespace emu
