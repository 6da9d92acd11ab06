// RateJax by forward Euler: all steps of a run, and their transposed derivative.
//
// The equations are those of `rate_derivative` and of the activation functions in `eqpool.physics`.
#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "batch.h"
#include "elementary.h"
#include "products.h"

namespace eqpool {
namespace {

enum Constant { kAlpha, kThreshold, kConstants };  // rows of `constants`: dt/tau, the threshold
enum Activation { kRelu, kLeakyRelu, kTanh, kSigmoid };

template <Activation kKind>
EQPOOL_INLINE Real activation(Real x) {
  if constexpr (kKind == kRelu) return x <= Real(0) ? Real(0) : x;  // NaN of NaN
  if constexpr (kKind == kLeakyRelu) return (x >= Real(0) ? Real(1) : Real(0.01)) * x;
  if constexpr (kKind == kTanh) return tangent(x);
  return (tangent(x) + Real(1)) / Real(2);
}

// Its derivative, from its value.
template <Activation kKind>
EQPOOL_INLINE Real slope(Real rate) {
  if constexpr (kKind == kRelu) return rate <= Real(0) ? Real(0) : Real(1);
  if constexpr (kKind == kLeakyRelu) return rate >= Real(0) ? Real(1) : Real(0.01);
  if constexpr (kKind == kTanh) return Real(1) - rate * rate;
  return Real(2) * rate * (Real(1) - rate);
}

// What belongs to one run of a batch.
// `pull` is what a step moves the state by, before it is scaled by alpha.
struct Forward {
  const Real *start, *drive;
  Real *rate, *end, *states, *pull;
};
struct Transposed {
  const Real *start, *pull, *rate, *rate_bar, *end_bar, *states_bar;
  Real *constants_bar, *weights_bar, *start_bar, *drive_bar;
};

// One run, or a group of them that share constants and weights.
template <Activation kKind>
struct Run {
  Run(size_t n, size_t group, const Real* constants, const Real* weights, Team* team)
      : n(n), group(group), alpha(constants + kAlpha * n), threshold(constants + kThreshold * n),
        weights(weights), team(team), sums(group * n), zero(n), index(n), value(n) {
    for (size_t r = 0; r < group; ++r) sum[r] = &sums[r * n];
  }

  void rates(const Real* __restrict x, Real* __restrict rate) const {
    const Real* __restrict theta = threshold;
#pragma omp simd
    for (size_t i = 0; i < n; ++i) rate[i] = activation<kKind>(x[i] - theta[i]);
  }

  void forward(size_t steps, const Forward* run) {
    std::vector<Real> x(group * n), first(group * n), unkept(n);
    const Real* before[kGroup];
    for (size_t r = 0; r < group; ++r) {
      std::memcpy(&x[r * n], run[r].start, n * sizeof(Real));
      rates(&x[r * n], &first[r * n]);
      before[r] = &first[r * n];
    }
    for (size_t t = 0; t < steps; ++t) {
      arrive(before);
      for (size_t r = 0; r < group; ++r) {
        move(&x[r * n], run[r].drive + t * n, sum[r],
             run[r].pull != nullptr ? run[r].pull + t * n : unkept.data());
        rates(&x[r * n], run[r].rate + t * n);
        before[r] = run[r].rate + t * n;
        if (run[r].states != nullptr)
          std::memcpy(run[r].states + t * n, &x[r * n], n * sizeof(Real));
      }
    }
    for (size_t r = 0; r < group; ++r) std::memcpy(run[r].end, &x[r * n], n * sizeof(Real));
  }

  // sum = rates @ weights
  void arrive(const Real* const* before) {
    std::fill(sums.begin(), sums.end(), Real(0));
    if (weights == nullptr) return;
    if (group > 1) return add_rows_of_group(sum, before, group, weights, n, n);
    const size_t count = nonzero(before[0], n, index.data(), value.data());
    add_rows(sum[0], weights, n, index.data(), value.data(), count, team);
  }

  void move(Real* __restrict x, const Real* __restrict drive, const Real* __restrict recurrent,
            Real* __restrict pull) const {
    const Real* __restrict a = alpha;
#pragma omp simd
    for (size_t i = 0; i < n; ++i) {
      pull[i] = (drive[i] + recurrent[i]) - x[i];
      x[i] += a[i] * pull[i];
    }
  }

