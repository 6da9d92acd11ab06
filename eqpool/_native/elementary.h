// Functions of one number that vectorise, and vectors of them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "functions.h"

namespace eqpool {

// A library holds one precision; both would take twice the time to compile.
using Real = EQPOOL_REAL;

// Maximum and its derivative as XLA has them: NaN of the first stays, a tie counts half.
template <typename T>
EQPOOL_INLINE T larger(T x, T bound) {
  return bound > x ? bound : x;
}
template <typename T>
EQPOOL_INLINE T passes(T x, T bound) {
  return x > bound ? T(1) : (x == bound ? T(0.5) : T(0));
}

// NaN for what is too large for sums and products, as of `eqpool._models.in_range`.
EQPOOL_INLINE float in_range(float x) { return x + 0.0f * (x * 0x1p28f); }
EQPOOL_INLINE double in_range(double x) { return x + 0.0 * (x * 0x1p252); }

// In double precision the standard library's; in single precision a range reduction and a minimax
// polynomial, with an error below 2 units in the last place (tests/native/test_elementary.py).
EQPOOL_INLINE double exponential(double x) { return exp(x); }
EQPOOL_INLINE double logarithm(double x) { return log(x); }

EQPOOL_INLINE float exponential(float x) {
  float y = x < -87.0f ? -87.0f : x;
  y = y > 88.0f ? 88.0f : y;
  const float n = nearbyint(y * 1.44269504088896341f);
  const float r = (y - n * 0.693359375f) - n * -2.12194440e-4f;
  // Estrin's scheme: half the depth of Horner's, which the loop would wait for.
  const float r2 = r * r;
  const float high = (1.9875691500e-4f * r + 1.3981999507e-3f) * r2 +
                     (8.3334519073e-3f * r + 4.1665795894e-2f);
  const float p = (high * r2 + (1.6666665459e-1f * r + 5.0000001201e-1f)) * r2 + r + 1.0f;
  const float result = p * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
  return x > 88.0f ? std::numeric_limits<float>::infinity() : result;
}

EQPOOL_INLINE float logarithm(float x) {  // of a positive normal number
  const int32_t bits = std::bit_cast<int32_t>(x);
  // The mantissa in [sqrt(1/2), sqrt(2)).
  const int32_t shifted = bits - 0x3f3504f3;
  const float e = static_cast<float>(shifted >> 23);
  const float m = std::bit_cast<float>((shifted & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const float z = m * m;
  const float high = 7.0376836292e-2f * z + (-1.1514610310e-1f * m + 1.1676998740e-1f);
  const float low = (-1.6668057665e-1f * m + 2.0000714765e-1f) * z +
                    (-2.4999993993e-1f * m + 3.3333331174e-1f);
  const float middle = -1.2420140846e-1f * m + 1.4249322787e-1f;
  float p = (high * z + middle) * (z * z) + low;
  p = p * m * z + e * -2.12194440e-4f - 0.5f * z;
  const float y = (m + p) + e * 0.693359375f;
  return x < std::numeric_limits<float>::infinity() ? y : x;  // keeps NaN and infinity
}

// Error below 2 units in the last place.
EQPOOL_INLINE double tangent(double x) { return tanh(x); }
EQPOOL_INLINE float tangent(float x) {
  const float size = abs(x), z = x * x;
  float p = -5.70498872745e-3f * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float small = p * z * x + x;
  const float large = 1.0f - 2.0f / (exponential(2.0f * size) + 1.0f);
  return size < 0.625f ? small : copysign(large, x);
}

// What the widest registers hold; GCC and Clang divide it where they are narrower.
typedef Real Line __attribute__((vector_size(64)));
constexpr size_t kWide = sizeof(Line) / sizeof(Real);
EQPOOL_INLINE Line load(const Real* from) {
  Line line;
  std::memcpy(&line, from, sizeof(line));
  return line;
}
EQPOOL_INLINE void store(Real* to, const Line& line) { std::memcpy(to, &line, sizeof(line)); }

}  // namespace eqpool
