"""Functions of one number that kernels are made of."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

from eqpool import _native


SOURCE = """
#include "lanes.h"
#define MAP(name) extern "C" void map_##name(const eqpool::Real* x, eqpool::Real* y, size_t n) { \\
    for (size_t i = 0; i < n; ++i) y[i] = eqpool::name(x[i]); }
MAP(exponential) MAP(logarithm) MAP(tangent) MAP(EXP) MAP(LOG) MAP(EXPM1) MAP(LOG1P) MAP(LOGISTIC)
MAP(TANH) MAP(SIGN) MAP(RSQRT)
#define MAP2(name) extern "C" void map_##name( \\
    const eqpool::Real* x, const eqpool::Real* z, eqpool::Real* y, size_t n) { \\
    for (size_t i = 0; i < n; ++i) y[i] = eqpool::name(x[i], z[i]); }
MAP2(LARGER) MAP2(SMALLER)
"""
COMPILER = shutil.which("c++") or shutil.which("g++")

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")


def compiled(folder, real):
    (folder / "maps.cc").write_text(SOURCE)
    command = [COMPILER, *_native.build.FLAGS.split(), f"-DEQPOOL_REAL={real}", "-shared"]
    command += [f"-I{_native.build.SOURCES}", "maps.cc", "-o", "maps.so"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "maps.so"))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("single"), "float")


@pytest.fixture(scope="module")
def double(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("double"), "double")


def mapped(library, name, *given, dtype=np.float32):
    given = [np.ascontiguousarray(x, dtype) for x in given]
    y = np.empty_like(given[0])
    pointers = [ctypes.c_void_p(x.ctypes.data) for x in (*given, y)]
    getattr(library, f"map_{name}")(*pointers, ctypes.c_size_t(y.size))
    return y


def units(library, name, exact, x, dtype=np.float32, wider=np.float64):
    """The largest error in units of the last place."""
    x = x.astype(dtype)
    expected = exact(x.astype(wider))
    error = np.abs(mapped(library, name, x, dtype=dtype) - expected)
    return np.max(error / np.spacing(np.abs(expected).astype(dtype)))


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


@pytest.mark.parametrize(
    "name, exact, x",
    [
        ("exponential", np.exp, np.linspace(-87, 88, 1_000_003)),
        ("logarithm", np.log, np.geomspace(1.2e-38, 3.4e38, 1_000_003)),
        ("logarithm", np.log, np.linspace(0.5, 2.0, 1_000_003)),
        ("tangent", np.tanh, np.linspace(-12, 12, 1_000_003)),
        ("tangent", np.tanh, np.geomspace(1e-30, 1.0, 100_003)),
        ("EXP", np.exp, np.linspace(-87, 88, 100_003)),
        ("LOG", np.log, np.geomspace(1.2e-38, 3.4e38, 100_003)),
        ("EXPM1", np.expm1, np.geomspace(1e-37, 1.0, 100_003)),
        ("EXPM1", np.expm1, -np.geomspace(1e-37, 1.0, 100_003)),
        ("EXPM1", np.expm1, np.linspace(-80, 88, 1_000_003)),
        ("LOG1P", np.log1p, np.geomspace(1e-37, 1e38, 1_000_003)),
        ("LOG1P", np.log1p, -np.geomspace(1e-37, 0.99999, 1_000_003)),
        ("LOGISTIC", logistic, np.linspace(-16, 80, 1_000_003)),
        ("TANH", np.tanh, -np.geomspace(1e-37, 20.0, 100_003)),
        ("RSQRT", lambda x: x**-0.5, np.geomspace(1.2e-38, 3.4e38, 100_003)),
    ],
)
def test_two_units_in_the_last_place(library, name, exact, x):
    assert units(library, name, exact, x) < 2.0


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="needs a wider type")
@pytest.mark.parametrize(
    "name, exact, x",
    [
        ("EXP", np.exp, np.linspace(-708, 709, 1_000_003)),
        ("EXP", np.exp, np.linspace(-1, 1, 100_003)),
        ("LOG", np.log, np.geomspace(2.3e-308, 1.7e308, 1_000_003)),
        ("LOG", np.log, np.linspace(0.5, 2.0, 1_000_003)),
        ("LOG", np.log, 1.0 + np.geomspace(1e-15, 0.1, 100_003)),
        ("EXPM1", np.expm1, np.geomspace(1e-300, 1.0, 100_003)),
        ("EXPM1", np.expm1, -np.geomspace(1e-300, 1.0, 100_003)),
        ("EXPM1", np.expm1, np.linspace(-50, 709, 1_000_003)),
        ("LOG1P", np.log1p, np.geomspace(1e-300, 1e300, 1_000_003)),
        ("LOG1P", np.log1p, -np.geomspace(1e-300, 0.99999, 1_000_003)),
        ("LOGISTIC", logistic, np.linspace(-16, 80, 1_000_003)),
        ("TANH", np.tanh, np.linspace(-25, 25, 1_000_003)),
        ("TANH", np.tanh, -np.geomspace(1e-300, 20.0, 100_003)),
    ],
)
def test_two_units_in_the_last_place_of_double_precision(double, name, exact, x):
    assert units(double, name, exact, x, np.float64, np.longdouble) < 2.0


def test_special_values_in_double_precision(double):
    """As XLA has them: zero for what is smaller than normal numbers."""
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1.0, 720.0, -720.0, 1e-310, 1e308])
    with np.errstate(all="ignore"):
        for name, exact in (
            ("EXP", np.exp), ("EXPM1", np.expm1), ("LOG1P", np.log1p), ("TANH", np.tanh),
            ("LOGISTIC", logistic),
        ):  # fmt: skip
            ours, expected = mapped(double, name, x, dtype=np.float64), exact(x)
            np.testing.assert_allclose(ours, expected, rtol=1e-15, atol=3e-308)
        expected = np.log(x)
    expected[9] = -np.inf
    np.testing.assert_allclose(mapped(double, "LOG", x, dtype=np.float64), expected, rtol=1e-15)


def test_beyond_the_range(library):
    special = [np.nan, np.inf, -np.inf, 200.0, -200.0]
    exponential = mapped(library, "exponential", special)
    assert np.isnan(exponential[0]) and exponential[1] == exponential[3] > 1e38
    assert 0.0 < exponential[2] == exponential[4] < 1e-37
    np.testing.assert_array_equal(mapped(library, "logarithm", [np.inf, 1.0]), [np.inf, 0.0])
    assert np.isnan(mapped(library, "logarithm", [np.nan])[0])
    tangent = mapped(library, "tangent", special)
    np.testing.assert_array_equal(tangent[1:], [1.0, -1.0, 1.0, -1.0])
    assert np.isnan(tangent[0])


def test_logistic_of_the_very_small(library):
    """Two rounded numbers, the second of which is all of it: three units."""
    assert units(library, "LOGISTIC", logistic, np.linspace(-86, -16, 1_000_003)) < 3.0


SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1.0, 90.0, -90.0, 3e38, -3e38]


@pytest.mark.parametrize(
    "name, exact",
    [
        ("EXP", np.exp),
        ("LOG", np.log),
        ("EXPM1", np.expm1),
        ("LOG1P", np.log1p),
        ("LOGISTIC", logistic),
        ("TANH", np.tanh),
        ("SIGN", np.sign),
    ],
)
def test_special_values(library, name, exact):
    """As in numpy, but zero for what is smaller than normal numbers."""
    with np.errstate(all="ignore"):
        expected = exact(np.array(SPECIAL, np.float32))
    expected[np.abs(expected) < np.finfo(np.float32).tiny] = 0.0
    ours = mapped(library, name, SPECIAL)
    ours[np.abs(ours) < np.finfo(np.float32).tiny] = 0.0
    np.testing.assert_allclose(ours, expected, rtol=3e-7, atol=0.0)


def test_logarithm_of_less_than_normal(library):
    np.testing.assert_array_equal(mapped(library, "LOG", [1e-45, 1e-40, 1.1e-38]), 3 * [-np.inf])
    assert np.isfinite(mapped(library, "LOG", [1.18e-38])[0])


def test_overflow(library):
    """`EXP` and `EXPM1` are infinite from 88 on, a little before they are too large."""
    x = [87.9, 88.0, 88.1, 88.8]
    for name in ("EXP", "EXPM1"):
        np.testing.assert_array_equal(np.isinf(mapped(library, name, x)), [0, 0, 1, 1])


@pytest.mark.parametrize("name, exact", [("LARGER", np.maximum), ("SMALLER", np.minimum)])
def test_order(library, name, exact):
    """Every pair, NaN among them."""
    x, y = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    np.testing.assert_array_equal(
        mapped(library, name, x, y), exact(x.astype(np.float32), y.astype(np.float32))
    )
