// Sums of rows and products of matrices, as sparse as their factors.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "batch.h"
#include "elementary.h"

namespace eqpool {

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
  constexpr size_t kLines = kLineBytes == 64 ? 4 : 8;
  // Sums stay in registers while all rows are added; rows of a large matrix must come in a stream.
  if (stride <= 256) {
    for (; n >= kLines * kWide; n -= kLines * kWide, sum += kLines * kWide, matrix += kLines * kWide) {
      Line line[kLines];
      for (size_t c = 0; c < kLines; ++c) line[c] = load(sum + c * kWide);
      for (size_t k = 0; k < count; ++k) {
        const Real* row = matrix + index[k] * stride;
        const Real w = weight[k];
#pragma GCC unroll 8
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

// Products with fewer elements are not worth a second thread.
constexpr size_t kWorthATeam = 1 << 15;

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

// As many runs of a batch go side by side, so that each row of a shared matrix is loaded once.
constexpr size_t kGroup = 4;

// sum[r] += value[r] @ matrix for all r < group, zeros included; of a matrix (rows, n).
inline void add_rows_of_group(Real* const* sum, const Real* const* value, size_t group, const Real* matrix,
                              size_t count, size_t n) {
  constexpr size_t kRows = 4;
  const uint32_t rows[kRows] = {0, 1, 2, 3};
  size_t i = 0;
  for (; i + kRows <= count; i += kRows) {
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
  for (; i < count; ++i)
    for (size_t r = 0; r < group; ++r)
      add_block<1>(sum[r], matrix + i * n, n, n, rows, value[r] + i);
}

// The places where x is not zero, and their number: without a branch, which would be hard to
// predict.
template <typename T>
inline size_t nonzero(const T* x, size_t n, uint32_t* index, T* value) {
  size_t count = 0, i = 0;
#if defined(__AVX512F__)
  // What is written behind the last place that counts is still within the first n.
  __m512i place = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i more = _mm512_set1_epi32(kWide);
  for (; i + kWide <= n; i += kWide) {
    unsigned some;
    if constexpr (sizeof(T) == 4) {
      const __m512 line = _mm512_loadu_ps(x + i);
      some = _mm512_cmp_ps_mask(line, _mm512_setzero_ps(), _CMP_NEQ_UQ);
      _mm512_storeu_ps(value + count, _mm512_maskz_compress_ps(some, line));
      _mm512_storeu_si512(index + count, _mm512_maskz_compress_epi32(some, place));
    } else {
      const __m512d line = _mm512_loadu_pd(x + i);
      some = _mm512_cmp_pd_mask(line, _mm512_setzero_pd(), _CMP_NEQ_UQ);
      _mm512_storeu_pd(value + count, _mm512_maskz_compress_pd(some, line));
      const __m512i places = _mm512_maskz_compress_epi32(some, place);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(index + count), _mm512_castsi512_si256(places));
    }
    count += std::popcount(some);
    place = _mm512_add_epi32(place, more);
  }
#endif
  for (; i < n; ++i) {
    index[count] = static_cast<uint32_t>(i);
    value[count] = x[i];
    count += x[i] != T(0);
  }
  return count;
}

}  // namespace eqpool
