// DynapSim on Rockpool's grid: all steps of a run, and their transposed derivative.
#include <cstring>
#include <optional>
#include <vector>

#include "batch.h"
#include "dynapsim.h"
#include "elementary.h"
#include "products.h"

namespace eqpool {
namespace {

// One run, forward or back, with the room it needs.
template <typename T, bool kAll>
struct Run {
  Run(const Setting& setting, const T* constants, const T* weights, Team* team)
      : s(setting), neurons(setting, constants), weights(weights), team(team), width(setting.synapses * setting.n),
        states((setting.synapses + kStates) * setting.n), rows(states + setting.n),
        arriving(width), index(width), fired(width) {}

  // `arriving` = input and what spikes bring. The number of neurons that fired.
  size_t arrive(const T* drive, const T* state) {
    T* __restrict sum = arriving.data();
#pragma omp simd
    for (size_t i = 0; i < width; ++i) sum[i] = in_range(drive[i]);
    if (weights == nullptr) return 0;
    const size_t count =
        nonzero(state + width + kSpikes * s.n, s.n, index.data(), fired.data());
    add_rows(arriving.data(), weights, width, index.data(), fired.data(), count, team);
    return count;
  }

  void step(const T* drive, const T* state, T* next) {
    arrive(drive, state);
    neurons.charge(state, arriving.data(), next);
    neurons.membrane(state, next);
  }

  void forward(size_t steps, size_t segment, const T* start, const T* drive, T* spikes, T* end,
               T* record, T* saved) {
    std::vector<T> now(start, start + states), next(rows);
    now.resize(rows);
    for (size_t t = 0; t < steps; ++t) {
      if (saved != nullptr && t % segment == 0)
        std::memcpy(saved + t / segment * states, now.data(), states * sizeof(T));
      step(drive + t * width, now.data(), next.data());
      now.swap(next);
      std::memcpy(spikes + t * s.n, &now[width + kSpikes * s.n], s.n * sizeof(T));
      if (record != nullptr) std::memcpy(record + t * states, now.data(), states * sizeof(T));
    }
    std::memcpy(end, now.data(), states * sizeof(T));
  }

  template <bool kConstants>
  void transposed(size_t steps, size_t segment, const T* weights_transposed, const T* saved,
                  const T* drive, const T* spikes_bar, const T* end_bar, const T* record_bar,
                  T* constants_bar, T* weights_bar, T* start_bar, T* drive_bar) {
    std::vector<T> states_of_segment((segment + 1) * rows), slope(s.n), unused(s.n);
    T* bar = start_bar;
    std::memcpy(bar, end_bar, states * sizeof(T));
    if (kConstants)
      std::memset(constants_bar, 0, (s.synapses * kPerSynapse + kOthers) * s.n * sizeof(T));
    if (weights_bar != nullptr) std::memset(weights_bar, 0, s.n * width * sizeof(T));
    const T* arriving_bar = nullptr;  // of the step after
    for (size_t last = steps; last > 0;) {
      const size_t first = (last - 1) / segment * segment;
      std::memcpy(states_of_segment.data(), saved + first / segment * states, states * sizeof(T));
      for (size_t t = first; t < last; ++t) {
        T* now = &states_of_segment[(t - first) * rows];
        step(drive + t * width, now, now + rows);
      }
      for (size_t t = last; t-- > first;) {
        T* now = &states_of_segment[(t - first) * rows];
        neurons.slopes(now + rows, slope.data());
        back(weights_transposed, arriving_bar, bar);
        add(bar + width + kSpikes * s.n, spikes_bar + t * s.n, s.n);
        if (record_bar != nullptr) add(bar, record_bar + t * states, states);
        const size_t count = arrive(drive + t * width, now);
        neurons.template membrane_transposed<kConstants>(
            now, now + rows, slope.data(), bar, constants_bar + s.synapses * kPerSynapse * s.n,
            unused.data());
        neurons.template charge_transposed<kConstants>(now, arriving.data(), bar,
                                                       drive_bar + t * width, constants_bar);
        if (weights_bar != nullptr)
          add_to_rows(weights_bar, width, drive_bar + t * width, index.data(), fired.data(), count);
        arriving_bar = drive_bar + t * width;
      }
      last = first;
    }
    back(weights_transposed, arriving_bar, bar);
  }

