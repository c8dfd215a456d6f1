// Convolutions' patches, and pooling, of images in (height, width, channels) order. Sources:
// linalg/cpu_conv.go and linalg/cpu_pool.go; linalg/reference/images.go in float64.
//
// Everything is gathered: a thread has an element of the result and adds up what belongs to it in
// the order of the CPU. blockIdx.y counts images, and threads along x the elements of one, neighbours
// of which are neighbours in memory.
#include "devrt.h"

// The geometry of linalg.Conv, and of its output.
struct conv {
  int32 height, width, channels, kernel, stride, padding, out_height, out_width;
};

// cols[(i, oy, ox), (c, ky, kx)] = x[i, oy·stride+ky−padding, ox·stride+kx−padding, c], and 0 outside.
template <typename T>
DEVICE void unfold(T* cols, const T* x, int images, conv g) {
  int taps = g.kernel * g.kernel, columns = g.channels * taps, size = g.out_height * g.out_width * columns;
  for (int image = blockIdx.y; image < images; image += gridDim.y)
    for (int e = int(global_index()); e < size; e += int(global_stride())) {
      int position = e / columns, column = e % columns, tap = column % taps;
      int sy = position / g.out_width * g.stride + tap / g.kernel - g.padding;
      int sx = position % g.out_width * g.stride + tap % g.kernel - g.padding;
      float v = 0;
      if (sy >= 0 && sy < g.height && sx >= 0 && sx < g.width)
        v = load(x + ((int64(image) * g.height + sy) * g.width + sx) * g.channels + column / taps);
      store(cols + int64(image) * size + e, v);
    }
}

// dx (=|+=) Unfoldᵀ(cols): a pixel gets its element of each patch that it is in, patch after patch.
template <typename T>
DEVICE void unfold_backward(T* dx, const T* cols, int images, conv g, int32 accumulate) {
  int taps = g.kernel * g.kernel, columns = g.channels * taps;
  int size = g.height * g.width * g.channels, patches = g.out_height * g.out_width;
  for (int image = blockIdx.y; image < images; image += gridDim.y)
    for (int e = int(global_index()); e < size; e += int(global_stride())) {
      int c = e % g.channels, sy = e / g.channels / g.width + g.padding, sx = e / g.channels % g.width + g.padding;
      // Patches begin at multiples of the stride, and reach as far as the kernel.
      int top = sy < g.kernel ? 0 : (sy - g.kernel) / g.stride + 1, bottom = sy / g.stride;
      int left = sx < g.kernel ? 0 : (sx - g.kernel) / g.stride + 1, right = sx / g.stride;
      T* to = dx + int64(image) * size + e;
      float sum = accumulate ? load(to) : 0;
      for (int oy = top; oy <= bottom && oy < g.out_height; oy++)
        for (int ox = left; ox <= right && ox < g.out_width; ox++) {
          int tap = (sy - oy * g.stride) * g.kernel + sx - ox * g.stride;
          sum += load(cols + (int64(image) * patches + oy * g.out_width + ox) * columns + c * taps + tap);
        }
      store(to, sum);
    }
}

// The maximum over size×size windows of x (images, height, width, channels), and its place in the
// image: the first of equals, and NaN before all. What the windows do not cover is left out.
template <typename T>
DEVICE void max_pool(T* y, int32* argmax, const T* x, int images, int height, int width, int channels, int size) {
  int out_width = width / size, out = height / size * out_width * channels;
  for (int image = blockIdx.y; image < images; image += gridDim.y)
    for (int e = int(global_index()); e < out; e += int(global_stride())) {
      int c = e % channels, oy = e / channels / out_width, ox = e / channels % out_width;
      const T* in = x + int64(image) * height * width * channels;
      int place = (oy * size * width + ox * size) * channels + c;
      float top = load(in + place);
      for (int ky = 0; ky < size; ky++)
        for (int kx = 0; kx < size; kx++) {
          int at = ((oy * size + ky) * width + ox * size + kx) * channels + c;
          float v = load(in + at);
          if (v > top || (v != v && top == top)) {
            top = v;
            place = at;
          }
        }
      store(y + int64(image) * out + e, top);
      argmax[int64(image) * out + e] = place;
    }
}

// dx[argmax] = g, where dx (images, size) is 0 before and g (images, out): no two windows have an
// element in common. A place outside of the image is left out.
template <typename T>
DEVICE void max_pool_backward(T* dx, const T* g, const int32* argmax, int images, int size, int out) {
  for (int image = blockIdx.y; image < images; image += gridDim.y)
    for (int e = int(global_index()); e < out; e += int(global_stride())) {
      int64 from = int64(image) * out + e;
      int place = argmax[from];
      if (place >= 0 && place < size) store(dx + int64(image) * size + place, 0.0f + load(g + from));
    }
}

// y (images, channels) = the mean over the positions of x (images, positions, channels).
template <typename T>
DEVICE void mean_pool(T* y, const T* x, int images, int positions, int channels) {
  for (int image = blockIdx.y; image < images; image += gridDim.y)
    for (int c = int(global_index()); c < channels; c += int(global_stride())) {
      float sum = 0;
      for (int p = 0; p < positions; p++) sum += load(x + (int64(image) * positions + p) * channels + c);
      store(y + int64(image) * channels + c, sum / float(positions));
    }
}

// dx = g/positions at every position.
template <typename T>
DEVICE void mean_pool_backward(T* dx, const T* g, int images, int positions, int channels) {
  int size = positions * channels;
  for (int image = blockIdx.y; image < images; image += gridDim.y)
    for (int e = int(global_index()); e < size; e += int(global_stride()))
      store(dx + int64(image) * size + e, load(g + int64(image) * channels + e % channels) / float(positions));
}

#define GEOMETRY int32 height, int32 width, int32 channels, int32 kernel, int32 stride, int32 padding, int32 oh, int32 ow
#define IMAGE(T, type)                                                                                         \
  KERNEL(cola_unfold_##type, T* cols, const T* x, int32 images, GEOMETRY) {                                    \
    unfold(cols, x, images, {height, width, channels, kernel, stride, padding, oh, ow});                       \
  }                                                                                                            \
  KERNEL(cola_unfold_backward_##type, T* dx, const T* cols, int32 images, GEOMETRY, int32 accumulate) {        \
    unfold_backward(dx, cols, images, {height, width, channels, kernel, stride, padding, oh, ow}, accumulate); \
  }                                                                                                            \
  KERNEL(cola_max_pool_##type, T* y, int32* argmax, const T* x, int32 images, int32 height, int32 width,       \
         int32 channels, int32 size) {                                                                         \
    max_pool(y, argmax, x, images, height, width, channels, size);                                             \
  }                                                                                                            \
  KERNEL(cola_max_pool_backward_##type, T* dx, const T* g, const int32* argmax, int32 images, int32 size,      \
         int32 out) {                                                                                          \
    max_pool_backward(dx, g, argmax, images, size, out);                                                       \
  }                                                                                                            \
  KERNEL(cola_mean_pool_##type, T* y, const T* x, int32 images, int32 positions, int32 channels) {             \
    mean_pool(y, x, images, positions, channels);                                                              \
  }                                                                                                            \
  KERNEL(cola_mean_pool_backward_##type, T* dx, const T* g, int32 images, int32 positions, int32 channels) {   \
    mean_pool_backward(dx, g, images, positions, channels);                                                    \
  }
IMAGE(float, f32)
IMAGE(bf16, bf16)
