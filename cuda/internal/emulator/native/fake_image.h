// What the fake compiler makes of a source.
#pragma once

#include <cstdio>
#include <string>

#include "provenance.h"

namespace fake {

// What the first line of cola's PTX begins with; the hash of all sources follows.
constexpr char ptx_head[] = "// cola kernels ";

struct Image {
  std::string file;
  int capability;
  unsigned long long hash; // of the file's text

  std::string text() const {
    char s[512];
    snprintf(s, sizeof s, "image of the fake compiler: %s for sm_%d, %016llx\n", file.c_str(), capability,
             hash);
    return s;
  }
  bool parse(const std::string& s) {
    char name[256];
    if (sscanf(s.c_str(), "image of the fake compiler: %255s for sm_%d, %llx", name, &capability, &hash) != 3)
      return false;
    file = name;
    return true;
  }
};

// known reports whether this library was built with a file of that text.
inline bool known(const std::string& file, unsigned long long hash) {
  for (const Source* s = sources; s->name; s++)
    if (file == s->name) return hash == s->hash;
  return false;
}

} // namespace fake
