// Threads together. Every function here is called by all lanes of a warp, those of a block
// by all its threads. Sums run in one order, and every thread gets the same bits.
#pragma once

// warp_sum adds by butterflies: at each step both partners compute the same sum.
DEVICE float warp_sum(float v PLACE) {
  for (int mask = 16; mask > 0; mask >>= 1) v += shuffle_xor(v, mask PLACED);
  return v;
}

// warp_max is NaN where one of the values is.
DEVICE float warp_max(float v PLACE) {
  for (int mask = 16; mask > 0; mask >>= 1) v = math_max(v, shuffle_xor(v, mask PLACED));
  return v;
}

// block_sum returns the sum over the block to all its threads. scratch is shared memory of 32
// floats, which may be the same for one call after another.
DEVICE float block_sum(float v, float* scratch PLACE) {
  v = warp_sum(v PLACED);
  if (warps() == 1) return v;
  __syncthreads(); // whoever is late still reads the scratch of the call before
  if (lane() == 0) scratch[warp()] = v;
  __syncthreads();
  return warp_sum(lane() < warps() ? scratch[lane()] : 0.0f PLACED);
}

// block_max returns the maximum over the block to all its threads; see block_sum.
DEVICE float block_max(float v, float* scratch PLACE) {
  v = warp_max(v PLACED);
  if (warps() == 1) return v;
  __syncthreads();
  if (lane() == 0) scratch[warp()] = v;
  __syncthreads();
  return warp_max(scratch[lane() < warps() ? lane() : 0] PLACED);
}
