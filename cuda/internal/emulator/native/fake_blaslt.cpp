// libcublasLt: descriptors, heuristics, and the queueing of products.
#include <cstring>

#include "fake_product.h"
#include "fake_stream.h"
#include "memory.h"
#include "report.h"

namespace fake {

// Results of libcublasLt.
enum {
  blas_success = 0,
  blas_not_initialised = 1,
  blas_invalid_value = 7,
  blas_execution_failed = 13,
  blas_not_supported = 15
};

struct Handle {};

struct Description {
  int32_t trans_a = 0, trans_b = 0, epilogue = 1;
  uint64_t bias = 0, aux = 0;
  int64_t aux_stride = 0;
};

struct Preference {
  uint64_t workspace = 0;
  uint32_t reduction = 0;
  uint32_t alignment[4] = {256, 256, 256, 256}; // of A, B, C and D
};

// Algorithm is what the 64 bytes of a cublasLtMatmulAlgo_t hold here: what it may be used for.
struct Algorithm {
  uint64_t magic = 0x636f6c6166616b65;
  uint64_t problem;
  uint32_t alignment[4];
  uint64_t unused[4];
};
static_assert(sizeof(Algorithm) == 64, "as in cublasLt.h");

struct Heuristic {
  Algorithm algorithm;
  uint64_t workspace;
  int32_t state;
  float waves;
  int32_t reserved[4];
};
static_assert(sizeof(Heuristic) == 96, "as in cublasLt.h");

static Objects<Handle> handles{"cublasLt handles", {}};
static Objects<Description> descriptions{"cublasLt descriptors", {}};
static Objects<Layout> layouts{"cublasLt layouts", {}};
static Objects<Preference> preferences{"cublasLt preferences", {}};

// blas_code turns why a call is refused into a result of libcublasLt; codes that tests order
// are that already.
static int blas_code(const Call& call) {
  return call.code == invalid_context || dead() ? blas_not_initialised : call.code;
}

// put stores the value of an attribute; its size has to be right.
template <typename T>
static int put(T* field, const void* value, size_t size) {
  if (size != sizeof(T)) return blas_invalid_value;
  memcpy(field, value, size);
  return blas_success;
}

enum { default_epilogue = 1, bias = 4, gelu_aux = 160, gelu_aux_bias = 164 };

// fit checks that shapes, types and the epilogue go together.
static int fit(const Description& d, const Layout& a, const Layout& b, const Layout& c, const Layout& out) {
  uint64_t m = d.trans_a ? a.columns : a.rows, k = d.trans_a ? a.rows : a.columns;
  uint64_t n = d.trans_b ? b.rows : b.columns, k2 = d.trans_b ? b.columns : b.rows;
  if (k != k2 || out.rows != m || out.columns != n || c.rows != m || c.columns != n)
    return blas_invalid_value;
  for (const Layout* l : {&a, &b, &c, &out})
    if (l->batch != out.batch || l->stride < int64_t(l->rows)) return blas_invalid_value;
  if (a.type != b.type || c.type != out.type || (out.type != a.type && out.type != float32))
    return blas_not_supported;
  switch (d.epilogue) {
    case default_epilogue:
      return blas_success;
    case bias:
      return d.bias ? blas_success : blas_invalid_value;
    case gelu_aux_bias:
      if (!d.bias) return blas_invalid_value;
      [[fallthrough]];
    case gelu_aux:
      return d.aux && d.aux_stride >= int64_t(m) && d.aux_stride % 8 == 0 ? blas_success : blas_not_supported;
  }
  return blas_not_supported;
}

// problem is a hash of all that an algorithm is chosen for.
static uint64_t problem(const Description& d, const Layout& a, const Layout& b, const Layout& c,
                        const Layout& out) {
  uint64_t h = 0xcbf29ce484222325ull;
  auto mix = [&h](uint64_t v) { h = (h ^ v) * 0x100000001b3ull; };
  mix(d.trans_a), mix(d.trans_b), mix(d.epilogue), mix(d.aux_stride);
  for (const Layout* l : {&a, &b, &c, &out})
    mix(l->type), mix(l->rows), mix(l->columns), mix(l->stride), mix(l->batch), mix(l->step);
  return h;
}

// reach checks that a product stays in its allocations, and does not overwrite what it reads.
static bool reach(const Product& p) {
  auto owned = [](const char* name, uint64_t at, uint64_t bytes) {
    if (emu::owns(reinterpret_cast<void*>(at), bytes)) return true;
    emu::report("cublasLtMatmul: %s, %llu bytes at %#llx, is not in one allocation", name,
                static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(at));
    return false;
  };
  auto apart = [&p](const char* name, uint64_t at, uint64_t bytes) {
    if (at + bytes <= p.at_d || p.at_d + p.d.bytes() <= at) return true;
    emu::report("cublasLtMatmul: D overlaps %s", name);
    return false;
  };
  return owned("A", p.at_a, p.a.bytes()) && owned("B", p.at_b, p.b.bytes()) &&
         owned("D", p.at_d, p.d.bytes()) && (p.beta == 0 || owned("C", p.at_c, p.c.bytes())) &&
         (!p.bias || owned("bias", p.bias, p.d.rows * p.d.size())) &&
         (!p.aux || owned("aux", p.aux, ((p.d.columns - 1) * p.aux_stride + p.d.rows) * p.d.size())) &&
         apart("A", p.at_a, p.a.bytes()) && apart("B", p.at_b, p.b.bytes());
}

std::string product_leaks() {
  return handles.left() + descriptions.left() + layouts.left() + preferences.left();
}

void reset_products() {
  handles.all.clear();
  descriptions.all.clear();
  layouts.all.clear();
  preferences.all.clear();
}

} // namespace fake

