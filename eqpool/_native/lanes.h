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
EQPOOL_INLINE Real EXP(Real x) { return x < kLowest ? Real(0) : exponential(x); }
EQPOOL_INLINE Real EXP2(Real x) { return exp2(x); }
EQPOOL_INLINE Real TANH(Real x) { return tangent(x); }
EQPOOL_INLINE Real LOGISTIC(Real x) { return Real(1) / (Real(1) + exponential(-x)); }

EQPOOL_INLINE Real LOG(Real x) {
  // XLA takes numbers for zero that are smaller than normal ones.
  const Real infinite = std::numeric_limits<Real>::infinity();
  const Real low = x < Real(0) ? std::numeric_limits<Real>::quiet_NaN() : -infinite;
  const Real y = logarithm(x);
  return x < std::numeric_limits<Real>::min() ? low : y;
}
EQPOOL_INLINE double EXPM1(double x) { return exponential_less_one(x); }
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
EQPOOL_INLINE Real LOG1P(Real x) {
  // What rounding took from 1 + x is put back to first order.
  const Real y = Real(1) + x;
  const Real lost = x - (y - Real(1));
  const Real result = LOG(y) + (y > Real(0) ? lost / y : Real(0));
  return x < std::numeric_limits<Real>::infinity() ? result : x;
}

}  // namespace eqpool
