// The order in which threads and blocks take their turns. CUDA promises none, so results
// may depend on none.
#pragma once

namespace emu {

enum Order { Ascending, Descending, Random };

struct Schedule {
  Order order;
  unsigned long long state; // of the generator, for Random

  // next returns a pseudo-random number below n (splitmix64).
  unsigned next(unsigned n) {
    unsigned long long z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return unsigned((z ^ z >> 31) % n);
  }
};

} // namespace emu