  void transposed(size_t steps, const Real* weights_transposed, const Transposed* run) {
    std::vector<Real> first(group * n);
    for (size_t r = 0; r < group; ++r) {
      std::memcpy(run[r].start_bar, run[r].end_bar, n * sizeof(Real));
      std::memset(run[r].constants_bar, 0, kConstants * n * sizeof(Real));
      if (run[r].weights_bar != nullptr)
        std::memset(run[r].weights_bar, 0, n * n * sizeof(Real));
      rates(run[r].start, &first[r * n]);
    }
    size_t last = steps;  // the steps from here on are in `weights_bar`
    for (size_t t = steps; t-- > 0;) {
      back(weights_transposed, run, t, steps);
      // Many steps at once, while they are in the cache.
      const bool full = t > 0 && (last - t == 64 || t == 1);
      for (size_t r = 0; r < group; ++r) {
        const Transposed& now = run[r];
        activate_transposed(now.rate + t * n, now.rate_bar + t * n, sum[r], now);
        move_transposed(now.pull + t * n,
                        now.states_bar ? now.states_bar + t * n : zero.data(),
                        now.drive_bar + t * n, now);
        if (now.weights_bar != nullptr && full)
          add_product_of_columns(now.weights_bar, now.rate + (t - 1) * n, now.drive_bar + t * n,
                                 last - t, n);
      }
      if (full) last = t;
    }
    back(weights_transposed, run, -1, steps);
    for (size_t r = 0; r < group; ++r) {
      if (run[r].weights_bar != nullptr)
        add_product_of_columns(run[r].weights_bar, &first[r * n], run[r].drive_bar, 1, n);
      activate_transposed(&first[r * n], zero.data(), sum[r], run[r]);
    }
  }

  // Through the activation after a step, given what the next step has passed back.
  void activate_transposed(const Real* __restrict rate, const Real* __restrict rate_bar,
                           const Real* __restrict passed, const Transposed& run) const {
    Real* __restrict bar = run.start_bar;
    Real* __restrict threshold_bar = run.constants_bar + kThreshold * n;
#pragma omp simd
    for (size_t i = 0; i < n; ++i) {
      const Real y = (rate_bar[i] + passed[i]) * slope<kKind>(rate[i]);
      bar[i] += y;
      threshold_bar[i] -= y;
    }
  }

  // sum = weights @ what the step after `t` passes back; that before the first step is -1.
  void back(const Real* weights_transposed, const Transposed* run, size_t t, size_t steps) {
    std::fill(sums.begin(), sums.end(), Real(0));
    if (weights == nullptr || t + 1 == steps) return;
    const Real* next[kGroup];
    for (size_t r = 0; r < group; ++r) next[r] = run[r].drive_bar + (t + 1) * n;
    if (group > 1) return add_rows_of_group(sum, next, group, weights_transposed, n, n);
    // A silent neuron passes nothing on. Fewer rows are worth it if they come from far.
    if (kKind == kRelu && t + 1 > 0 && n * n * sizeof(Real) > size_t(1) << 17) {
      const size_t count = nonzero(run->rate + t * n, n, index.data(), value.data());
      return add_products(sum[0], weights, n, next[0], index.data(), count, team);
    }
    const size_t count = nonzero(next[0], n, index.data(), value.data());
    add_rows(sum[0], weights_transposed, n, index.data(), value.data(), count, team);
  }

  void move_transposed(const Real* __restrict pull, const Real* __restrict states_bar,
                       Real* __restrict drive_bar, const Transposed& run) const {
    const Real* __restrict a = alpha;
    Real* __restrict bar = run.start_bar;
    Real* __restrict alpha_bar = run.constants_bar + kAlpha * n;
#pragma omp simd
    for (size_t i = 0; i < n; ++i) {
      const Real x_bar = bar[i] + states_bar[i];
      alpha_bar[i] += x_bar * pull[i];
      drive_bar[i] = x_bar * a[i];
      bar[i] = x_bar - x_bar * a[i];
    }
  }

