// Neurons on a time grid: all steps of a run, and their transposed derivative, around a step that
// was made from a model's own equations.
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "batch.h"
#include "elementary.h"
#include "products.h"

namespace eqpool {
namespace {

using Step = void(size_t n, const Real* c, const Real* u, const Real* s, const Real* x,
                  const Real* r, const Real* e, Real* y);
using Prepare = void(size_t n, const Real* c, const Real* u, Real* d);
using Keep = void(size_t n, const Real* c, const Real* u, const Real* s, const Real* x,
                  const Real* r, const Real* e, Real* y, Real* k);
using Back = void(size_t n, const Real* c, const Real* u, const Real* s, const Real* x,
                  const Real* r, const Real* e, const Real* d, const Real* k, Real* b,
                  Real* xb, Real* eb, Real* cb);

// A step, as it was compiled, and how many numbers each neuron has of everything.
struct Program {
  Step* step;
  Prepare* prepare;
  Keep* keep;
  Back* back;
  size_t constants, scalars, states, inputs, noise, emitted, kept, prepared, wanted,
      noise_bar;
};

std::mutex mutex;
std::map<int64_t, Program> programs;  // never removed: runs hold references

const Program* find(int64_t name) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = programs.find(name);
  return found == programs.end() ? nullptr : &found->second;
}

// What belongs to one run of a batch.
struct Forward {
  const Real *start, *drive, *noise;
  Real *spikes, *end, *record, *saved;
};
struct Transposed {
  const Real *saved, *drive, *noise, *spikes_bar, *end_bar, *record_bar;
  Real *constants_bar, *weights_bar, *start_bar, *drive_bar, *noise_bar;
};

// A run, or several that share constants and weights and go side by side: lane `r*n + i` is neuron
// `i` of run `r`.
class Runs {
 public:
  Runs(const Program& program, size_t n, size_t group, const Real* constants, const Real* scalars,
       const Real* weights, Team* team)
      : p(program), n(n), group(group), lanes(n * group), width(program.inputs * n),
        size(program.states * lanes), constants(constants), scalars(scalars), weights(weights),
        team(team), recurrent(weights != nullptr ? p.inputs * lanes : 0), index(std::max(width, n)),
        value(std::max(width, n)), sum(width) {
    if (group > 1) {
      tiled.resize(p.constants * lanes);
      for (size_t row = 0; row < p.constants; ++row)
        for (size_t r = 0; r < group; ++r)
          std::memcpy(&tiled[row * lanes + r * n], constants + row * n, n * sizeof(Real));
      this->constants = tiled.data();
      gathered.resize(p.inputs * lanes);
      loud.resize(p.noise * lanes);
    }
  }

  void forward(size_t steps, size_t segment, const Forward* run) {
    std::vector<Real> now(size), next(size);
    for (size_t r = 0; r < group; ++r) gather(p.states, run[r].start, now.data(), r);
    for (size_t t = 0; t < steps; ++t) {
      if (run->saved != nullptr && t % segment == 0)
        for (size_t r = 0; r < group; ++r)
          scatter(p.states, now.data(), run[r].saved + t / segment * p.states * n, r);
      arrive(now.data(), recurrent.data());
      p.step(lanes, constants, scalars, now.data(), drive(run, t), recurrent.data(),
             noise(run, t), next.data());
      now.swap(next);
      for (size_t r = 0; r < group; ++r) {
        std::memcpy(run[r].spikes + t * n, &now[p.emitted * lanes + r * n], n * sizeof(Real));
        if (run[r].record != nullptr)
          scatter(p.states, now.data(), run[r].record + t * p.states * n, r);
      }
    }
    for (size_t r = 0; r < group; ++r) scatter(p.states, now.data(), run[r].end, r);
  }

