#include "report.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "block.h"

namespace emu {

static char text[2048];

static void compose(const char* format, va_list args) {
  if (failed()) return;
  int n = 0;
  if (const char* kernel = kernel_name()) {
    n = snprintf(text, sizeof text, "kernel %s", kernel);
    if (in_block())
      n += snprintf(text + n, sizeof text - n, ", block (%u, %u, %u)", block_index.x, block_index.y,
                    block_index.z);
    if (current) n += snprintf(text + n, sizeof text - n, ", thread %u", thread().number);
    n += snprintf(text + n, sizeof text - n, ": ");
  }
  vsnprintf(text + n, sizeof text - n, format, args);
}

void report(const char* format, ...) {
  va_list args;
  va_start(args, format);
  compose(format, args);
  va_end(args);
}

void fail(const char* format, ...) {
  va_list args;
  va_start(args, format);
  compose(format, args);
  va_end(args);
  abandon_block();
}

bool failed() { return text[0] != 0; }
const char* reported() { return text; }
void clear_report() { text[0] = 0; }

const char* base(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

} // namespace emu
