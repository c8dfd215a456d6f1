// The asynchronous copies of one thread. A GPU makes them at any time between cp.async and the
// wait; so here they are made at the last moment, at the first or at either, by the
// schedule: a missing wait shows in one, a copy over what others still read in the other.
#pragma once

#include <vector>

namespace emu {

struct Copy {
  void* to;
  const void* from; // nullptr: zeros
};

struct Copies {
  std::vector<Copy> pending;
  std::vector<unsigned> groups; // where each committed group ends in pending

  void clear() {
    pending.clear();
    groups.clear();
  }
};

} // namespace emu
