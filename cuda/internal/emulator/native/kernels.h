#pragma once

#include "emu_kernel.h"

namespace emu {

// find_kernel returns nullptr if no kernel has the name.
const Kernel* find_kernel(const char* name);

} // namespace emu
