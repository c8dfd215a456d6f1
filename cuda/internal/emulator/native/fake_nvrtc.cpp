// libnvrtc. It compiles nothing; it sees to it that the sources are those which this library
// has compiled.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <vector>

#include "fake.h"
#include "fake_image.h"
#include "fake_objects.h"

namespace fake {

// Results of libnvrtc.
enum { nvrtc_success = 0, nvrtc_invalid_program = 4, nvrtc_invalid_option = 5, nvrtc_compilation = 6 };

struct Program {
  std::string name;
  std::vector<std::pair<std::string, unsigned long long>> files; // with hashes; the program is the first
  std::string log, image;
};

static Objects<Program> programs{"programs", {}};

constexpr int architectures[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};

// hash is FNV-1a; build.go computes it too.
static unsigned long long hash(const char* text) {
  unsigned long long h = 0xcbf29ce484222325ull;
  for (; *text; text++) h = (h ^ static_cast<unsigned char>(*text)) * 0x100000001b3ull;
  return h;
}

// Options that change nothing here.
static bool harmless(const std::string& option) {
  return option == "--std=c++17" || option == "--generate-line-info" ||
         option == "--device-as-default-execution-space";
}

static int compile(Program& p, int count, const char* const* options) {
  bool exact = false;
  int capability = 0;
  for (int i = 0; i < count; i++) {
    std::string o = options[i];
    if (sscanf(o.c_str(), "--gpu-architecture=sm_%d", &capability) == 1) {
      if (std::count(std::begin(architectures), std::end(architectures), capability) == 0)
        return nvrtc_invalid_option;
    } else if (o == "--fmad=false") {
      exact = true;
    } else if (!harmless(o)) {
      p.log = "the fake compiler does not know " + o;
      return nvrtc_invalid_option;
    }
  }
  if (!exact || !capability) {
    p.log = "cola's kernels are compiled for a GPU, and with --fmad=false";
    return nvrtc_compilation;
  }
  for (auto& f : p.files)
    if (!known(f.first, f.second)) {
      p.log = f.first + " is not the file that the fake driver was built with: build it anew";
      return nvrtc_compilation;
    }
  p.image = Image{p.name, capability, p.files[0].second}.text();
  return nvrtc_success;
}

std::string compiler_leaks() { return programs.left(); }
void reset_compiler() { programs.all.clear(); }

} // namespace fake

using namespace fake;

EXPORTED int nvrtcVersion(int* major, int* minor) {
  Call call("nvrtcVersion", Nothing);
  *major = settings.driver / 1000;
  *minor = 999; // no release has it: nobody takes its images for real ones
  return call.code;
}

EXPORTED const char* nvrtcGetErrorString(int code) {
  switch (code) {
    case nvrtc_success:
      return "NVRTC_SUCCESS";
    case nvrtc_invalid_program:
      return "NVRTC_ERROR_INVALID_PROGRAM";
    case nvrtc_invalid_option:
      return "NVRTC_ERROR_INVALID_OPTION";
    case nvrtc_compilation:
      return "NVRTC_ERROR_COMPILATION";
  }
  return "NVRTC_ERROR unknown";
}

EXPORTED int nvrtcGetNumSupportedArchs(int* count) {
  Call call("nvrtcGetNumSupportedArchs", Nothing);
  *count = sizeof architectures / sizeof *architectures;
  return call.code;
}

EXPORTED int nvrtcGetSupportedArchs(int* all) {
  Call call("nvrtcGetSupportedArchs", Nothing);
  memcpy(all, architectures, sizeof architectures);
  return call.code;
}

EXPORTED int nvrtcCreateProgram(void** program, const char* text, const char* name, int headers,
                                const char* const* texts, const char* const* names) {
  Call call("nvrtcCreateProgram", Nothing);
  if (!call) return call.code;
  auto p = std::make_shared<Program>();
  p->name = name;
  p->files.push_back({name, hash(text)});
  for (int i = 0; i < headers; i++) p->files.push_back({names[i], hash(texts[i])});
  *program = programs.add(p);
  return nvrtc_success;
}

EXPORTED int nvrtcDestroyProgram(void** program) {
  Call call("nvrtcDestroyProgram", Nothing);
  if (!programs.remove(*program)) return nvrtc_invalid_program;
  *program = nullptr;
  return nvrtc_success;
}

EXPORTED int nvrtcCompileProgram(void* program, int count, const char* const* options) {
  Call call("nvrtcCompileProgram", Nothing);
  if (!call) return call.code;
  auto p = programs.find(program);
  return p ? compile(*p, count, options) : nvrtc_invalid_program;
}

// The sizes are with the NUL at the end, which an image has too: cuModuleLoadDataEx is not told
// how long it is.
static int size_of(void* program, size_t* size, std::string Program::* text) {
  auto p = programs.find(program);
  if (!p) return nvrtc_invalid_program;
  *size = ((*p).*text).size() + 1;
  return nvrtc_success;
}

static int copy_of(void* program, char* to, std::string Program::* text) {
  auto p = programs.find(program);
  if (!p) return nvrtc_invalid_program;
  memcpy(to, ((*p).*text).c_str(), ((*p).*text).size() + 1);
  return nvrtc_success;
}

EXPORTED int nvrtcGetProgramLogSize(void* program, size_t* size) {
  Call call("nvrtcGetProgramLogSize", Nothing);
  return call ? size_of(program, size, &Program::log) : call.code;
}

EXPORTED int nvrtcGetProgramLog(void* program, char* log) {
  Call call("nvrtcGetProgramLog", Nothing);
  return call ? copy_of(program, log, &Program::log) : call.code;
}

EXPORTED int nvrtcGetCUBINSize(void* program, size_t* size) {
  Call call("nvrtcGetCUBINSize", Nothing);
  return call ? size_of(program, size, &Program::image) : call.code;
}

EXPORTED int nvrtcGetCUBIN(void* program, char* image) {
  Call call("nvrtcGetCUBIN", Nothing);
  return call ? copy_of(program, image, &Program::image) : call.code;
}