  void transposed(size_t steps, size_t segment, const Real* weights_transposed,
                  const Transposed* run) {
    std::vector<Real> states((segment + 1) * size), kept(segment * p.kept * lanes),
        arrived(segment * recurrent.size()), bar(size), drive_bar(p.inputs * lanes),
        noise_bar(p.noise_bar * lanes), constants_bar(p.wanted * lanes), prepared(p.prepared * lanes);
    p.prepare(lanes, constants, scalars, prepared.data());
    for (size_t r = 0; r < group; ++r) {
      gather(p.states, run[r].end_bar, bar.data(), r);
      if (run[r].weights_bar != nullptr)
        std::memset(run[r].weights_bar, 0, n * width * sizeof(Real));
    }
    for (size_t last = steps; last > 0;) {
      const size_t first = (last - 1) / segment * segment;
      for (size_t r = 0; r < group; ++r)
        gather(p.states, run[r].saved + first / segment * p.states * n, states.data(), r);
      for (size_t t = first; t < last; ++t) {
        Real* now = &states[(t - first) * size];
        Real* irec = arrived.data() + (t - first) * recurrent.size();
        arrive(now, irec);
        p.keep(lanes, constants, scalars, now, drive(run, t), irec, noise(run, t), now + size,
               kept.data() + (t - first) * p.kept * lanes);
      }
      for (size_t t = last; t-- > first;) {
        const Real* now = &states[(t - first) * size];
        const Real* irec = arrived.data() + (t - first) * recurrent.size();
        if (t + 1 < steps) back(weights_transposed, run, t + 1, bar.data());
        for (size_t r = 0; r < group; ++r) {
          add(&bar[p.emitted * lanes + r * n], run[r].spikes_bar + t * n, n);
          if (run[r].record_bar != nullptr)
            for (size_t row = 0; row < p.states; ++row)
              add(&bar[row * lanes + r * n], run[r].record_bar + (t * p.states + row) * n, n);
        }
        Real* to = group > 1 ? drive_bar.data() : run->drive_bar + t * width;
        Real* loud_to = group > 1 || p.noise_bar == 0 ? noise_bar.data() : run->noise_bar + t * n;
        p.back(lanes, constants, scalars, now, drive(run, t), irec, noise(run, t),
               prepared.data(), kept.data() + (t - first) * p.kept * lanes, bar.data(), to, loud_to,
               constants_bar.data());
        for (size_t r = 0; r < group; ++r) {
          if (group > 1) {
            scatter(p.inputs, to, run[r].drive_bar + t * width, r);
            if (p.noise_bar) scatter(1, loud_to, run[r].noise_bar + t * n, r);
          }
          if (run[r].weights_bar != nullptr) {
            const size_t count = nonzero(now + p.emitted * lanes + r * n, n, index.data(), value.data());
            add_to_rows(run[r].weights_bar, width, run[r].drive_bar + t * width, index.data(),
                        value.data(), count);
          }
        }
      }
      last = first;
    }
    back(weights_transposed, run, 0, bar.data());
    for (size_t r = 0; r < group; ++r) {
      scatter(p.states, bar.data(), run[r].start_bar, r);
      if (run[r].constants_bar != nullptr)
        scatter(p.wanted, constants_bar.data(), run[r].constants_bar, r);
    }
  }

 private:
  // From one run's rows to those of all lanes, and back.
  void gather(size_t rows, const Real* from, Real* to, size_t r) const {
    for (size_t row = 0; row < rows; ++row)
      std::memcpy(to + row * lanes + r * n, from + row * n, n * sizeof(Real));
  }
  void scatter(size_t rows, const Real* from, Real* to, size_t r) const {
    for (size_t row = 0; row < rows; ++row)
      std::memcpy(to + row * n, from + row * lanes + r * n, n * sizeof(Real));
  }

  template <typename Run>
  const Real* drive(const Run* run, size_t t) {
    if (group == 1) return run->drive + t * width;
    for (size_t r = 0; r < group; ++r) gather(p.inputs, run[r].drive + t * width, gathered.data(), r);
    return gathered.data();
  }
  template <typename Run>
  const Real* noise(const Run* run, size_t t) {
    if (p.noise == 0) return nullptr;
    if (group == 1) return run->noise + t * n;
    for (size_t r = 0; r < group; ++r) gather(1, run[r].noise + t * n, loud.data(), r);
    return loud.data();
  }

  // What spikes of the step before bring.
  void arrive(const Real* state, Real* irec) {
    if (weights == nullptr) return;
    for (size_t r = 0; r < group; ++r) {
      Real* to = group == 1 ? irec : sum.data();
      std::fill(to, to + width, Real(0));
      const size_t count = nonzero(state + p.emitted * lanes + r * n, n, index.data(), value.data());
      add_rows(to, weights, width, index.data(), value.data(), count, team);
      if (group > 1) gather(p.inputs, to, irec, r);
    }
  }

