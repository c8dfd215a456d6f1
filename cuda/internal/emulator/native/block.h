// The block that runs: its threads, their turns, and its barrier.
#pragma once

#include "copies.h"
#include "emu_kernel.h"
#include "emu_thread.h"
#include "schedule.h"

namespace emu {

enum State { Ready, AtBarrier, InWarp, Returned };

struct Thread : Visible {
  unsigned number; // in the block
  void* place_on_stack;
  State state;
  const char* waits_in; // InWarp: the name of the collective
  Place place;          // AtBarrier, InWarp: where
  Copies copies;
};

// Work is one launch.
struct Work {
  const Kernel* kernel;
  Index grid, block;
  unsigned shared;
  void* const* parameters;
  Schedule schedule;
};

// run_grid runs all blocks of a launch. Of all but Fine there is a report.
enum Outcome { Fine, Faulty, OutOfBounds };
Outcome run_grid(const Work&);

const char* kernel_name(); // nullptr between launches
bool in_block();           // that is, block_index says where the trouble is
Schedule& schedule();

// thread is the one that runs.
inline Thread& thread() { return *static_cast<Thread*>(current); }

// yield lets others go on; the thread's state says when it is its turn again. wake makes
// another ready.
void yield();
void wake(Thread&);

// abandon_block ends the block from inside one of its threads. The other threads' stacks are
// left as they are: kernels own nothing.
[[noreturn]] void abandon_block();

// reset_warps forgets what warps of the block before were about.
void reset_warps(Thread* threads, unsigned count);

} // namespace emu
