// RateJax by forward Euler: all steps of a run, and their transposed derivative.
//
// The equations are those of `rate_derivative` and of the activation functions in `eqpool.physics`.
#include "common.h"

namespace eqpool {
namespace {

enum Constant { kAlpha, kThreshold };  // rows of `constants`: dt/tau and the threshold
enum Activation { kRelu, kLeakyRelu, kTanh, kSigmoid };

// Error below 2 units in the last place.
EQPOOL_INLINE double tangent(double x) { return std::tanh(x); }
EQPOOL_INLINE float tangent(float x) {
  const float size = std::abs(x), z = x * x;
  float p = -5.70498872745e-3f * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float small = p * z * x + x;
  const float large = 1.0f - 2.0f / (exponential(2.0f * size) + 1.0f);
  return size < 0.625f ? small : std::copysign(large, x);
}

template <Activation kKind>
EQPOOL_INLINE Real activation(Real x) {
  if constexpr (kKind == kRelu) return x > Real(0) ? x : Real(0);
  if constexpr (kKind == kLeakyRelu) return (x >= Real(0) ? Real(1) : Real(0.01)) * x;
  if constexpr (kKind == kTanh) return tangent(x);
  return (tangent(x) + Real(1)) / Real(2);
}

// Its derivative, from its value.
template <Activation kKind>
EQPOOL_INLINE Real slope(Real rate) {
  if constexpr (kKind == kRelu) return rate > Real(0) ? Real(1) : Real(0);
  if constexpr (kKind == kLeakyRelu) return rate >= Real(0) ? Real(1) : Real(0.01);
  if constexpr (kKind == kTanh) return Real(1) - rate * rate;
  return Real(2) * rate * (Real(1) - rate);
}

template <Activation kKind>
struct Run {
  Run(size_t n, const Real* constants, const Real* weights, Team* team)
      : n(n), alpha(constants + kAlpha * n), threshold(constants + kThreshold * n),
        weights(weights), team(team), sum(n), index(n), value(n) {}

  void rates(const Real* __restrict x, Real* __restrict rate) const {
    const Real* __restrict theta = threshold;
#pragma omp simd
    for (size_t i = 0; i < n; ++i) rate[i] = activation<kKind>(x[i] - theta[i]);
  }

  void forward(size_t steps, const Real* start, const Real* drive, Real* rate, Real* end,
               Real* states) {
    std::vector<Real> x(start, start + n), first(n);
    rates(x.data(), first.data());
    const Real* before = first.data();
    for (size_t t = 0; t < steps; ++t) {
      std::fill(sum.begin(), sum.end(), Real(0));
      if (weights != nullptr) {
        const size_t count = nonzero(before, n, index.data(), value.data());
        add_rows(sum.data(), weights, n, index.data(), value.data(), count, team);
      }
      move(x.data(), drive + t * n);
      rates(x.data(), rate + t * n);
      before = rate + t * n;
      if (states != nullptr) std::memcpy(states + t * n, x.data(), n * sizeof(Real));
    }
    std::memcpy(end, x.data(), n * sizeof(Real));
  }

  void move(Real* __restrict x, const Real* __restrict drive) const {
    const Real* __restrict a = alpha;
    const Real* __restrict recurrent = sum.data();
#pragma omp simd
    for (size_t i = 0; i < n; ++i) x[i] += a[i] * ((drive[i] + recurrent[i]) - x[i]);
  }

  void transposed(size_t steps, const Real* weights_transposed, const Real* start,
                  const Real* states, const Real* rate, const Real* rate_bar, const Real* end_bar,
                  const Real* states_bar, Real* constants_bar, Real* weights_bar,
                  Real* start_bar, Real* drive_bar) {
    std::memcpy(start_bar, end_bar, n * sizeof(Real));
    std::memset(constants_bar, 0, 2 * n * sizeof(Real));
    if (weights_bar != nullptr) std::memset(weights_bar, 0, n * n * sizeof(Real));
    std::vector<Real> first(n), zero(n, Real(0));
    rates(start, first.data());
    size_t last = steps;  // the steps from here on are in `weights_bar`
    for (size_t t = steps; t-- > 0;) {
      activate_transposed(weights_transposed, t + 1 < steps ? drive_bar + (t + 1) * n : nullptr,
                          rate + t * n, rate_bar + t * n, constants_bar, start_bar);
      move_transposed(states + t * n, t > 0 ? states + (t - 1) * n : start,
                      states_bar ? states_bar + t * n : zero.data(), constants_bar, start_bar,
                      drive_bar + t * n);
      // Many steps at once, while they are in the cache.
      if (weights_bar != nullptr && t > 0 && (last - t == 64 || t == 1)) {
        add_product_of_columns(weights_bar, rate + (t - 1) * n, drive_bar + t * n, last - t, n);
        last = t;
      }
    }
    if (weights_bar != nullptr) add_product_of_columns(weights_bar, first.data(), drive_bar, 1, n);
    activate_transposed(weights_transposed, drive_bar, first.data(), zero.data(), constants_bar,
                        start_bar);
  }