  // What arrives in a step depends on the spikes of the one before. Much of it may be zero.
  void back(const Real* weights_transposed, const Transposed* run, size_t t, Real* bar) {
    if (weights == nullptr) return;
    for (size_t first = 0; first < group; first += kGroup) {
      const size_t some = std::min(kGroup, group - first);
      const Real* from[kGroup];
      Real* to[kGroup];
      for (size_t k = 0; k < some; ++k) {
        from[k] = run[first + k].drive_bar + t * width;
        to[k] = bar + p.emitted * lanes + (first + k) * n;
      }
      if (some > 1 && !sparse(from[0])) {
        add_rows_of_group(to, from, some, weights_transposed, width, n);
        continue;
      }
      for (size_t k = 0; k < some; ++k) {
        const size_t count = nonzero(from[k], width, index.data(), value.data());
        add_rows(to[k], weights_transposed, n, index.data(), value.data(), count, team);
      }
    }
  }

  bool sparse(const Real* x) const {
    size_t count = 0;
    for (size_t i = 0; i < width; ++i) count += x[i] != Real(0);
    return count * 3 < width;
  }

  static void add(Real* __restrict sum, const Real* __restrict x, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; ++i) sum[i] += x[i];
  }

  const Program& p;
  size_t n, group, lanes, width, size;
  const Real *constants, *scalars, *weights;
  Team* team;
  std::vector<Real> recurrent;
  std::vector<uint32_t> index;
  std::vector<Real> value, sum, tiled, gathered, loud;
};

// As many lanes make good use of a loop and of the cache.
constexpr size_t kLanes = 64;

// Runs that go side by side: as many as leave something to do for every thread.
template <typename... Buffers>
size_t group_size(ffi::ThreadPool& pool, size_t runs, size_t n, const Buffers&... shared) {
  if (((shared.runs() > 1) || ...)) return 1;
  const size_t threads = std::max<size_t>(1, pool.num_threads());
  const size_t most = std::max<size_t>(1, (runs + threads - 1) / threads);
  return std::min(most, std::max<size_t>(kLanes / n, 1));
}

constexpr char kUnknown[] = "no such program in this process";

ffi::Error forward(ffi::ThreadPool pool, ffi::AnyBuffer constants, ffi::AnyBuffer scalars,
                   ffi::AnyBuffer weights, ffi::AnyBuffer start, ffi::AnyBuffer drive,
                   ffi::AnyBuffer noise, ffi::Result<ffi::AnyBuffer> spikes,
                   ffi::Result<ffi::AnyBuffer> end, ffi::Result<ffi::AnyBuffer> record,
                   ffi::Result<ffi::AnyBuffer> saved, int64_t program, int64_t segment) {
  const Program* found = find(program);
  if (found == nullptr || found->step == nullptr || segment < 1)
    return ffi::Error::InvalidArgument(kUnknown);
  const Program& p = *found;
  const View c(constants), u(scalars), w(weights), s(start), d(drive), e(noise), y(*spikes), z(*end),
      q(*record), v(*saved);
  const size_t steps = y.rows, n = y.columns, recurrent = w.rows > 0 ? n : 0,
               segments = (steps + segment - 1) / segment;
  const Check check = Check(y.dims)
                          .reads("constants", c, p.constants, n)
                          .reads("scalars", u, 1, p.scalars)
                          .reads("weights", w, recurrent, recurrent * p.inputs)
                          .reads("start", s, p.states, n)
                          .reads("drive", d, steps, p.inputs * n)
                          .reads("noise", e, p.noise ? steps : 0, n)
                          .writes("spikes", y, steps, n)
                          .writes("end", z, p.states, n)
                          .writes("record", q, if_any(q, steps), p.states * n)
                          .writes("saved", v, if_any(v, segments), p.states * n);
  if (check.failed()) return check.error();
  const auto all = y.dims;
  std::optional<Team> team;
  gather(team, pool, y.runs(), w);
  const size_t runs = y.runs(), group = group_size(pool, runs, n, c, u, w);
  for_each(pool, (runs + group - 1) / group, [&](size_t g) {
    const size_t first = g * group, count = std::min(group, runs - first);
    std::vector<Forward> run(count);
    for (size_t r = 0; r < count; ++r) {
      const size_t i = first + r;
      run[r] = {s.of(i, all), d.of(i, all), e.of(i, all), y.of(i, all),
                z.of(i, all), q.of(i, all), v.of(i, all)};
    }
    Runs side(p, n, count, c.of(first, all), u.of(first, all), w.of(first, all),
              team ? &*team : nullptr);
    side.forward(steps, segment, run.data());
  });
  return ffi::Error::Success();
}

