#include "emu_kernel.h"

#include <cstring>

#include "kernels.h"

namespace emu {

static const Kernel* kernels;

void enlist(Kernel* k) {
  k->next = kernels;
  kernels = k;
}

const Kernel* find_kernel(const char* name) {
  const Kernel* k = kernels;
  while (k && strcmp(k->name, name) != 0) k = k->next;
  return k;
}

} // namespace emu