  size_t n, group;
  const Real *alpha, *threshold, *weights;
  Team* team;
  std::vector<Real> sums, zero;
  Real* sum[kGroup];
  std::vector<uint32_t> index;
  std::vector<Real> value;
};

// Runs that go side by side: as many as leave something to do for every thread.
template <typename Buffer, typename Other>
size_t group_size(ffi::ThreadPool& pool, size_t runs, const View<Buffer>& constants,
                  const View<Other>& weights) {
  if (constants.runs() > 1 || weights.runs() > 1) return 1;
  const size_t threads = std::max<size_t>(1, pool.num_threads());
  return std::clamp<size_t>((runs + threads - 1) / threads, 1, kGroup);
}

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
                   ffi::Result<ffi::AnyBuffer> pull, int64_t kind) {
  const View c(constants), w(weights), s(start), d(drive), y(*rate), e(*end), x(*states),
      p(*pull);
  const size_t steps = y.rows, n = y.columns, recurrent = w.rows == 0 ? 0 : n;
  const Check check = Check(y.dims)
                          .reads("constants", c, kConstants, n)
                          .reads("weights", w, recurrent, recurrent)
                          .reads("start", s, 1, n)
                          .reads("drive", d, steps, n)
                          .writes("rate", y, steps, n)
                          .writes("end", e, 1, n)
                          .writes("states", x, if_any(x, steps), n)
                          .writes("pull", p, if_any(p, steps), n);
  if (check.failed()) return check.error();
  std::optional<Team> team;
  gather(team, pool, y.runs(), w);
  const size_t runs = y.runs(), group = group_size(pool, runs, c, w);
  return with_activation(kind, [&](auto activation) {
    for_each(pool, (runs + group - 1) / group, [&](size_t g) {
      const size_t first = g * group, count = std::min(group, runs - first);
      Forward forward[kGroup];
      for (size_t r = 0; r < count; ++r) {
        const size_t i = first + r;
        forward[r] = {s.of(i, y.dims), d.of(i, y.dims), y.of(i, y.dims),
                      e.of(i, y.dims), x.of(i, y.dims), p.of(i, y.dims)};
      }
      Run<decltype(activation)::value> run(n, count, c.of(first, y.dims),
                                           w.of(first, y.dims), team ? &*team : nullptr);
      run.forward(steps, forward);
    });
  });
}

ffi::Error transposed(ffi::ThreadPool pool, ffi::AnyBuffer constants, ffi::AnyBuffer weights,
                      ffi::AnyBuffer weights_transposed, ffi::AnyBuffer start,
                      ffi::AnyBuffer pull, ffi::AnyBuffer rate, ffi::AnyBuffer rate_bar,
                      ffi::AnyBuffer end_bar, ffi::AnyBuffer states_bar,
                      ffi::Result<ffi::AnyBuffer> constants_bar,
                      ffi::Result<ffi::AnyBuffer> weights_bar,
                      ffi::Result<ffi::AnyBuffer> start_bar, ffi::Result<ffi::AnyBuffer> drive_bar,
                      int64_t kind) {
  const View c(constants), w(weights), wt(weights_transposed), s(start), p(pull), y(rate),
      yb(rate_bar), eb(end_bar), xb(states_bar), cb(*constants_bar), wb(*weights_bar),
      sb(*start_bar), db(*drive_bar);
  const size_t steps = db.rows, n = db.columns, recurrent = w.rows == 0 ? 0 : n;
  const Check check = Check(db.dims)
                          .reads("constants", c, kConstants, n)
                          .reads("weights", w, recurrent, recurrent)
                          .reads("weights_transposed", wt, recurrent, recurrent)
                          .reads("start", s, 1, n)
                          .reads("pull", p, steps, n)
                          .reads("rate", y, steps, n)
                          .reads("rate_bar", yb, steps, n)
                          .reads("end_bar", eb, 1, n)
                          .reads("states_bar", xb, if_any(xb, steps), n)
                          .writes("constants_bar", cb, kConstants, n)
                          .writes("weights_bar", wb, if_any(wb, n), n)
                          .writes("start_bar", sb, 1, n)
                          .writes("drive_bar", db, steps, n);
  if (check.failed()) return check.error();
  std::optional<Team> team;
  gather(team, pool, db.runs(), w);
  const size_t runs = db.runs(), group = group_size(pool, runs, c, w);
  return with_activation(kind, [&](auto activation) {
    for_each(pool, (runs + group - 1) / group, [&](size_t g) {
      const auto all = db.dims;
      const size_t first = g * group, count = std::min(group, runs - first);
      Transposed transposed[kGroup];
      for (size_t r = 0; r < count; ++r) {
        const size_t i = first + r;
        transposed[r] = {s.of(i, all), p.of(i, all), y.of(i, all), yb.of(i, all), eb.of(i, all),
                         xb.of(i, all), cb.of(i, all), wb.of(i, all), sb.of(i, all),
                         db.of(i, all)};
      }
      Run<decltype(activation)::value> run(n, count, c.of(first, all), w.of(first, all),
                                           team ? &*team : nullptr);
      run.transposed(steps, wt.of(first, all), transposed);
    });
  });
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    eqpool_rate_forward, forward,
    ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
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
