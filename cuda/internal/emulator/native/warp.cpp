// What the lanes of a warp do together.
#include "block.h"
#include "report.h"

namespace emu {

struct Warp {
  Thread* lanes;
  unsigned size, arrived;
  const Collective* what; // those that arrived are about
  Place place;
  void* operands[32];
};
static Warp warps[32];

void reset_warps(Thread* threads, unsigned count) {
  for (unsigned first = 0; first < count; first += 32) {
    Warp& w = warps[first / 32];
    w.lanes = threads + first;
    w.size = count - first < 32 ? count - first : 32;
    w.arrived = 0;
  }
}

void together(const Collective& what, void* operands, Place here) {
  Thread& t = thread();
  Warp& w = warps[t.number / 32];
  if (w.size < 32)
    fail("%s at %s:%d wants 32 lanes, and this warp has %u: launch blocks of a multiple of 32 threads",
         what.name, base(here.file), here.line, w.size);
  if (w.arrived == 0) {
    w.what = &what;
    w.place = here;
  }
  if (w.what != &what || w.place.line != here.line || w.place.file != here.file)
    fail("it is in %s at %s:%d, and other lanes of its warp in %s at %s:%d", what.name, base(here.file),
         here.line, w.what->name, base(w.place.file), w.place.line);
  w.operands[t.number % 32] = operands;
  if (++w.arrived < 32) {
    t.state = InWarp;
    t.waits_in = what.name;
    t.place = here;
    yield();
    return;
  }
  w.arrived = 0;
  what.run(w.operands);
  for (unsigned i = 0; i < 32; i++)
    if (&w.lanes[i] != &t) wake(w.lanes[i]);
  if (schedule().order == Random) { // others may go first
    wake(t);
    yield();
  }
}

void warp_sync(Place here) {
  static const Collective what = {"warp_sync", [](void* const*) {}};
  together(what, nullptr, here);
}

template <typename T>
struct Exchange {
  T value;
  int from; // the lane whose value is wanted
  T result;

  static void run(void* const lanes[32]) {
    for (int i = 0; i < 32; i++) {
      auto mine = static_cast<Exchange*>(lanes[i]);
      mine->result = static_cast<Exchange*>(lanes[mine->from & 31])->value;
    }
  }
};

template <typename T>
static T exchange(T v, int from, Place here) {
  static const Collective what = {"shuffle", Exchange<T>::run};
  Exchange<T> e = {v, from, {}};
  together(what, &e, here);
  return e.result;
}

template <typename T>
static T exchange_xor(T v, int mask, Place here) {
  static const Collective what = {"shuffle_xor", Exchange<T>::run};
  Exchange<T> e = {v, int(thread().number % 32) ^ mask, {}};
  together(what, &e, here);
  return e.result;
}

float from_lane(float v, int from, Place here) { return exchange(v, from, here); }
float from_lane_xor(float v, int mask, Place here) { return exchange_xor(v, mask, here); }
int from_lane(int v, int from, Place here) { return exchange(v, from, here); }
int from_lane_xor(int v, int mask, Place here) { return exchange_xor(v, mask, here); }

} // namespace emu
