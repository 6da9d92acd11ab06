// What is used of <cmath>. To read that header takes longer than to compile most steps.
#pragma once

#include <cstdint>

namespace eqpool {

// In a loop that is to be vectorised a call that is left to the compiler's discretion is a risk.
#define EQPOOL_INLINE inline __attribute__((always_inline))

#define EQPOOL_OF_ONE(name, builtin)                                            \
  EQPOOL_INLINE float name(float x) { return __builtin_##builtin##f(x); }       \
  EQPOOL_INLINE double name(double x) { return __builtin_##builtin(x); }
#define EQPOOL_OF_TWO(name)                                                               \
  EQPOOL_INLINE float name(float x, float y) { return __builtin_##name##f(x, y); }        \
  EQPOOL_INLINE double name(double x, double y) { return __builtin_##name(x, y); }

EQPOOL_OF_ONE(abs, fabs)
EQPOOL_OF_ONE(sqrt, sqrt)
EQPOOL_OF_ONE(cbrt, cbrt)
EQPOOL_OF_ONE(floor, floor)
EQPOOL_OF_ONE(ceil, ceil)
EQPOOL_OF_ONE(round, round)
EQPOOL_OF_ONE(nearbyint, nearbyint)
EQPOOL_OF_ONE(exp2, exp2)
EQPOOL_OF_ONE(sin, sin)
EQPOOL_OF_ONE(cos, cos)
EQPOOL_OF_ONE(tan, tan)
EQPOOL_OF_ONE(atan, atan)
EQPOOL_OF_ONE(sinh, sinh)
EQPOOL_OF_ONE(cosh, cosh)
EQPOOL_OF_ONE(erf, erf)
EQPOOL_OF_TWO(pow)
EQPOOL_OF_TWO(atan2)
EQPOOL_OF_TWO(copysign)
EQPOOL_INLINE int32_t abs(int32_t x) { return x < 0 ? -x : x; }

}  // namespace eqpool
