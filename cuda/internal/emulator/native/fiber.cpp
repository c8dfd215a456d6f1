#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

namespace emu {

constexpr size_t page = 4096;

// The lowest page stays out of bounds, so that an overflow is a fault and not a riddle.
char* stack_top(int i) {
  static char* stacks[1024];
  if (!stacks[i]) {
    void* p =
        mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED || mprotect(p, page, PROT_NONE)) abort();
    stacks[i] = static_cast<char*>(p);
  }
  return stacks[i] + stack_size;
}

// The switch saves what a function call must preserve; everything else, the compiler has
// saved around the call. begin lays out what the switch will restore.
#if defined(__x86_64__)

asm(R"(
.text
.globl emu_switch
.hidden emu_switch
.type emu_switch, @function
emu_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size emu_switch, .-emu_switch
)");

void* begin(char* top, void (*entry)()) {
  auto p = reinterpret_cast<uintptr_t*>(top);
  *--p = 0; // entry begins as if called: 8 bytes off a multiple of 16, with nowhere to return to
  *--p = reinterpret_cast<uintptr_t>(entry);
  for (int i = 0; i < 6; i++) *--p = 0;
  return p;
}

#elif defined(__aarch64__)

asm(R"(
.text
.globl emu_switch
.hidden emu_switch
.type emu_switch, %function
emu_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
.size emu_switch, .-emu_switch
)");

void* begin(char* top, void (*entry)()) {
  auto p = reinterpret_cast<uintptr_t*>(top) - 20;
  for (int i = 0; i < 20; i++) p[i] = 0;
  p[11] = reinterpret_cast<uintptr_t>(entry); // x30, the link register
  return p;
}

#else
#error "the emulator has no switch of stacks for this processor"
#endif

} // namespace emu
