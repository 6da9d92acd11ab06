"""Exponential, logarithm and hyperbolic tangent of the kernels, in single precision."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

from eqpool import _native


SOURCE = """
#include "elementary.h"
#define MAP(name) extern "C" void map_##name(const float* x, float* y, size_t n) { \\
    for (size_t i = 0; i < n; ++i) y[i] = eqpool::name(x[i]); }
MAP(exponential) MAP(logarithm) MAP(tangent)
"""
COMPILER = shutil.which("c++") or shutil.which("g++")

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("native")
    (folder / "maps.cc").write_text(SOURCE)
    command = [COMPILER, *_native.build.FLAGS.split(), "-DEQPOOL_REAL=float", "-shared"]
    command += [f"-I{_native.build.SOURCES}", "maps.cc", "-o", "maps.so"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "maps.so"))


def mapped(library, name, x):
    x = np.ascontiguousarray(x, np.float32)
    y = np.empty_like(x)
    getattr(library, f"map_{name}")(
        ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data), ctypes.c_size_t(x.size)
    )
    return y


@pytest.mark.parametrize(
    "name, exact, x",
    [
        ("exponential", np.exp, np.linspace(-87, 88, 1_000_003)),
        ("logarithm", np.log, np.geomspace(1.2e-38, 3.4e38, 1_000_003)),
        ("logarithm", np.log, np.linspace(0.5, 2.0, 1_000_003)),
        ("tangent", np.tanh, np.linspace(-12, 12, 1_000_003)),
        ("tangent", np.tanh, np.geomspace(1e-30, 1.0, 100_003)),
    ],
)
def test_two_units_in_the_last_place(library, name, exact, x):
    x = x.astype(np.float32)
    expected = exact(x.astype(np.float64))
    error = np.abs(mapped(library, name, x) - expected)
    assert np.max(error / np.spacing(np.abs(expected).astype(np.float32))) < 2.0


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
