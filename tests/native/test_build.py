"""Where kernels come from: the compiler, the cache, and what is said where they do not come."""

import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import types

import pytest

from eqpool._native import build, cache, register
from eqpool._native.build import Unavailable


posix = pytest.mark.skipif(os.name != "posix", reason="compilers here are scripts")


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def compiler(tmp_path):
    """Writes its arguments where a library should be; its name is not in UTF-8."""
    text = """
        for last; do :; done
        [ "$last" = "--version" ] && printf 'Compilateur fran\\347ais' && exit
        [ "$1" = "--fail" ] && printf 'erreur \\347' >&2 && exit 1
        echo "$@" > "$last"
    """
    return script(tmp_path / "c++", text)


class TestCompiler:
    @pytest.mark.parametrize("rest", [[], ["g++"], ["-m64", "-B", "a b"]])
    def test_with_arguments(self, compiler, rest, monkeypatch):
        words = " ".join(f'"{word}"' for word in rest)
        monkeypatch.setenv("CXX", f" {compiler}  {words} ")
        assert build.find_compiler() == (compiler, *rest)

    @posix
    def test_a_path_with_spaces(self, tmp_path, monkeypatch):
        (tmp_path / "my compiler").mkdir()
        path = script(tmp_path / "my compiler" / "c++", "")
        for text in (path, f"'{path}'"):
            monkeypatch.setenv("CXX", text)
            assert build.find_compiler() == (path,)

    @pytest.mark.parametrize("text", ["no-such-compiler", "no-such -m64", "'g++", "''"])
    def test_not_found(self, text, monkeypatch):
        monkeypatch.setenv("CXX", text)
        with pytest.raises(
            Unavailable, match="CXX=.*is no compiler that can be found.*code of XLA"
        ):
            build.find_compiler()

    def test_none_at_all(self, tmp_path, monkeypatch):
        for chosen in ("", "  "):
            monkeypatch.setenv("CXX", chosen)
            monkeypatch.setenv("PATH", str(tmp_path / "empty"))
            assert build.find_compiler() is None

    @posix
    def test_its_arguments_and_version_tell_libraries_apart(self, compiler, monkeypatch):
        names = {build.file_name((compiler,), "rate", dtype) for dtype in build.REAL}
        names.add(build.file_name((compiler, "-m64"), "rate", "float32"))
        monkeypatch.setattr(build, "_processor", lambda: "another")
        names.add(build.file_name((compiler,), "rate", "float32"))
        assert len(names) == 4 and all(cache._OLD_CONTENT.fullmatch(name) for name in names)
        made = build.compiled((compiler, "-m64"), "rate", "float32").decode()
        assert made.startswith(f"-m64 {build.FLAGS} -DEQPOOL_REAL=float -shared -isystem")

    @posix
    def test_failure(self, compiler):
        with pytest.raises(subprocess.CalledProcessError) as failure:
            build.compiled((compiler, "--fail"), "rate", "float32")
        assert failure.value.stderr.startswith("erreur")


CPUINFO = {
    "arm": (
        "processor\t: 0\nBogoMIPS\t: 48.00\nFeatures\t: fp asimd sve\nCPU part\t: 0xd03\n\n"
        "processor\t: 1\nBogoMIPS\t: 48.00\nFeatures\t: fp asimd sve\nCPU part\t: 0xd09\n"
    ),
    "x86": "processor\t: 0\nmodel name\t: A\nflags\t\t: fpu avx2\ncpu MHz\t\t: 2100.1\n",
}


@pytest.mark.parametrize("kind", CPUINFO)
def test_processor(kind, monkeypatch):
    """All kinds of cores count, and nothing that changes from one look to the next."""
    text = CPUINFO[kind]

    def seen(text):
        monkeypatch.setattr(pathlib.Path, "read_text", lambda self: text)
        return build._processor.__wrapped__()

    same = text.replace("48.00", "50.00").replace("2100.1", "999.0")
    assert seen(text) == seen(same + "\nprocessor : 7")
    others = [text.replace("asimd", "neon").replace("avx2", "avx512"), text.replace("0xd09", "")]
    others[1] = others[1].replace(": A", ": B")
    assert len({seen(text), *map(seen, others)}) == 3
    assert seen("") and "\n\n" not in seen(text)