  // What arrives in the next step depends on the spikes of this one. Much of it is zero: what lies
  // below the floor of a synapse changes nothing.
  void back(const T* weights_transposed, const T* arriving_bar, T* bar) {
    if (weights == nullptr || arriving_bar == nullptr) return;
    const size_t count = nonzero(arriving_bar, width, index.data(), fired.data());
    add_rows(bar + width + kSpikes * s.n, weights_transposed, s.n, index.data(), fired.data(),
             count, team);
  }

  static void add(T* __restrict sum, const T* __restrict x, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; ++i) sum[i] += x[i];
  }

  const Setting& s;
  Neurons<T, kAll> neurons;
  const T* weights;
  Team* team;
  size_t width, states, rows;
  std::vector<T> arriving;
  std::vector<uint32_t> index;
  std::vector<T> fired;
};

Setting setting(size_t n, int64_t types, double max_spikes, int64_t surrogate, bool detach_reset,
                bool with_constants) {
  Setting s{n, 0, {-1, -1, -1, -1}, max_spikes, static_cast<Surrogate>(surrogate), detach_reset,
            with_constants};
  for (int t = 0; t < kTypes; ++t)
    if (types >> t & 1) s.row_of[t] = static_cast<int>(s.synapses++);
  return s;
}

// What there is of everything in a run.
struct Sizes {
  Sizes(const Setting& s, size_t steps, int64_t segment, bool has_weights)
      : steps(steps), segments(segment > 0 ? (steps + segment - 1) / segment : 0),
        width(s.synapses * s.n), states(s.synapses + kStates),
        constants(s.synapses * kPerSynapse + kOthers), recurrent(has_weights ? s.n : 0),
        arriving(has_weights ? width : 0) {}

