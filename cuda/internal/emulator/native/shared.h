// Shared memory, from the block's side.
#pragma once

namespace emu {

// The most dynamic shared memory of a block, on the GPUs that are emulated: an H100's.
constexpr unsigned shared_limit = 227 << 10;

// poison_shared begins a block with so many bytes of dynamic shared memory.
void poison_shared(unsigned dynamic);

// check_shared reports writes behind the dynamic shared memory.
bool check_shared();

} // namespace emu
