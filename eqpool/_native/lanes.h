// What a generated step is made of: functions of one number that vectorise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "elementary.h"

namespace eqpool {

// As XLA has them: NaN stays NaN.
EQPOOL_INLINE Real LARGER(Real x, Real y) {
  const Real larger = y > x ? y : x;
  return y != y ? y : larger;
}
EQPOOL_INLINE Real SMALLER(Real x, Real y) {
  const Real smaller = y < x ? y : x;
  return y != y ? y : smaller;
}
// Where the second is no NaN.
EQPOOL_INLINE Real smaller(Real x, Real bound) { return bound < x ? bound : x; }
EQPOOL_INLINE Real RSQRT(Real x) { return Real(1) / sqrt(x); }
EQPOOL_INLINE Real SIGN(Real x) {
  return x > Real(0) ? Real(1) : (x < Real(0) ? Real(-1) : x);
}
EQPOOL_INLINE double EXP(double x) { return exp(x); }
EQPOOL_INLINE float EXP(float x) { return x < -87.0f ? 0.0f : exponential(x); }
EQPOOL_INLINE Real EXP2(Real x) { return exp2(x); }
EQPOOL_INLINE Real TANH(Real x) { return tangent(x); }
EQPOOL_INLINE Real LOGISTIC(Real x) { return Real(1) / (Real(1) + exponential(-x)); }

EQPOOL_INLINE double LOG(double x) { return log(x); }
EQPOOL_INLINE float LOG(float x) {
  // XLA takes numbers for zero that are smaller than normal ones.
  const float infinite = std::numeric_limits<float>::infinity();
  const float low = x < 0.0f ? std::numeric_limits<float>::quiet_NaN() : -infinite;
  const float y = logarithm(x);
  return x < std::numeric_limits<float>::min() ? low : y;
}
EQPOOL_INLINE double EXPM1(double x) { return expm1(x); }
EQPOOL_INLINE float EXPM1(float x) {
  // Near 0 by its series, whose error at 0.5 is below a unit in the last place.
  float p = 2.4801587e-5f * x + 1.9841270e-4f;
  p = p * x + 1.3888889e-3f;
  p = p * x + 8.3333333e-3f;
  p = p * x + 4.1666667e-2f;
  p = p * x + 1.6666667e-1f;
  p = p * x + 0.5f;
  const float near = p * x * x + x;
  return abs(x) < 0.5f ? near : exponential(x) - 1.0f;
}
EQPOOL_INLINE double LOG1P(double x) { return log1p(x); }
EQPOOL_INLINE float LOG1P(float x) {
  // What rounding took from 1 + x is put back to first order.
  const float y = 1.0f + x;
  const float lost = x - (y - 1.0f);
  const float result = LOG(y) + (y > 0.0f ? lost / y : 0.0f);
  return x < std::numeric_limits<float>::infinity() ? result : x;
}

}  // namespace eqpool
