// What dl's tests call: argument lists as long as those of CUDA's libraries, and longer.
#include <stdint.h>
#include <string.h>

// 23 arguments, as cublasGemmStridedBatchedEx has: int, int64 and pointers mixed. Each
// is weighed by its place, so that no two can be swapped unseen.
int64_t calls_23(int64_t *out, int a, int b, int c, int d, const float *alpha, const int32_t *x, int e, int f, int64_t g,
                 const int32_t *y, int h, int i, int64_t j, const float *beta, int32_t *z, int k, int l, int64_t m, int n,
                 int o, int p, int64_t q) {
  *out = a + 2LL * b + 3LL * c + 4LL * d + 7LL * e + 8LL * f + 9LL * g + 11LL * h + 12LL * i + 13LL * j + 16LL * k +
         17LL * l + 18LL * m + 19LL * n + 20LL * o + 21LL * p + 22LL * q;
  *z = (int32_t)(*alpha * *x + *beta * *y);
  return -1;
}

int calls_negative(int x) { return x - 1; }

const char *calls_text(int which) { return which ? "some words" : 0; }

int calls_length(const char *s) { return (int)strlen(s); }

void calls_point(const char **out) { *out = "in C's memory"; }
