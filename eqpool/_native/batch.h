// Runs of a batch, and the threads of XLA that share them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>

#include "elementary.h"
#include "xla/ffi/api/ffi.h"

namespace eqpool {

namespace ffi = xla::ffi;

// A buffer whose last two axes are one run's; in front, an axis of each vmap, of its size or of 1.
template <typename Buffer>
struct View {
  explicit View(Buffer& buffer)
      : data(buffer.untyped_data()), dims(buffer.dimensions()), type(buffer.element_type()) {
    if (dims.size() < 2) return;  // which `Check` refuses
    rows = dims[dims.size() - 2];
    columns = dims[dims.size() - 1];
  }

  // Where run number `run` of the batch that `batch` spans begins; null where there are no rows.
  Real* of(size_t run, ffi::Span<const int64_t> batch) const {
    if (rows == 0) return nullptr;
    size_t offset = 0, stride = rows * columns;
    for (size_t axis = dims.size() - 2; axis-- > 0;) {
      const size_t position = run % batch[axis];
      run /= batch[axis];
      offset += dims[axis] == 1 ? 0 : position * stride;
      stride *= dims[axis];
    }
    return static_cast<Real*>(data) + offset;
  }

  size_t runs() const {
    size_t count = 1;
    for (size_t axis = 0; axis + 2 < dims.size(); ++axis) count *= dims[axis];
    return count;
  }

  void* data;
  ffi::Span<const int64_t> dims;
  ffi::DataType type;
  size_t rows = 0, columns = 0;
};

// Refuses buffers of another element type or size than a kernel reads and writes. Python has
// checked them too; this is for calls that come another way, and for what JAX makes of a call.
class Check {
 public:
  // `batch`: dimensions of a result, of which all but the last two are the batch.
  explicit Check(ffi::Span<const int64_t> batch) : batch_(batch) {}

  // A buffer that is read: in front, axes of the batch or of 1.
  template <typename Buffer>
  Check& reads(const char* name, const View<Buffer>& view, size_t rows, size_t columns) {
    return check(name, view, rows, columns, true);
  }

  // A buffer that is written.
  template <typename Buffer>
  Check& writes(const char* name, const View<Buffer>& view, size_t rows, size_t columns) {
    return check(name, view, rows, columns, false);
  }

  Check& that(bool holds, const char* otherwise) {
    if (!failed() && !holds) fault_ = otherwise;
    return *this;
  }

  bool failed() const { return !fault_.empty(); }
  ffi::Error error() const { return ffi::Error::InvalidArgument("eqpool: " + fault_); }

 private:
  static constexpr ffi::DataType kType =
      std::is_same_v<Real, float> ? ffi::DataType::F32 : ffi::DataType::F64;

  template <typename Buffer>
  Check& check(const char* name, const View<Buffer>& view, size_t rows, size_t columns,
               bool shared) {
    bool fits = batch_.size() >= 2 && view.dims.size() == batch_.size() && view.rows == rows &&
                view.columns == columns;
    for (size_t axis = 0; fits && axis + 2 < batch_.size(); ++axis)
      fits = view.dims[axis] == batch_[axis] || (shared && view.dims[axis] == 1);
    if (!failed() && view.type != kType) fault_ = std::string(name) + " has another element type";
    if (!failed() && !fits) fault_ = std::string(name) + " has another shape";
    return *this;
  }

  ffi::Span<const int64_t> batch_;
  std::string fault_;
};

// The rows of a buffer that may be left out, which then has none.
template <typename Buffer>
size_t if_any(const View<Buffer>& view, size_t rows) {
  return view.rows == 0 ? 0 : rows;
}

// Calls `body(i)` for each i < count. The caller works too, and waits only for what others have
// begun, so that it does not matter whether the pool has a free thread.
template <typename Body>
void for_each(ffi::ThreadPool& pool, size_t count, const Body& body) {
  struct Shared {
    std::atomic<size_t> next{0}, done{0};
  };
  auto shared = std::make_shared<Shared>();
  const Body* borrowed = &body;  // not touched once every index is taken
  auto work = [shared, borrowed, count] {
    for (size_t i; (i = shared->next.fetch_add(1)) < count;) {
      (*borrowed)(i);
      shared->done.fetch_add(1, std::memory_order_release);
    }
  };
  const size_t helpers = count < 2 ? 0 : std::min<size_t>(count - 1, pool.num_threads());
  for (size_t i = 0; i < helpers; ++i) pool.Schedule(decltype(work)(work));
  work();
  while (shared->done.load(std::memory_order_acquire) < count) std::this_thread::yield();
}

// A second thread for the products of a single run. The caller never waits for a part that the
// helper has not begun: it takes it itself. Each of both always has the same columns, so that its
// half of a matrix stays in the cache of its core.
class Team {
 public:
  explicit Team(ffi::ThreadPool& pool) : shared_(std::make_shared<Shared>()) {
    pool.Schedule([shared = shared_] { help(*shared); });
  }
  ~Team() { shared_->step.store(kOver, std::memory_order_release); }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // Calls part(0) and part(1), side by side if the helper is there.
  template <typename Part>
  void split(const Part& part) {
    Shared& s = *shared_;
    s.part = &part;
    s.call = [](const void* part) { (*static_cast<const Part*>(part))(1); };
    s.step.store(++step_, std::memory_order_release);
    part(0);
    uint64_t before = step_ - 1;
    if (s.claimed.compare_exchange_strong(before, step_)) return part(1);
    for (int spins = 0; s.done.load(std::memory_order_acquire) != step_; ++spins) pause(spins);
  }

 private:
  static constexpr uint64_t kOver = std::numeric_limits<uint64_t>::max();

  struct Shared {
    std::atomic<uint64_t> step{0}, claimed{0}, done{0};
    const void* part;  // not touched but by who has claimed the step
    void (*call)(const void*);
  };

  static void help(Shared& s) {
    uint64_t seen = 0;
    for (int spins = 0;; ++spins) {
      const uint64_t step = s.step.load(std::memory_order_acquire);
      if (step == kOver) return;
      if (step == seen) {
        pause(spins);
        continue;
      }
      seen = step, spins = 0;
      uint64_t before = step - 1;
      if (!s.claimed.compare_exchange_strong(before, step)) continue;
      s.call(s.part);
      s.done.store(step, std::memory_order_release);
    }
  }

  static void pause(int spins) {
    if (spins % 1024 == 1023) std::this_thread::yield();
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  std::shared_ptr<Shared> shared_;
  uint64_t step_ = 0;
};

// Matrices of fewer bytes are not worth a second thread.
constexpr size_t kLargeMatrix = 1 << 20;

// A second thread for one run over a large matrix, if there is one to spare.
template <typename Buffer>
void gather(std::optional<Team>& team, ffi::ThreadPool& pool, size_t runs,
            const View<Buffer>& matrix) {
  if (runs == 1 && pool.num_threads() > 1 &&
      matrix.rows * matrix.columns * sizeof(Real) >= kLargeMatrix)
    team.emplace(pool);
}

}  // namespace eqpool
