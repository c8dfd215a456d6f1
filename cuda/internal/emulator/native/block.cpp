#include "block.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "fiber.h"
#include "memory.h"
#include "report.h"
#include "sanitiser.h"
#include "shared.h"

namespace emu {

Visible* current;
Index block_index, block_size, grid_size;

static const Work* work;
static bool inside; // of a block of it
static Schedule turns;
static Thread threads[1024];
static unsigned count, returned, at_barrier;
static Place barrier_place;
static void* scheduler; // its place on the system's stack

// Threads to pick from, for Random.
static std::vector<Thread*> ready;

const char* kernel_name() { return work ? work->kernel->name : nullptr; }
bool in_block() { return inside; }
Schedule& schedule() { return turns; }

void yield() { emu_switch(&thread().place_on_stack, scheduler); }

void wake(Thread& t) {
  t.state = Ready;
  if (turns.order == Random) ready.push_back(&t);
}

void abandon_block() {
  void* never;
  emu_switch(&never, scheduler);
  __builtin_unreachable();
}

static void live() {
  work->kernel->call(work->parameters);
  thread().state = Returned;
  returned++;
  yield();
}

static void resume(Thread& t) {
  current = &t;
  emu_switch(&scheduler, t.place_on_stack);
  current = nullptr;
}

void barrier(Place here) {
  Thread& t = thread();
  if (at_barrier == 0) barrier_place = here;
  if (here.line != barrier_place.line || here.file != barrier_place.file)
    fail("it waits in __syncthreads at %s:%d, and others in another, at %s:%d", base(here.file), here.line,
         base(barrier_place.file), barrier_place.line);
  at_barrier++;
  t.state = AtBarrier;
  t.place = here;
  yield();
}

// One warp after another goes as far as it can: that is as far apart as warps can get.
static void run_in_order(bool descending) {
  unsigned warps = (count + 31) / 32;
  for (unsigned i = 0; i < warps; i++) {
    unsigned first = (descending ? warps - 1 - i : i) * 32, lanes = std::min(32u, count - first);
    for (bool ran = true; ran;) {
      ran = false;
      for (unsigned j = 0; j < lanes; j++) {
        Thread& t = threads[first + (descending ? lanes - 1 - j : j)];
        if (t.state != Ready) continue;
        resume(t);
        if (failed()) return;
        ran = true;
      }
    }
  }
}

static void run_at_random() {
  while (!ready.empty() && !failed()) {
    std::swap(ready[turns.next(ready.size())], ready.back());
    Thread& t = *ready.back();
    ready.pop_back();
    resume(t);
  }
}

static void prepare() {
  returned = at_barrier = 0;
  ready.clear();
  for (unsigned i = 0; i < count; i++) {
    Thread& t = threads[i];
    t.number = i;
    t.index = {i % block_size.x, i / block_size.x % block_size.y, i / block_size.x / block_size.y};
    t.copies.clear();
    t.place_on_stack = begin(stack_top(i), live);
    wake(t);
  }
  reset_warps(threads, count);
  poison_shared(work->shared);
}

// wait_of says what a thread waits for.
static std::string wait_of(const Thread& t) {
  char s[160];
  if (t.state == Returned) return "have returned";
  snprintf(s, sizeof s, "wait in %s at %s:%d", t.state == InWarp ? t.waits_in : "__syncthreads",
           base(t.place.file), t.place.line);
  return s;
}

// report_deadlock says who waits for what, once nobody can go on.
static void report_deadlock() {
  std::string all;
  for (unsigned i = 0, j; i < count && all.size() < 1000; i = j) {
    std::string wait = wait_of(threads[i]);
    for (j = i + 1; j < count && wait_of(threads[j]) == wait; j++) {
    }
    if (i > 0) all += ", ";
    all += "threads " + std::to_string(i) + " to " + std::to_string(j - 1) + " " + wait;
  }
  report("deadlock: %s", all.c_str());
}

static bool run_block() {
  prepare();
  for (;;) {
    if (turns.order == Random)
      run_at_random();
    else
      run_in_order(turns.order == Descending);
    if (failed()) return false;
    if (returned == count) return check_shared();
    if (at_barrier < count) {
      report_deadlock();
      return false;
    }
    at_barrier = 0;
    for (unsigned i = 0; i < count; i++) wake(threads[i]);
  }
}

static std::vector<unsigned> block_order() {
  std::vector<unsigned> order(grid_size.x * grid_size.y * grid_size.z);
  std::iota(order.begin(), order.end(), 0u);
  if (turns.order == Descending) std::reverse(order.begin(), order.end());
  if (turns.order == Random)
    for (unsigned i = order.size(); i > 1; i--) std::swap(order[i - 1], order[turns.next(i)]);
  return order;
}

static bool run_blocks() {
  for (unsigned i : block_order()) {
    block_index = {i % grid_size.x, i / grid_size.x % grid_size.y, i / grid_size.x / grid_size.y};
    if (!run_block()) return false;
  }
  return true;
}

Outcome run_grid(const Work& w) {
  work = &w;
  turns = w.schedule;
  grid_size = w.grid;
  block_size = w.block;
  count = w.block.x * w.block.y * w.block.z;
  inside = true;
  bool good = run_blocks();
  inside = false;
  Outcome outcome = !good ? Faulty : check_zones() ? Fine : OutOfBounds;
  if (!good)
    for (unsigned i = 0; i < count; i++)
      unpoison(stack_top(i) - stack_size, stack_size); // of frames that never returned
  work = nullptr;
  return outcome;
}

} // namespace emu