using namespace fake;

EXPORTED size_t cublasLtGetVersion() { return settings.driver / 1000 * 10000 + 999; }

EXPORTED const char* cublasLtGetStatusName(int status) {
  switch (status) {
    case blas_success:
      return "CUBLAS_STATUS_SUCCESS";
    case blas_not_initialised:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case blas_invalid_value:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case blas_execution_failed:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case blas_not_supported:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "CUBLAS_STATUS_INTERNAL_ERROR";
}

EXPORTED const char* cublasLtGetStatusString(int status) {
  switch (status) {
    case blas_success:
      return "success";
    case blas_not_initialised:
      return "the library was not initialized";
    case blas_invalid_value:
      return "an unsupported value or parameter was passed to the function";
    case blas_execution_failed:
      return "the GPU program failed to execute";
    case blas_not_supported:
      return "the functionality requested is not supported";
  }
  return "an internal operation failed";
}

EXPORTED int cublasLtCreate(void** handle) {
  Call call("cublasLtCreate");
  if (!call) return blas_code(call);
  *handle = handles.add(std::make_shared<Handle>());
  return blas_success;
}

EXPORTED int cublasLtDestroy(void* handle) {
  Call call("cublasLtDestroy", Nothing);
  if (!call) return blas_code(call);
  return handles.remove(handle) ? blas_success : blas_not_initialised;
}

EXPORTED int cublasLtMatmulDescCreate(void** description, int compute, int scale) {
  Call call("cublasLtMatmulDescCreate", Nothing);
  if (!call) return blas_code(call);
  if (compute != 68 || scale != float32) return blas_not_supported; // CUBLAS_COMPUTE_32F
  *description = descriptions.add(std::make_shared<Description>());
  return blas_success;
}

EXPORTED int cublasLtMatmulDescDestroy(void* description) {
  Call call("cublasLtMatmulDescDestroy", Nothing);
  if (!call) return blas_code(call);
  return descriptions.remove(description) ? blas_success : blas_invalid_value;
}

EXPORTED int cublasLtMatmulDescSetAttribute(void* description, int attribute, const void* value,
                                            size_t size) {
  Call call("cublasLtMatmulDescSetAttribute", Nothing);
  if (!call) return blas_code(call);
  auto d = descriptions.find(description);
  if (!d) return blas_invalid_value;
  switch (attribute) {
    case 3:
      return put(&d->trans_a, value, size);
    case 4:
      return put(&d->trans_b, value, size);
    case 7:
      return put(&d->epilogue, value, size);
    case 8:
      return put(&d->bias, value, size);
    case 11:
      return put(&d->aux, value, size);
    case 12:
      return put(&d->aux_stride, value, size);
  }
  return blas_invalid_value;
}

EXPORTED int cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t columns,
                                        int64_t stride) {
  Call call("cublasLtMatrixLayoutCreate", Nothing);
  if (!call) return blas_code(call);
  if (type != float32 && type != bfloat16) return blas_not_supported;
  *layout = layouts.add(std::make_shared<Layout>(Layout{type, rows, columns, stride}));
  return blas_success;
}

EXPORTED int cublasLtMatrixLayoutDestroy(void* layout) {
  Call call("cublasLtMatrixLayoutDestroy", Nothing);
  if (!call) return blas_code(call);
  return layouts.remove(layout) ? blas_success : blas_invalid_value;
}

EXPORTED int cublasLtMatrixLayoutSetAttribute(void* layout, int attribute, const void* value, size_t size) {
  Call call("cublasLtMatrixLayoutSetAttribute", Nothing);
  if (!call) return blas_code(call);
  auto l = layouts.find(layout);
  if (!l) return blas_invalid_value;
  switch (attribute) {
    case 5:
      return put(&l->batch, value, size);
    case 6:
      return put(&l->step, value, size);
  }
  return blas_invalid_value;
}

