// A matrix that is mostly zeros times another one, and the same of its transpose.
#include <algorithm>
#include <cstring>
#include <vector>

#include "batch.h"
#include "elementary.h"
#include "products.h"

namespace eqpool {
namespace {

// Room for what is not zero in a row.
struct Row {
  explicit Row(size_t n) : index(n), value(n) {}
  size_t read(const Real* x) { return nonzero(x, index.size(), index.data(), value.data()); }
  std::vector<uint32_t> index;
  std::vector<Real> value;
};

// Parts of so many rows, some for each thread, since others may need them too.
size_t part_of(ffi::ThreadPool& pool, size_t rows, size_t least) {
  const size_t parts = 4 * std::max<size_t>(1, pool.num_threads());
  return std::max(least, (rows + parts - 1) / parts);
}

// y = x @ w
ffi::Error forward(ffi::ThreadPool pool, ffi::AnyBuffer left, ffi::AnyBuffer right,
                   ffi::Result<ffi::AnyBuffer> result) {
  const View x(left), w(right), y(*result);
  const size_t rows = y.rows, m = y.columns, n = x.columns;
  const auto all = y.dims;
  const Check check = Check(all).reads("x", x, rows, n).reads("w", w, n, m).writes("y", y, rows, m);
  if (check.failed()) return check.error();
  const size_t part = part_of(pool, rows, 32), parts = (rows + part - 1) / part;
  for_each(pool, y.runs() * parts, [&](size_t i) {
    const size_t run = i / parts, first = i % parts * part, last = std::min(first + part, rows);
    const Real *from = x.of(run, all), *matrix = w.of(run, all);
    Real* to = y.of(run, all);
    Row row(n);
    for (size_t r = first; r < last; ++r) {
      std::fill(to + r * m, to + (r + 1) * m, Real(0));
      const size_t count = row.read(from + r * n);
      add_rows(to + r * m, matrix, m, row.index.data(), row.value.data(), count, nullptr);
    }
  });
  return ffi::Error::Success();
}

// w = x^T @ y
ffi::Error transposed(ffi::ThreadPool pool, ffi::AnyBuffer left, ffi::AnyBuffer right,
                      ffi::Result<ffi::AnyBuffer> result) {
  const View x(left), y(right), w(*result);
  const size_t rows = x.rows, n = w.rows, m = w.columns;
  const auto all = w.dims;
  const Check check = Check(all).reads("x", x, rows, n).reads("y", y, rows, m).writes("w", w, n, m);
  if (check.failed()) return check.error();
  // A sum for each part, which is not worth it for few rows.
  const size_t part = part_of(pool, rows, std::max<size_t>(32, m)), parts = (rows + part - 1) / part;
  const size_t runs = w.runs(), size = n * m;
  std::vector<Real> sums(runs * (parts - 1) * size);
  auto sum = [&](size_t run, size_t k) {
    return k == 0 ? w.of(run, all) : &sums[(run * (parts - 1) + k - 1) * size];
  };
  for_each(pool, runs * parts, [&](size_t i) {
    const size_t run = i / parts, k = i % parts;
    const size_t first = k * part, last = std::min(first + part, rows);
    const Real *a = x.of(run, all), *b = y.of(run, all);
    Real* to = sum(run, k);
    if (k == 0) std::fill(to, to + size, Real(0));
    Row row(n);
    for (size_t r = first; r < last; ++r) {
      const size_t count = row.read(a + r * n);
      add_to_rows(to, m, b + r * m, row.index.data(), row.value.data(), count);
    }
  });
  for_each(pool, runs, [&](size_t run) {
    Real* __restrict to = sum(run, 0);
    for (size_t k = 1; k < parts; ++k) {
      const Real* __restrict more = sum(run, k);
#pragma omp simd
      for (size_t i = 0; i < size; ++i) to[i] += more[i];
    }
  });
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(eqpool_product_forward, forward,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(eqpool_product_transposed, transposed,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>());

}  // namespace eqpool
