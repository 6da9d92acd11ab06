"""Steps that are compiled at run time: once, kept, and done without where that fails."""

import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import _native
from eqpool._native import build, cache, register


STEP = """#include "lanes.h"
using namespace eqpool;
extern "C" void eqpool_step(size_t n, const Real*, const Real*, const Real* s, const Real* x,
                            const Real*, const Real*, Real* y) {
  for (size_t i = 0; i < n; ++i) y[i] = s[i] + x[i];
}
"""
SIZES = (0, 0, 1, 1, 0, 0, 0, 0, 0, 0)


@pytest.mark.skipif(not _native.ready("neuron", "float32"), reason="needs a C++ compiler")
class TestAddProgram:
    @pytest.fixture(autouse=True)
    def fresh(self, tmp_path, monkeypatch):
        monkeypatch.setenv("EQPOOL_CACHE_DIR", str(tmp_path / "kernels"))
        self.commands = []
        run = build._run

        def counted(command, *args, **options):
            self.commands += [command] if "-shared" in command else []
            return run(command, *args, **options)

        monkeypatch.setattr(build, "_run", counted)
        self.new_process(monkeypatch)

    def new_process(self, monkeypatch):
        """As at the start, but for the library `neuron`."""
        monkeypatch.setattr(register, "_outcomes", {("neuron", "float32"): True})
        monkeypatch.setattr(register, "_said", set())

    def add(self, code=STEP, functions=("eqpool_step", "", "", ""), sizes=SIZES):
        return _native.add_program(code, functions, sizes, "float32")

    def test_compiles_once(self, tmp_path, monkeypatch):
        first = self.add()
        assert 0 < first < 2**63 and self.add() == first and len(self.commands) == 1
        self.new_process(monkeypatch)
        assert self.add() == first and len(self.commands) == 1
        (library,) = (tmp_path / "kernels").iterdir()
        assert cache.read(library) is not None and library.name.startswith("step-float32-")
        # The same code with other sizes is another program of the same library.
        assert self.add(sizes=(1, *SIZES[1:])) not in (0, first) and len(self.commands) == 1
        assert self.add(STEP + " ") not in (0, first) and len(self.commands) == 2

    def test_a_damaged_library_is_made_anew(self, tmp_path, monkeypatch):
        first = self.add()
        (library,) = (tmp_path / "kernels").iterdir()
        library.write_bytes(library.read_bytes()[:-100])
        self.new_process(monkeypatch)
        assert self.add() == first and len(self.commands) == 2

    def test_code_that_is_none(self):
        """And code without the function: said once for both."""
        match = r"(?s)kernel 'step' could not be compiled.*code of XLA.*EQPOOL_KERNELS=0"
        with pytest.warns(RuntimeWarning, match=match) as said:
            assert self.add("no code") == 0
            assert self.add("no code") == 0
            assert self.add(functions=("eqpool_other", "", "", "")) == 0
        assert len(said) == 1 and register._said == {"kernel step"}

    def test_a_compiler_that_fails(self, monkeypatch):
        """The scan runs, and derivatives too; again a single warning."""
        compiler = " ".join(build.find_compiler() or ())
        monkeypatch.setenv("CXX", f"{compiler} --no-such-option")
        mod, x = eqpool.LIFJax(3, rng_key=0), jnp.ones((11, 3))
        loss = eqpool.filter_grad(lambda mod: mod(x)[0].sum())
        with eqpool.native_kernels(False):
            output, gradient = mod(x)[0], loss(mod).tau_mem
        assert output.sum() > 3 and jnp.any(gradient != 0.0)
        with pytest.warns(
            RuntimeWarning, match="'step' could not be compiled.*no-such-option"
        ) as said:
            np.testing.assert_array_equal(mod(x)[0], output)
            np.testing.assert_array_equal(loss(mod).tau_mem, gradient)
        assert len(said) == 1
