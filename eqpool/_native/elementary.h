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

// By a range reduction and a polynomial, which vectorise as the standard library's do not; with an
// error below 2 units in the last place (tests/native/test_elementary.py).

constexpr Real kLowest = sizeof(Real) == 4 ? -87 : -708;  // below, exponential(x) stays the same
constexpr double kLn2High = 0x1.62e42ff000000p-1, kLn2Low = -0x1.718432a1b0e26p-35;

// exp(x) = scale * (1 + q), for x between the limits.
struct Exponential {
  double scale, q;
};
EQPOOL_INLINE Exponential parts_of_exponential(double x) {
  double y = x < -708.0 ? -708.0 : x;
  y = y > 709.0 ? 709.0 : y;
  // In the last bits of this sum stands a whole number.
  const double sum = y * 0x1.71547652b82fep+0 + 0x1.8p52;
  const double n = sum - 0x1.8p52;
  const double r = (y - n * kLn2High) - n * kLn2Low;
  // Taylor's series, whose next term is below 5e-18, by Estrin's scheme.
  const double r2 = r * r, r4 = r2 * r2;
  const double c2 = 1.0 / 2 + 1.0 / 6 * r, c4 = 1.0 / 24 + 1.0 / 120 * r;
  const double c6 = 1.0 / 720 + 1.0 / 5040 * r, c8 = 1.0 / 40320 + 1.0 / 362880 * r;
  const double c10 = 1.0 / 3628800 + 1.0 / 39916800 * r;
  const double c12 = 1.0 / 479001600 + 1.0 / 6227020800 * r;
  const double p = (c2 + c4 * r2) + (c6 + c8 * r2) * r4 + (c10 + c12 * r2) * (r4 * r4);
  return {std::bit_cast<double>((std::bit_cast<uint64_t>(sum) + 1023) << 52), r + r2 * p};
}
EQPOOL_INLINE double exponential(double x) {
  const Exponential e = parts_of_exponential(x);
  const double result = e.scale * e.q + e.scale;
  return x > 709.0 ? std::numeric_limits<double>::infinity() : result;
}
EQPOOL_INLINE double exponential_less_one(double x) {
  const Exponential e = parts_of_exponential(x);
  const double result = e.scale * e.q + (e.scale - 1.0);
  return x > 709.0 ? std::numeric_limits<double>::infinity() : result;
}

EQPOOL_INLINE double logarithm(double x) {  // of a positive normal number
  constexpr uint64_t kRootOfHalf = 0x3fe6a09e667f3bcd, kMantissa = 0x000fffffffffffff;
  // The mantissa in [sqrt(1/2), sqrt(2)).
  const uint64_t shifted = std::bit_cast<uint64_t>(x) - kRootOfHalf + (uint64_t(1023) << 52);
  const double n = std::bit_cast<double>((shifted >> 52) | 0x4330000000000000) - 0x1p52 - 1023.0;
  const double f = std::bit_cast<double>((shifted & kMantissa) + kRootOfHalf) - 1.0;
  // log(1 + f) = 2 artanh(s), whose series is small beside f - f^2/2.
  const double s = f / (2.0 + f), half = 0.5 * f * f, z = s * s, z2 = z * z, z4 = z2 * z2;
  const double c3 = 2.0 / 3 + 2.0 / 5 * z, c7 = 2.0 / 7 + 2.0 / 9 * z;
  const double c11 = 2.0 / 11 + 2.0 / 13 * z, c15 = 2.0 / 15 + 2.0 / 17 * z;
  const double series = ((c3 + c7 * z2) + (c11 + c15 * z2) * z4 + 2.0 / 19 * (z4 * z4)) * z;
  const double y = n * kLn2High + (f - (half - (s * (half + series) + n * kLn2Low)));
  return x < std::numeric_limits<double>::infinity() ? y : x;  // keeps NaN and infinity
}

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

EQPOOL_INLINE double tangent(double x) {
  // Near 0 by a convergent of Lambert's continued fraction.
  const double size = abs(x), z = x * x;
  const double less = z * (((z + 594.0) * z + 45045.0) * z + 675675.0);
  const double all = (((z + 630.0) * z + 51975.0) * z + 945945.0) * z + 2027025.0;
  const double large = 1.0 - 2.0 / (exponential(2.0 * size) + 1.0);
  return size < 0.625 ? x - x * (less / all) : copysign(large, x);
}
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

// What the widest registers hold. GCC and Clang would divide what is wider, by way of memory.
#if defined(__AVX512F__)
constexpr size_t kLineBytes = 64;
#elif defined(__AVX__)
constexpr size_t kLineBytes = 32;
#else
constexpr size_t kLineBytes = 16;
#endif
typedef Real Line __attribute__((vector_size(kLineBytes)));
constexpr size_t kWide = sizeof(Line) / sizeof(Real);
EQPOOL_INLINE Line load(const Real* from) {
  Line line;
  std::memcpy(&line, from, sizeof(line));
  return line;
}
EQPOOL_INLINE void store(Real* to, const Line& line) { std::memcpy(to, &line, sizeof(line)); }

}  // namespace eqpool
