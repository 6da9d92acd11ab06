// What all kernels share: exponential and logarithm that vectorise, views of batched buffers,
// and a loop over a batch on XLA's threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace eqpool {

namespace ffi = xla::ffi;

// A library holds one precision; both would take twice the time to compile.
using Real = EQPOOL_REAL;

// In a loop that is to be vectorised a call that is left to the compiler's discretion is a risk.
#define EQPOOL_INLINE inline __attribute__((always_inline))

// Maximum and its derivative as XLA has them: NaN of the first stays, a tie counts half.
template <typename T>
EQPOOL_INLINE T larger(T x, T bound) {
  return bound > x ? bound : x;
}
template <typename T>
EQPOOL_INLINE T passes(T x, T bound) {
  return x > bound ? T(1) : (x == bound ? T(0.5) : T(0));
}

// In double precision the standard library's; in single precision a range reduction and a minimax
// polynomial, with an error below 2 units in the last place (tests/native/test_native.py).
EQPOOL_INLINE double exponential(double x) { return std::exp(x); }
EQPOOL_INLINE double logarithm(double x) { return std::log(x); }

EQPOOL_INLINE float exponential(float x) {
  float y = x < -87.0f ? -87.0f : x;
  y = y > 88.0f ? 88.0f : y;
  const float n = std::nearbyint(y * 1.44269504088896341f);
  const float r = (y - n * 0.693359375f) - n * -2.12194440e-4f;
  // Estrin's scheme: half the depth of Horner's, which the loop would wait for.
  const float r2 = r * r;
  const float high = (1.9875691500e-4f * r + 1.3981999507e-3f) * r2 +
                     (8.3334519073e-3f * r + 4.1665795894e-2f);
  const float p = (high * r2 + (1.6666665459e-1f * r + 5.0000001201e-1f)) * r2 + r + 1.0f;
  return p * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
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

// What the widest registers hold; GCC and Clang divide it where they are narrower.
typedef Real Line __attribute__((vector_size(64)));
constexpr size_t kWide = sizeof(Line) / sizeof(Real);
EQPOOL_INLINE Line load(const Real* from) {
  Line line;
  std::memcpy(&line, from, sizeof(line));
  return line;
}
EQPOOL_INLINE void store(Real* to, const Line& line) { std::memcpy(to, &line, sizeof(line)); }

// A buffer whose last two axes are one run's; in front, an axis of each vmap, of its size or of 1.
template <typename Buffer>
struct View {
  explicit View(Buffer& buffer) : data(buffer.untyped_data()), dims(buffer.dimensions()) {
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
  size_t rows, columns;
};

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

// Adds kRows rows of a matrix at once, so that the sum is loaded and stored less often.
template <int kRows, typename T>
inline void add_block(T* __restrict sum, const T* matrix, size_t stride, size_t n,
                      const uint32_t* index, const T* weight) {
  const T* row[kRows];
  T w[kRows];
  for (int r = 0; r < kRows; ++r) row[r] = matrix + index[r] * stride, w[r] = weight[r];
#pragma omp simd
  for (size_t j = 0; j < n; ++j) {
    T x = w[0] * row[0][j];
#pragma GCC unroll 8
    for (int r = 1; r < kRows; ++r) x += w[r] * row[r][j];
    sum[j] += x;
  }
}

inline void add_columns(Real* sum, const Real* matrix, size_t stride, size_t n,
                        const uint32_t* index, const Real* weight, size_t count) {
  constexpr size_t kLines = 4;
  // Sums stay in registers while all rows are added; rows of a large matrix must come in a stream.
  if (stride <= 256) {
    for (; n >= kLines * kWide; n -= kLines * kWide, sum += kLines * kWide, matrix += kLines * kWide) {
      Line line[kLines];
      for (size_t c = 0; c < kLines; ++c) line[c] = load(sum + c * kWide);
      for (size_t k = 0; k < count; ++k) {
        const Real* row = matrix + index[k] * stride;
        const Real w = weight[k];
#pragma GCC unroll 4
        for (size_t c = 0; c < kLines; ++c) line[c] += w * load(row + c * kWide);
      }
      for (size_t c = 0; c < kLines; ++c) store(sum + c * kWide, line[c]);
    }
    if (n == 0) return;
  }
  size_t k = 0;
  for (; k + 8 <= count; k += 8) add_block<8>(sum, matrix, stride, n, index + k, weight + k);
  if (count - k >= 4) add_block<4>(sum, matrix, stride, n, index + k, weight + k), k += 4;
  if (count - k >= 2) add_block<2>(sum, matrix, stride, n, index + k, weight + k), k += 2;
  if (count - k >= 1) add_block<1>(sum, matrix, stride, n, index + k, weight + k);
}

// Matrices of fewer bytes, and products of fewer elements, are not worth a second thread.
constexpr size_t kLargeMatrix = 1 << 20, kWorthATeam = 1 << 15;

// Adds weight[k] times row number index[k] of a matrix to `sum`, for all k < count.
template <typename T>
inline void add_rows(T* sum, const T* matrix, size_t n, const uint32_t* index, const T* weight,
                     size_t count, Team* team) {
  if (team == nullptr || count * n < kWorthATeam)
    return add_columns(sum, matrix, n, n, index, weight, count);
  const size_t half = n / 2;
  team->split([&](int part) {
    const size_t first = part ? half : 0;
    add_columns(sum + first, matrix + first, n, part ? n - half : half, index, weight, count);
  });
}

template <typename T>
inline void add_some_products(T* sum, const T* matrix, size_t n, const T* __restrict x,
                         const uint32_t* index, size_t count) {
  size_t k = 0;
  for (; k + 4 <= count; k += 4) {  // four at once: one sum alone waits for its own additions
    const T* __restrict a = matrix + index[k] * n;
    const T* __restrict b = matrix + index[k + 1] * n;
    const T* __restrict c = matrix + index[k + 2] * n;
    const T* __restrict d = matrix + index[k + 3] * n;
    T sa = 0, sb = 0, sc = 0, sd = 0;
#pragma omp simd reduction(+ : sa, sb, sc, sd)
    for (size_t j = 0; j < n; ++j) {
      sa += a[j] * x[j];
      sb += b[j] * x[j];
      sc += c[j] * x[j];
      sd += d[j] * x[j];
    }
    sum[index[k]] += sa;
    sum[index[k + 1]] += sb;
    sum[index[k + 2]] += sc;
    sum[index[k + 3]] += sd;
  }
  for (; k < count; ++k) {
    const T* __restrict a = matrix + index[k] * n;
    T s = 0;
#pragma omp simd reduction(+ : s)
    for (size_t j = 0; j < n; ++j) s += a[j] * x[j];
    sum[index[k]] += s;
  }
}

// Adds weight[k] times x to row number index[k] of a matrix, for all k < count.
template <typename T>
inline void add_to_rows(T* matrix, size_t n, const T* __restrict x, const uint32_t* index,
                        const T* weight, size_t count) {
  for (size_t k = 0; k < count; ++k) {
    T* __restrict row = matrix + index[k] * n;
    const T w = weight[k];
#pragma omp simd
    for (size_t j = 0; j < n; ++j) row[j] += w * x[j];
  }
}

// Adds a^T b to a matrix (n, n); a and b have n columns. Tiles of the result stay in registers.
inline void add_product_of_columns(Real* matrix, const Real* a, const Real* b, size_t rows, size_t n) {
  constexpr size_t kHigh = 8;
  const size_t high = n / kHigh * kHigh, wide = n / kWide * kWide;
  for (size_t j = 0; j < wide; j += kWide) {
    for (size_t i = 0; i < high; i += kHigh) {
      Real* to = matrix + i * n + j;
      Line tile[kHigh] = {};
      for (size_t s = 0; s < rows; ++s) {
        const Line x = load(b + s * n + j);
        const Real* w = a + s * n + i;
#pragma GCC unroll 8
        for (size_t r = 0; r < kHigh; ++r) tile[r] += w[r] * x;
      }
#pragma GCC unroll 8
      for (size_t r = 0; r < kHigh; ++r) store(to + r * n, load(to + r * n) + tile[r]);
    }
  }
  // What is left at the right, then below.
  for (size_t s = 0; s < rows; ++s) {
    const Real* __restrict x = b + s * n;
    for (size_t i = 0; i < n; ++i) {
      Real* __restrict to = matrix + i * n;
      const Real w = a[s * n + i];
#pragma omp simd
      for (size_t c = i < high ? wide : 0; c < n; ++c) to[c] += w * x[c];
    }
  }
}

// Adds the product of row number index[k] of a matrix with x to sum[index[k]], for all k < count.
template <typename T>
inline void add_products(T* sum, const T* matrix, size_t n, const T* x, const uint32_t* index,
                         size_t count, Team* team) {
  if (team == nullptr || count * n < kWorthATeam)
    return add_some_products(sum, matrix, n, x, index, count);
  const size_t half = std::lower_bound(index, index + count, n / 2) - index;
  team->split([&](int part) {
    const size_t first = part ? half : 0;
    add_some_products(sum, matrix, n, x, index + first, part ? count - half : half);
  });
}

// A second thread for one run over a large matrix, if there is one to spare.
template <typename Buffer>
void gather(std::optional<Team>& team, ffi::ThreadPool& pool, size_t runs,
            const View<Buffer>& matrix) {
  if (runs == 1 && pool.num_threads() > 1 &&
      matrix.rows * matrix.columns * sizeof(Real) >= kLargeMatrix)
    team.emplace(pool);
}

// As many runs of a batch go side by side, so that each row of a shared matrix is loaded once.
constexpr size_t kGroup = 4;

// sum[r] += value[r] @ matrix for all r < group, zeros included.
inline void add_rows_of_group(Real* const* sum, const Real* const* value, size_t group, const Real* matrix,
                              size_t n) {
  constexpr size_t kRows = 4;
  const uint32_t rows[kRows] = {0, 1, 2, 3};
  size_t i = 0;
  for (; i + kRows <= n; i += kRows) {
    const Real* block = matrix + i * n;
    if (group < kGroup) {
      for (size_t r = 0; r < group; ++r)
        add_block<kRows>(sum[r], block, n, n, rows, value[r] + i);
      continue;
    }
    Real w[kGroup][kRows];
    for (size_t r = 0; r < kGroup; ++r)
      for (size_t k = 0; k < kRows; ++k) w[r][k] = value[r][i + k];
    size_t j = 0;
    for (; j + kWide <= n; j += kWide) {
      const auto a = load(block + j), b = load(block + n + j), c = load(block + 2 * n + j),
                 d = load(block + 3 * n + j);
#pragma GCC unroll 4
      for (size_t r = 0; r < kGroup; ++r) {
        auto s = load(sum[r] + j);
        s += w[r][0] * a;
        s += w[r][1] * b;
        s += w[r][2] * c;
        s += w[r][3] * d;
        store(sum[r] + j, s);
      }
    }
    for (; j < n; ++j)
      for (size_t r = 0; r < kGroup; ++r)
        for (size_t k = 0; k < kRows; ++k) sum[r][j] += w[r][k] * block[k * n + j];
  }
  for (; i < n; ++i)
    for (size_t r = 0; r < group; ++r)
      add_block<1>(sum[r], matrix + i * n, n, n, rows, value[r] + i);
}

// The places where x is not zero, and their number.
template <typename T>
inline size_t nonzero(const T* x, size_t n, uint32_t* index, T* value) {
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) {  // without a branch, which would be hard to predict
    index[count] = static_cast<uint32_t>(i);
    value[count] = x[i];
    count += x[i] != T(0);
  }
  return count;
}

}  // namespace eqpool
