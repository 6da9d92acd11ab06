"""Switches hold in one thread or task, leave nothing behind, and compile once for each value."""

import asyncio
import contextvars
import threading

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqpool
from eqpool import _native
from eqpool._settings import DEBUG, from_environment, KERNELS
from tests.helpers import assert_same_bits


BOTH = pytest.mark.parametrize(
    "block, switch", [(eqpool.native_kernels, KERNELS), (eqpool.debug_mode, DEBUG)]
)


def in_threads(functions):
    errors = []

    def caught(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=caught, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@BOTH
def test_blocks_of_threads_overlap(block, switch):
    """The first leaves while the second is inside."""
    usual, meet = switch.on, threading.Barrier(2, timeout=60)

    def first():
        assert switch.on is usual
        with block(not usual):
            meet.wait()
            meet.wait()
            assert switch.on is not usual
        meet.wait()
        assert switch.on is usual

    def second():
        meet.wait()
        assert switch.on is usual
        with block(not usual):
            meet.wait()
            meet.wait()
            assert switch.on is not usual
            with block(usual):
                assert switch.on is usual
            assert switch.on is not usual
        assert switch.on is usual

    with block(usual):
        in_threads([first, second])
        assert switch.on is usual
    assert switch.on is usual


@BOTH
def test_blocks_of_generators_and_tasks_overlap(block, switch):
    usual = switch.on

    def inside(value):
        with block(value):
            yield

    one, other = inside(not usual), inside(not usual)
    for step in (one, other):
        next(step)
    next(one, None)
    assert switch.on is not usual
    next(other, None)
    assert switch.on is usual

    async def task(value, first, second):
        with block(value):
            await first.wait()
            first.set()
            with switch.own_value():
                assert switch.on is value
            second.set()
            await asyncio.sleep(0)
            with switch.own_value():
                assert switch.on is value

    async def tasks():
        go, done = asyncio.Event(), asyncio.Event()
        work = [asyncio.create_task(task(value, go, done)) for value in (not usual, usual)]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*work)

    asyncio.run(tasks())
    assert switch.on is usual


@BOTH
def test_an_error_leaves_the_block(block, switch):
    usual = switch.on
    with pytest.raises(KeyError), block(not usual):
        raise KeyError
    assert switch.on is usual


def test_functions_are_compiled_once_for_each_setting():
    traced = []

    @jax.jit
    def function(x):
        traced.append((DEBUG.on, KERNELS.on))
        return 2.0 * x

    def everywhere():
        function(1.0)
        with eqpool.native_kernels(False):
            function(1.0)
            with eqpool.debug_mode():
                function(1.0)
        function(1.0)

    expected = [(False, True), (False, False), (True, False)]
    everywhere()
    assert traced == expected
    everywhere()
    in_threads(2 * [everywhere])
    assert traced == expected


def net():
    return eqpool.RateJax(3, has_rec=True, noise_std=0.1, rng_key=0)


def calls(function, *args):
    return str(jax.make_jaxpr(function)(*args)).count("eqpool_by_kernel")


needs_kernels = pytest.mark.skipif(
    not _native.ready("rate", "float32"), reason="needs a C++ compiler and a single CPU"
)


@needs_kernels
def test_a_run_follows_the_context_it_is_called_in():
    """Also in a copy of a context, as `asyncio.to_thread` runs a function in."""
    mod, x, results = net(), jnp.ones((6, 3)), {}

    def run(name):
        results[name] = mod(x)[0]

    with eqpool.native_kernels(False):
        context = contextvars.copy_context()
        run("scan")
        in_threads([lambda: run("new"), lambda: context.run(run, "copied")])
    run("kernel")
    assert np.any(results["scan"] != results["kernel"])
    assert_same_bits(results["copied"], results["scan"])
    assert_same_bits(results["new"], results["kernel"])


@needs_kernels
def test_a_derivative_follows_the_run():
    """Taken by the kernel, or not, as what it is the derivative of."""
    mod, x = net(), jnp.ones((6, 3))
    loss = jax.checkpoint(lambda x: jnp.sum(mod(x)[0]))
    with eqpool.native_kernels(False):
        _, pull = jax.vjp(loss, x)
    assert calls(pull, jnp.float32(1)) == 0
    assert calls(jax.vjp(loss, x)[1], jnp.float32(1)) > 0


@pytest.mark.parametrize("kernels", [True, False])
def test_threads_run_one_network(kernels):
    mods = [net(), eqx.tree_at(lambda mod: mod.rng_key, net(), jnp.uint32([1, 2]))]
    x = jnp.sin(jnp.arange(21.0)).reshape(7, 3)
    results = {}

    def run(i):
        with eqpool.native_kernels(kernels):
            results[i] = [mods[i % 2](x)[:2] for _ in range(3)]

    in_threads([lambda i=i: run(i) for i in range(8)])  # the first compiles
    run(8), run(9)
    for i in range(8):
        jax.tree.map(assert_same_bits, results[i], results[8 + i % 2])
    assert np.any(results[8][0][0] != results[9][0][0])


@pytest.mark.parametrize("word", ["1", "true", "Yes", " ON ", "0", "FALSE", "no", "Off", ""])
def test_words_in_the_environment(word, monkeypatch):
    monkeypatch.setenv("EQPOOL_X", word)
    yes = word.strip().lower() in ("1", "true", "yes", "on")
    assert from_environment("EQPOOL_X", not yes) is yes


def test_other_words_in_the_environment(monkeypatch):
    assert from_environment("EQPOOL_X", True) is True
    for word in ("2", "maybe", "o n"):
        monkeypatch.setenv("EQPOOL_X", word)
        with pytest.raises(ValueError, match=r"EQPOOL_X must be 1, true.*no or off.*got '"):
            from_environment("EQPOOL_X", True)