ffi::Error transposed(ffi::ThreadPool pool, ffi::AnyBuffer constants, ffi::AnyBuffer scalars,
                      ffi::AnyBuffer weights, ffi::AnyBuffer weights_transposed,
                      ffi::AnyBuffer saved, ffi::AnyBuffer drive, ffi::AnyBuffer noise,
                      ffi::AnyBuffer spikes_bar, ffi::AnyBuffer end_bar, ffi::AnyBuffer record_bar,
                      ffi::Result<ffi::AnyBuffer> constants_bar,
                      ffi::Result<ffi::AnyBuffer> weights_bar,
                      ffi::Result<ffi::AnyBuffer> start_bar, ffi::Result<ffi::AnyBuffer> drive_bar,
                      ffi::Result<ffi::AnyBuffer> noise_bar, int64_t program, int64_t segment) {
  const Program* found = find(program);
  if (found == nullptr || found->back == nullptr || segment < 1)
    return ffi::Error::InvalidArgument(kUnknown);
  const Program& p = *found;
  const View c(constants), u(scalars), w(weights), wt(weights_transposed), v(saved), d(drive),
      e(noise), yb(spikes_bar), zb(end_bar), qb(record_bar), cb(*constants_bar), wb(*weights_bar),
      sb(*start_bar), db(*drive_bar), eb(*noise_bar);
  const size_t steps = db.rows, n = sb.columns, recurrent = w.rows > 0 ? n : 0,
               segments = (steps + segment - 1) / segment, width = p.inputs * n;
  const Check check = Check(db.dims)
                          .reads("constants", c, p.constants, n)
                          .reads("scalars", u, 1, p.scalars)
                          .reads("weights", w, recurrent, recurrent * p.inputs)
                          .reads("weights_transposed", wt, recurrent * p.inputs, recurrent)
                          .reads("saved", v, segments, p.states * n)
                          .reads("drive", d, steps, width)
                          .reads("noise", e, p.noise ? steps : 0, n)
                          .reads("spikes_bar", yb, steps, n)
                          .reads("end_bar", zb, p.states, n)
                          .reads("record_bar", qb, if_any(qb, steps), p.states * n)
                          .writes("constants_bar", cb, p.wanted, n)
                          .writes("weights_bar", wb, if_any(wb, n), width)
                          .writes("start_bar", sb, p.states, n)
                          .writes("drive_bar", db, steps, width)
                          .writes("noise_bar", eb, p.noise_bar ? steps : 0, n);
  if (check.failed()) return check.error();
  const auto all = db.dims;
  std::optional<Team> team;
  gather(team, pool, db.runs(), w);
  const size_t runs = db.runs(), group = group_size(pool, runs, n, c, u, w);
  for_each(pool, (runs + group - 1) / group, [&](size_t g) {
    const size_t first = g * group, count = std::min(group, runs - first);
    std::vector<Transposed> run(count);
    for (size_t r = 0; r < count; ++r) {
      const size_t i = first + r;
      run[r] = {v.of(i, all),  d.of(i, all),  e.of(i, all),  yb.of(i, all),
                zb.of(i, all), qb.of(i, all), cb.of(i, all), wb.of(i, all),
                sb.of(i, all), db.of(i, all), eb.of(i, all)};
    }
    Runs side(p, n, count, c.of(first, all), u.of(first, all), w.of(first, all),
              team ? &*team : nullptr);
    side.transposed(steps, segment, wt.of(first, all), run.data());
  });
  return ffi::Error::Success();
}

}  // namespace

// Makes a step known under a number. Functions may be null; a program that is known stays.
extern "C" void eqpool_neuron_add(int64_t name, void* step, void* prepare, void* keep, void* back,
                                  const int64_t* sizes) {
  const std::lock_guard<std::mutex> lock(mutex);
  auto size = [&](int i) { return static_cast<size_t>(sizes[i]); };
  programs.try_emplace(name, Program{reinterpret_cast<Step*>(step), reinterpret_cast<Prepare*>(prepare),
                                     reinterpret_cast<Keep*>(keep), reinterpret_cast<Back*>(back), size(0), size(1), size(2),
                                     size(3), size(4), size(5), size(6), size(7), size(8), size(9)});
}

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    eqpool_neuron_forward, forward,
    ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
        .Attr<int64_t>("program").Attr<int64_t>("segment"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    eqpool_neuron_transposed, transposed,
    ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Arg<ffi::AnyBuffer>().Arg<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>().Ret<ffi::AnyBuffer>()
        .Ret<ffi::AnyBuffer>()
        .Attr<int64_t>("program").Attr<int64_t>("segment"));

}  // namespace eqpool
