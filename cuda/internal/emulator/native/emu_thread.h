// Threads of the block that runs, and how they wait for each other.
#pragma once

namespace emu {

struct Index {
  unsigned x, y, z;
};

// A line of a kernel's source, for reports.
struct Place {
  const char* file;
  int line;
};

// What a kernel sees of its thread; block.h has the rest.
struct Visible {
  Index index;
};

extern Visible* current;
extern Index block_index, block_size, grid_size;

void barrier(Place);

// Every lane of a warp posts a pointer to its operands; the last lane to arrive runs the
// operation for all. One mechanism makes everything that a warp does together.
struct Collective {
  const char* name;
  void (*run)(void* const operands[32]);
};
void together(const Collective&, void* operands, Place);

void warp_sync(Place);
float from_lane(float v, int lane, Place);
float from_lane_xor(float v, int mask, Place);
int from_lane(int v, int lane, Place);
int from_lane_xor(int v, int mask, Place);

void check_aligned(const void*, Place);

} // namespace emu