  size_t steps, segments, width, states, constants, recurrent, arriving;
};

constexpr char kImpossible[] = "no such synapse types, segments or surrogate";

bool possible(int64_t types, int64_t segment, int64_t surrogate) {
  return types > 0 && types < 1 << kTypes && segment > 0 && surrogate >= kPiecewiseLinear &&
         surrogate <= kGaussian;
}

// All synapse types, or AMPA alone without a trace of the others.
template <typename F>
ffi::Error with_types(int64_t types, const F& f) {
  types == 1 << kAmpa ? f(std::false_type{}) : f(std::true_type{});
  return ffi::Error::Success();
}

ffi::Error forward(ffi::ThreadPool pool, ffi::AnyBuffer constants, ffi::AnyBuffer weights,
                   ffi::AnyBuffer start, ffi::AnyBuffer drive, ffi::Result<ffi::AnyBuffer> spikes,
                   ffi::Result<ffi::AnyBuffer> end, ffi::Result<ffi::AnyBuffer> record,
                   ffi::Result<ffi::AnyBuffer> saved, int64_t types, double max_spikes,
                   int64_t segment) {
  const View c(constants), w(weights), s(start), d(drive), y(*spikes), e(*end), r(*record), v(*saved);
  const Setting set = setting(y.columns, types, max_spikes, 0, false, false);
  const Sizes size(set, y.rows, segment, w.rows > 0);
  const Check check = Check(y.dims)
                          .that(possible(types, segment, kPiecewiseLinear), kImpossible)
                          .reads("constants", c, size.constants, set.n)
                          .reads("weights", w, size.recurrent, size.arriving)
                          .reads("start", s, size.states, set.n)
                          .reads("drive", d, size.steps, size.width)
                          .writes("spikes", y, size.steps, set.n)
                          .writes("end", e, size.states, set.n)
                          .writes("record", r, if_any(r, size.steps), size.states * set.n)
                          .writes("saved", v, if_any(v, size.segments), size.states * set.n);
  if (check.failed()) return check.error();
  const auto batch = y.dims;
  std::optional<Team> team;
  gather(team, pool, y.runs(), w);
  return with_types(types, [&](auto all) {
    for_each(pool, y.runs(), [&](size_t i) {
      Run<Real, decltype(all)::value> run(set, c.of(i, batch), w.of(i, batch), team ? &*team : nullptr);
      run.forward(d.rows, segment, s.of(i, batch), d.of(i, batch),
                  y.of(i, batch), e.of(i, batch), r.of(i, batch),
                  v.of(i, batch));
    });
  });
}

ffi::Error transposed(ffi::ThreadPool pool, ffi::AnyBuffer constants, ffi::AnyBuffer weights,
                      ffi::AnyBuffer weights_transposed, ffi::AnyBuffer saved, ffi::AnyBuffer drive, ffi::AnyBuffer spikes_bar,
                      ffi::AnyBuffer end_bar, ffi::AnyBuffer record_bar,
                      ffi::Result<ffi::AnyBuffer> constants_bar,
                      ffi::Result<ffi::AnyBuffer> weights_bar,
                      ffi::Result<ffi::AnyBuffer> start_bar, ffi::Result<ffi::AnyBuffer> drive_bar,
                      int64_t types, double max_spikes, int64_t segment, int64_t surrogate,
                      bool detach_reset) {
  const View c(constants), w(weights), wt(weights_transposed), v(saved), d(drive), yb(spikes_bar), eb(end_bar),
      rb(record_bar), cb(*constants_bar), wb(*weights_bar), sb(*start_bar), db(*drive_bar);
  const Setting set = setting(yb.columns, types, max_spikes, surrogate, detach_reset, cb.rows > 0);
  const Sizes size(set, db.rows, segment, w.rows > 0);
  const Check check = Check(db.dims)
                          .that(possible(types, segment, surrogate), kImpossible)
                          .reads("constants", c, size.constants, set.n)
                          .reads("weights", w, size.recurrent, size.arriving)
                          .reads("weights_transposed", wt, size.arriving, size.recurrent)
                          .reads("saved", v, size.segments, size.states * set.n)
                          .reads("drive", d, size.steps, size.width)
                          .reads("spikes_bar", yb, size.steps, set.n)
                          .reads("end_bar", eb, size.states, set.n)
                          .reads("record_bar", rb, if_any(rb, size.steps), size.states * set.n)
                          .writes("constants_bar", cb, if_any(cb, size.constants), set.n)
                          .writes("weights_bar", wb, if_any(wb, set.n), size.width)
                          .writes("start_bar", sb, size.states, set.n)
                          .writes("drive_bar", db, size.steps, size.width);
  if (check.failed()) return check.error();
  const auto batch = db.dims;
  std::optional<Team> team;
  gather(team, pool, db.runs(), w);
  return with_types(types, [&](auto all) {
    for_each(pool, db.runs(), [&](size_t i) {
      Run<Real, decltype(all)::value> run(set, c.of(i, batch), w.of(i, batch), team ? &*team : nullptr);
      auto call = [&](auto with_constants) {
        run.template transposed<decltype(with_constants)::value>(
            d.rows, segment, wt.of(i, batch), v.of(i, batch),
            d.of(i, batch), yb.of(i, batch), eb.of(i, batch), rb.of(i, batch),
            cb.of(i, batch), wb.of(i, batch), sb.of(i, batch), db.of(i, batch));
      };
      if (set.with_constants) call(std::true_type{});
      else call(std::false_type{});
    });
  });
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    eqpool_dynapsim_forward, forward,
    ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
        .Attr<int64_t>("types").Attr<double>("max_spikes").Attr<int64_t>("segment"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    eqpool_dynapsim_transposed, transposed,
    ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
        .Attr<int64_t>("types").Attr<double>("max_spikes").Attr<int64_t>("segment")
        .Attr<int64_t>("surrogate").Attr<bool>("detach_reset"));

}  // namespace eqpool