  // Through the activation after a step, given what the next step passes back.
  void activate_transposed(const Real* weights_transposed, const Real* next,
                           const Real* __restrict rate, const Real* __restrict rate_bar,
                           Real* __restrict constants_bar, Real* __restrict bar) {
    std::fill(sum.begin(), sum.end(), Real(0));
    if (weights != nullptr && next != nullptr) back(weights_transposed, next, rate);
    const Real* __restrict passed = sum.data();
    Real* __restrict threshold_bar = constants_bar + kThreshold * n;
#pragma omp simd
    for (size_t i = 0; i < n; ++i) {
      const Real y = (rate_bar[i] + passed[i]) * slope<kKind>(rate[i]);
      bar[i] += y;
      threshold_bar[i] -= y;
    }
  }

  // sum += weights @ x, where somebody asks for it.
  void back(const Real* weights_transposed, const Real* x, const Real* rate) {
    // A silent neuron passes nothing on. Fewer rows are worth it if they come from far.
    if (kKind == kRelu && n * n * sizeof(Real) > size_t(1) << 17) {
      const size_t count = nonzero(rate, n, index.data(), value.data());
      add_products(sum.data(), weights, n, x, index.data(), count, team);
    } else {
      const size_t count = nonzero(x, n, index.data(), value.data());
      add_rows(sum.data(), weights_transposed, n, index.data(), value.data(), count, team);
    }
  }

  void move_transposed(const Real* __restrict after, const Real* __restrict before,
                       const Real* __restrict states_bar, Real* __restrict constants_bar,
                       Real* __restrict bar, Real* __restrict drive_bar) const {
    const Real* __restrict a = alpha;
    Real* __restrict alpha_bar = constants_bar + kAlpha * n;
#pragma omp simd
    for (size_t i = 0; i < n; ++i) {
      const Real x_bar = bar[i] + states_bar[i];
      alpha_bar[i] += x_bar * (after[i] - before[i]) / a[i];
      drive_bar[i] = x_bar * a[i];
      bar[i] = x_bar - x_bar * a[i];
    }
  }

  size_t n;
  const Real *alpha, *threshold, *weights;
  Team* team;
  std::vector<Real> sum;
  std::vector<uint32_t> index;
  std::vector<Real> value;
};

template <typename F>
ffi::Error with_activation(int64_t kind, const F& f) {
  switch (kind) {
    case kRelu: f(std::integral_constant<Activation, kRelu>{}); break;
    case kLeakyRelu: f(std::integral_constant<Activation, kLeakyRelu>{}); break;
    case kTanh: f(std::integral_constant<Activation, kTanh>{}); break;
    case kSigmoid: f(std::integral_constant<Activation, kSigmoid>{}); break;
    default: return ffi::Error::InvalidArgument("unknown activation");
  }
  return ffi::Error::Success();
}

ffi::Error forward(ffi::ThreadPool pool, ffi::AnyBuffer constants, ffi::AnyBuffer weights,
                   ffi::AnyBuffer start, ffi::AnyBuffer drive, ffi::Result<ffi::AnyBuffer> rate,
                   ffi::Result<ffi::AnyBuffer> end, ffi::Result<ffi::AnyBuffer> states,
                   int64_t kind) {
  const View c(constants), w(weights), s(start), d(drive), y(*rate), e(*end), x(*states);
  std::optional<Team> team;
  gather(team, pool, y.runs(), w);
  return with_activation(kind, [&](auto activation) {
    for_each(pool, y.runs(), [&](size_t i) {
      Run<decltype(activation)::value> run(c.columns, c.of(i, y.dims), w.of(i, y.dims),
                                             team ? &*team : nullptr);
      run.forward(d.rows, s.of(i, y.dims), d.of(i, y.dims), y.of(i, y.dims), e.of(i, y.dims),
                  x.of(i, y.dims));
    });
  });
}

ffi::Error transposed(ffi::ThreadPool pool, ffi::AnyBuffer constants, ffi::AnyBuffer weights,
                      ffi::AnyBuffer weights_transposed, ffi::AnyBuffer start,
                      ffi::AnyBuffer states, ffi::AnyBuffer rate, ffi::AnyBuffer rate_bar,
                      ffi::AnyBuffer end_bar, ffi::AnyBuffer states_bar,
                      ffi::Result<ffi::AnyBuffer> constants_bar,
                      ffi::Result<ffi::AnyBuffer> weights_bar,
                      ffi::Result<ffi::AnyBuffer> start_bar, ffi::Result<ffi::AnyBuffer> drive_bar,
                      int64_t kind) {
  const View c(constants), w(weights), wt(weights_transposed), s(start), x(states), y(rate),
      yb(rate_bar), eb(end_bar), xb(states_bar), cb(*constants_bar), wb(*weights_bar),
      sb(*start_bar), db(*drive_bar);
  std::optional<Team> team;
  gather(team, pool, db.runs(), w);
  return with_activation(kind, [&](auto activation) {
    for_each(pool, db.runs(), [&](size_t i) {
      const auto all = db.dims;
      Run<decltype(activation)::value> run(c.columns, c.of(i, all), w.of(i, all),
                                             team ? &*team : nullptr);
      run.transposed(y.rows, wt.of(i, all), s.of(i, all), x.of(i, all), y.of(i, all),
                     yb.of(i, all), eb.of(i, all), xb.of(i, all), cb.of(i, all), wb.of(i, all),
                     sb.of(i, all), db.of(i, all));
    });
  });
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    eqpool_rate_forward, forward,
    ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
        .Attr<int64_t>("activation"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    eqpool_rate_transposed, transposed,
    ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Arg<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
        .Attr<int64_t>("activation"));

}  // namespace eqpool
