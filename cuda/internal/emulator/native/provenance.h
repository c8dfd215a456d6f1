// What this library was made of: build.go writes provenance.cpp.
#pragma once

namespace fake {

struct Source {
  const char* name;
  unsigned long long hash; // FNV-1a of the text
};

extern const Source sources[];         // ends with one without a name
extern const char* const kernels_hash; // kernels.Hash()

} // namespace fake