EXPORTED int cublasLtMatmulPreferenceCreate(void** preference) {
  Call call("cublasLtMatmulPreferenceCreate", Nothing);
  if (!call) return blas_code(call);
  *preference = preferences.add(std::make_shared<Preference>());
  return blas_success;
}

EXPORTED int cublasLtMatmulPreferenceDestroy(void* preference) {
  Call call("cublasLtMatmulPreferenceDestroy", Nothing);
  if (!call) return blas_code(call);
  return preferences.remove(preference) ? blas_success : blas_invalid_value;
}

EXPORTED int cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute, const void* value,
                                                  size_t size) {
  Call call("cublasLtMatmulPreferenceSetAttribute", Nothing);
  if (!call) return blas_code(call);
  auto p = preferences.find(preference);
  if (!p) return blas_invalid_value;
  if (attribute == 1) return put(&p->workspace, value, size);
  if (attribute == 3) return put(&p->reduction, value, size);
  if (attribute >= 5 && attribute <= 8) return put(&p->alignment[attribute - 5], value, size);
  return blas_invalid_value;
}

// Every product needs a workspace here, as some do on every GPU.
constexpr uint64_t workspace_bytes = 64 << 10;

EXPORTED int cublasLtMatmulAlgoGetHeuristic(void* handle, void* description, void* la, void* lb, void* lc,
                                            void* ld, void* preference, int wanted, Heuristic* result,
                                            int* found) {
  Call call("cublasLtMatmulAlgoGetHeuristic", Nothing);
  *found = 0;
  if (!call) return blas_code(call);
  auto d = descriptions.find(description);
  auto p = preferences.find(preference);
  auto a = layouts.find(la), b = layouts.find(lb), c = layouts.find(lc), out = layouts.find(ld);
  if (!handles.find(handle)) return blas_not_initialised;
  if (!d || !p || !a || !b || !c || !out || wanted < 1) return blas_invalid_value;
  if (int code = fit(*d, *a, *b, *c, *out)) return code;
  bool refused = settings.algorithms == 0 && d->epilogue != default_epilogue;
  if (refused || p->workspace < workspace_bytes) return blas_not_supported;
  *result = {};
  result->algorithm.problem = problem(*d, *a, *b, *c, *out);
  memcpy(result->algorithm.alignment, p->alignment, sizeof p->alignment);
  result->workspace = workspace_bytes;
  *found = 1;
  return blas_success;
}

EXPORTED int cublasLtMatmul(void* handle, void* description, const float* alpha, uint64_t a, void* la,
                            uint64_t b, void* lb, const float* beta, uint64_t c, void* lc, uint64_t d,
                            void* ld, const Algorithm* algorithm, uint64_t workspace, size_t workspace_size,
                            void* stream) {
  Call call("cublasLtMatmul");
  if (!call) return blas_code(call);
  auto desc = descriptions.find(description);
  auto A = layouts.find(la), B = layouts.find(lb), C = layouts.find(lc), D = layouts.find(ld);
  auto s = find_stream(stream);
  if (!handles.find(handle)) return blas_not_initialised;
  if (!desc || !A || !B || !C || !D || !s || !algorithm) return blas_invalid_value;
  if (int code = fit(*desc, *A, *B, *C, *D)) return code;
  if (algorithm->magic != Algorithm().magic || algorithm->problem != problem(*desc, *A, *B, *C, *D))
    return blas_invalid_value;
  const uint64_t at[4] = {a, b, *beta != 0 ? c : d, d};
  for (int i = 0; i < 4; i++)
    if (at[i] % algorithm->alignment[i] != 0) return blas_invalid_value;
  if (workspace_size < workspace_bytes || !emu::owns(reinterpret_cast<void*>(workspace), workspace_size))
    return blas_invalid_value;
  Product p = {desc->trans_a != 0, desc->trans_b != 0, *alpha, *beta, *A, *B, *C, *D, a, b, c, d};
  if (desc->epilogue == bias || desc->epilogue == gelu_aux_bias) p.bias = desc->bias;
  if (desc->epilogue == gelu_aux || desc->epilogue == gelu_aux_bias)
    p.aux = desc->aux, p.aux_stride = desc->aux_stride;
  queue(s, [p, workspace, workspace_size] {
    if (!reach(p)) return die(illegal_address);
    memset(reinterpret_cast<void*>(workspace), 0xff,
           workspace_size < workspace_bytes ? workspace_size : workspace_bytes);
    multiply(p);
    return int(success);
  });
  return blas_success;
}
