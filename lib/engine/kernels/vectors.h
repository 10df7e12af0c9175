/**
 * Eight floats at a time, by the compiler's vector extensions: the same source serves x86 with and without AVX2, and arm64.
 *
 * Everything here is inlined into the function that calls it, so that it is compiled for the processor that function is compiled for
 * (see `KIT_FOR_PROCESSORS`).
 */
#ifndef REASON_RFT_VECTORS_H_
#define REASON_RFT_VECTORS_H_

#include <cstdint>
#include <cstring>
#include <limits>

// Only inlined functions take and return vectors, so that it does not matter how they would be passed.
#pragma GCC diagnostic ignored "-Wpsabi"

#define KIT_INLINE static inline __attribute__((always_inline))

/**
 * Compiles `name(const Work &)` once for processors with AVX2 and once for any, and defines `run_name`, which calls the one that this
 * processor can run.
 */
#if defined(__x86_64__)
#define KIT_FOR_PROCESSORS(name, Work)                                                             \
  __attribute__((target("avx2,fma"))) static void name##_avx2(const Work &work) { name(work); }    \
  static void name##_any(const Work &work) { name(work); }                                         \
  static void run_##name(const Work &work) {                                                       \
    static const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); \
    has_avx2 ? name##_avx2(work) : name##_any(work);                                               \
  }
#else
#define KIT_FOR_PROCESSORS(name, Work) \
  static void run_##name(const Work &work) { name(work); }
#endif

#if defined(__clang__)
#define KIT_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define KIT_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (kit::EightInts){__VA_ARGS__})
#endif

namespace kit {

typedef float Eight __attribute__((vector_size(32)));
typedef int32_t EightInts __attribute__((vector_size(32)));

KIT_INLINE Eight load(const float *from) {
  Eight x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

KIT_INLINE void store(float *to, Eight x) { std::memcpy(to, &x, sizeof x); }

KIT_INLINE Eight all(float x) { return Eight{x, x, x, x, x, x, x, x}; }

/** The first `count` (below eight) floats, and `rest` in the other places. */
KIT_INLINE Eight load_some(const float *from, int64_t count, float rest) {
  float padded[8] = {rest, rest, rest, rest, rest, rest, rest, rest};
  for (int64_t i = 0; i < count; i++) padded[i] = from[i];
  return load(padded);
}

KIT_INLINE void store_some(float *to, Eight x, int64_t count) {
  float padded[8];
  store(padded, x);
  for (int64_t i = 0; i < count; i++) to[i] = padded[i];
}

/** Sums of neighbours, those of `a` and those of `b` by turns of two: AVX's horizontal addition. */
KIT_INLINE Eight neighbour_sums(Eight a, Eight b) {
  return KIT_SHUFFLE(a, b, 0, 2, 8, 10, 4, 6, 12, 14) + KIT_SHUFFLE(a, b, 1, 3, 9, 11, 5, 7, 13, 15);
}

/** The sum of the eight floats of each of eight vectors. */
KIT_INLINE Eight eight_sums(Eight a, Eight b, Eight c, Eight d, Eight e, Eight f, Eight g, Eight h) {
  const Eight first = neighbour_sums(neighbour_sums(a, b), neighbour_sums(c, d));
  const Eight last = neighbour_sums(neighbour_sums(e, f), neighbour_sums(g, h));
  return KIT_SHUFFLE(first, last, 0, 1, 2, 3, 8, 9, 10, 11) + KIT_SHUFFLE(first, last, 4, 5, 6, 7, 12, 13, 14, 15);
}

KIT_INLINE float sum(Eight x) {
  float parts[8];
  store(parts, x);
  return ((parts[0] + parts[4]) + (parts[1] + parts[5])) + ((parts[2] + parts[6]) + (parts[3] + parts[7]));
}

KIT_INLINE Eight larger(Eight a, Eight b) { return a > b ? a : b; }

KIT_INLINE float largest(Eight x) {
  float parts[8];
  store(parts, x);
  float most = parts[0];
  for (int i = 1; i < 8; i++) most = parts[i] > most ? parts[i] : most;
  return most;
}

/**
 * e^x to float32's last digit or two: with n the whole number nearest to x / ln 2, it is 2^n e^r with |r| <= ln 2 / 2, and e^r is a
 * polynomial (Moshier's Cephes library, expf). Beyond +-87 the argument is cut off; NaN stays NaN.
 */
KIT_INLINE Eight exponential(Eight x) {
  // Adding it to a number below 2^22 rounds that to a whole one, which then stands in the lowest bits.
  const Eight magic = all(12582912.0f);
  x = x < all(-87.0f) ? all(-87.0f) : x;
  x = x > all(87.0f) ? all(87.0f) : x;
  const Eight shifted = x * all(1.44269504088896341f) + magic;
  const Eight n = shifted - magic;
  const Eight r = x - n * all(0.693359375f) - n * all(-2.12194440e-4f);
  Eight p = all(1.9875691500e-4f);
  p = p * r + all(1.3981999507e-3f);
  p = p * r + all(8.3334519073e-3f);
  p = p * r + all(4.1665795894e-2f);
  p = p * r + all(1.6666665459e-1f);
  p = p * r + all(5.0000001201e-1f);
  p = p * r * r + r + all(1.0f);
  EightInts bits, magic_bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  std::memcpy(&magic_bits, &magic, sizeof magic_bits);
  const EightInts power = (bits - magic_bits + 127) << 23;
  Eight scale;
  std::memcpy(&scale, &power, sizeof scale);
  return p * scale;
}

/** The dot product of two vectors of `size` floats. */
KIT_INLINE float dot(const float *a, const float *b, int64_t size) {
  Eight sums = all(0);
  int64_t i = 0;
  for (; i + 8 <= size; i += 8) sums += load(a + i) * load(b + i);
  float total = sum(sums);
  for (; i < size; i++) total += a[i] * b[i];
  return total;
}

/** Replaces x by e^(x - its largest), and returns the sum of that. `largest_of_all` receives the largest. */
KIT_INLINE float exponentials_below_largest(const float *x, float *out, int64_t count, float *largest_of_all) {
  const float lowest = -std::numeric_limits<float>::infinity();
  const int64_t whole = count - count % 8;
  Eight most = load_some(x + whole, count - whole, lowest);
  for (int64_t i = 0; i < whole; i += 8) most = larger(load(x + i), most);
  const Eight top = all(largest(most));
  Eight sums = all(0);
  for (int64_t i = 0; i < whole; i += 8) {
    const Eight e = exponential(load(x + i) - top);
    store(out + i, e);
    sums += e;
  }
  float total = sum(sums);
  if (whole < count) {
    const Eight e = exponential(load_some(x + whole, count - whole, lowest) - top);
    store_some(out + whole, e, count - whole);
    float parts[8];
    store(parts, e);
    for (int64_t i = 0; i < count - whole; i++) total += parts[i];
  }
  *largest_of_all = top[0];
  return total;
}

}  // namespace kit

#endif  // REASON_RFT_VECTORS_H_