class TestRegister:
    """What is said, once, where a kernel or its place in the cache cannot be had."""

    @pytest.fixture(autouse=True)
    def fresh(self, compiler, tmp_path, monkeypatch):
        for name, empty in (("_outcomes", {}), ("_said", set()), ("_libraries", {})):
            monkeypatch.setattr(register, name, empty)
        for name in ("register_ffi_target", "pycapsule"):
            monkeypatch.setattr(register.jax.ffi, name, lambda *_, **__: None)
        monkeypatch.setenv("CXX", compiler)
        monkeypatch.setenv("EQPOOL_CACHE_DIR", str(tmp_path / "kernels"))
        self.opened = []

        def opened(library, symbols):
            if b"damaged" in library:
                raise AttributeError("undefined symbol")
            self.opened.append(library)
            return types.SimpleNamespace(**dict.fromkeys(symbols))

        monkeypatch.setattr(register, "_opened", opened)

    def outcomes(self, *wanted):
        return [register._registered(*kernel) for kernel in wanted]

    BOTH = [("rate", "float32"), ("rate", "float64"), ("rate", "float32"), ("neuron", "float32")]

    @posix
    def test_from_the_cache(self, tmp_path, monkeypatch):
        assert all(self.outcomes(*self.BOTH))
        assert len(self.opened) == 3 and len(list((tmp_path / "kernels").iterdir())) == 3
        monkeypatch.setattr(register, "_outcomes", {})
        monkeypatch.setattr(build, "compiled", None)
        assert all(self.outcomes(*self.BOTH))

    @posix
    def test_one_that_cannot_be_opened_is_made_anew(self):
        name = build.file_name(build.find_compiler(), "rate", "float32")
        cache.keep(cache.cache_folder() / name, b"damaged, but with its checksum")
        assert self.outcomes(("rate", "float32")) == [True]
        assert cache.read(cache.cache_folder() / name) == self.opened[0]

    @posix
    @pytest.mark.parametrize("kind", ["a file", "in a file", "a full disk", "no home", "not ours"])
    def test_no_place(self, kind, tmp_path, monkeypatch):
        reason = "kernels"
        if kind.endswith("a file"):
            (tmp_path / "kernels").touch()
            inner = tmp_path / "kernels" / ("inner" if kind == "in a file" else "")
            monkeypatch.setenv("EQPOOL_CACHE_DIR", str(inner))
        elif kind == "a full disk":

            def full(*_):
                raise OSError(28, "No space left on device")

            monkeypatch.setattr(cache.tempfile, "mkstemp", full)
            reason = "No space left"
        elif kind == "not ours":
            monkeypatch.setattr(cache, "_is_ours", lambda _: False)
            reason = "belong to another user"
        else:

            def homeless():
                raise RuntimeError("Could not determine home directory.")

            monkeypatch.delenv("EQPOOL_CACHE_DIR")
            monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
            monkeypatch.setattr(pathlib.Path, "home", homeless)
            reason = "Could not determine home"
        match = f"compiled kernels cannot be kept.*{reason}.*EQPOOL_CACHE_DIR.*EQPOOL_KERNELS=0"
        with pytest.warns(RuntimeWarning, match=match) as said:
            assert all(self.outcomes(*self.BOTH))
        assert len(said) == 1 and len(self.opened) == 3

    @pytest.mark.parametrize("chosen", ["no-such-compiler", "no-such-compiler -m64"])
    def test_no_compiler_of_that_name(self, chosen, monkeypatch):
        monkeypatch.setenv("CXX", chosen)
        with pytest.warns(RuntimeWarning, match=f"CXX='{chosen}' is no compiler") as said:
            assert not any(self.outcomes(*self.BOTH))
        assert len(said) == 1

    @posix
    def test_a_compiler_that_fails(self, compiler, tmp_path, monkeypatch):
        monkeypatch.setenv("CXX", f"{compiler} --fail")
        match = r"kernel '(rate|neuron)' could not be compiled by .*--fail; .*code of XLA.*erreur"
        with pytest.warns(RuntimeWarning, match=match) as said:
            assert not any(self.outcomes(*self.BOTH))
        assert len(said) == 2
        empty = tmp_path / "empty"
        empty.touch(0o755)
        monkeypatch.setenv("CXX", str(empty))
        monkeypatch.setattr(register, "_outcomes", {})
        monkeypatch.setattr(register, "_said", set())
        with pytest.warns(RuntimeWarning, match="'rate' could not be compiled.*Exec format"):
            assert self.outcomes(("rate", "float32")) == [False]

    def test_no_compiler_is_documented(self, tmp_path, monkeypatch):
        monkeypatch.delenv("CXX")
        monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
        assert not any(self.outcomes(*self.BOTH))

    def test_threads_compile_once(self, monkeypatch):
        calls = []

        def slow(kernel, dtype, symbols, *_):
            calls.append(kernel)
            time.sleep(0.1)
            return types.SimpleNamespace(**dict.fromkeys(symbols))

        monkeypatch.setattr(register, "_library", slow)
        found = []
        call = lambda: found.extend(self.outcomes(("rate", "float32")))
        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == 8 * [True] and len(calls) == 1


RUN = """
import warnings
warnings.simplefilter("error")
import threading
import eqpool, jax, jax.numpy as jnp, numpy as np
from eqpool import _native
net, found = eqpool.RateJax(4, w_rec=0.5 * np.eye(4), has_rec=True), []
run = lambda: found.append(net(jnp.ones((30, 4)))[0])
threads = [threading.Thread(target=run) for _ in range(8)]
for step in (threading.Thread.start, threading.Thread.join):
    for thread in threads:
        step(thread)
run()
np.testing.assert_allclose(found[-1][-1], 1.0642, atol=1e-4)
assert len(found) == 9 and all(np.array_equal(one, found[-1]) for one in found)
assert _native.ready("rate", "float32")
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_the_whole(tmp_path):
    """In the folder `.`, by eight threads at once, and with a library that was cut short."""
    environment = os.environ | {
        "EQPOOL_CACHE_DIR": ".",
        "CXX": f"{shutil.which('env')} g++ -DNOTHING",
        "PYTHONPATH": str(pathlib.Path(build.__file__).parents[2]),
        "JAX_PLATFORMS": "cpu",
    }

    def run():
        subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, env=environment, check=True)
        (library,) = tmp_path.iterdir()
        return library

    library = run()
    whole, facts = library.read_bytes(), library.stat()
    assert run().stat().st_mtime_ns == facts.st_mtime_ns
    library.write_bytes(whole[: len(whole) // 2])
    assert len(run().read_bytes()) == len(whole)
