"""Switches that are on or off in a thread or task: run-time checks, and kernels in C++."""

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar

import jax


_WORDS = {"1": True, "true": True, "yes": True, "on": True}
_WORDS |= {"": False, "0": False, "false": False, "no": False, "off": False}


def from_environment(variable: str, default: bool) -> bool:
    """Whether a variable of the environment says yes.

    **Raises:** `ValueError`, listing what it may say, for anything else.
    """
    text = os.environ.get(variable)
    if text is None:
        return default
    word = text.strip().lower()
    if word not in _WORDS:
        raise ValueError(
            f"The environment variable {variable} must be 1, true, yes or on, or 0, false, no or "
            f"off, in capitals or not; got {text!r}."
        )
    return _WORDS[word]


class Switch:
    """On or off, for this context (of `contextvars`) alone.

    JAX keeps the value too, for each thread, in the key of whatever it traces. So what was traced
    under one value is never used under the other, and is still there when the first comes back.
    """

    def __init__(self, variable: str, default: bool):
        self._default = from_environment(variable, default)
        self._blocks: ContextVar[tuple[list[bool], ...]] = ContextVar(variable, default=())
        self._key = jax.make_user_context(self._default)

    @property
    def on(self) -> bool:
        """The value under which JAX traces."""
        return self._key.value

    @contextlib.contextmanager
    def block(self, value: bool) -> Iterator[None]:
        """The value inside a `with` block."""
        own = [bool(value)]
        self._change((*self._blocks.get(), own))
        try:
            yield
        finally:
            # Its own block alone: those of two generators may end in any order.
            self._change(tuple(block for block in self._blocks.get() if block is not own))

    @contextlib.contextmanager
    def own_value(self) -> Iterator[None]:
        """Makes JAX trace under the value of this context.

        It does so already but for tasks of one thread that are inside blocks by turns, and for
        threads that run in a copy of another's context.
        """
        with self._key(self.wanted):
            yield

    @property
    def wanted(self) -> bool:
        """The value of this context."""
        blocks = self._blocks.get()
        return blocks[-1][0] if blocks else self._default

    def _change(self, blocks: tuple[list[bool], ...]) -> None:
        self._blocks.set(blocks)
        # Entered and never left: what was before may be another block's.
        self._key(self.wanted).__enter__()


DEBUG = Switch("EQPOOL_DEBUG", False)
KERNELS = Switch("EQPOOL_KERNELS", True)


_AS_IT_IS = contextlib.nullcontext()


def settings_for(traced: bool) -> contextlib.AbstractContextManager[None]:
    """This context's settings, for a call of a compiled function.

    While that call is `traced`, by another one, the settings in the other's key hold.
    """
    if traced or all(switch.on == switch.wanted for switch in (DEBUG, KERNELS)):
        return _AS_IT_IS
    return _own_settings()


@contextlib.contextmanager
def _own_settings() -> Iterator[None]:
    with DEBUG.own_value(), KERNELS.own_value():
        yield


@contextlib.contextmanager
def debug_mode(enabled: bool = True) -> Iterator[None]:
    """Switches run-time checks on (or off) inside a `with` block.

    Shapes and dtypes are always checked, while a function is traced. Values that exist
    only at run time (a `NaN` that appears under `jit`, a time constant that an optimiser
    has driven below zero) are checked when this mode is on: every `evolve` then raises on
    an input or an attribute that is not finite or leaves its bounds, and on an output
    that is not finite. When it is off, no check is compiled and none costs anything.

    The environment variable `EQPOOL_DEBUG=1` (or `true`, `yes`, `on`) switches it on for a whole
    run. A block holds in the thread or task that enters it, and new threads start with
    what the environment says. JAX compiles a function once for each setting.

    **Arguments:**

    - `enabled`: `True` (default) or `False`.

    !!! example

        ```python
        with eqpool.debug_mode():
            output, state, _ = net(input_data)
        ```
    """
    with DEBUG.block(enabled):
        yield


@contextlib.contextmanager
def native_kernels(enabled: bool = True) -> Iterator[None]:
    """Switches kernels in C++ on (or off) inside a `with` block.

    On a single CPU, neurons that spike run with `RockpoolEuler`, `ForwardEuler` and fixed steps
    of diffrax's explicit solvers in kernels that are made from their declarations, and `RateJax`
    with `ForwardEuler` in one of its own, several times faster than the code that XLA makes of a
    scan; another one multiplies input of `Linear` that is mostly zeros. The C++ compiler of the
    machine compiles them at first use. Without a compiler, on other devices and on several of
    them, with sparse weights, and for a model whose step holds what cannot be computed neuron by
    neuron, the scan runs: same equations, other rounding. [`eqpool.explain`][] says what runs,
    and why.

    A block holds in the thread or task that enters it, and new threads start with what the
    environment says. JAX compiles a function once for each setting.

    Environment variables:

    - `EQPOOL_KERNELS`: `0`, `false`, `no` or `off` switches kernels off for a whole run;
        `1`, `true`, `yes` or `on` is the default. Any other word is a `ValueError` at import.
    - `CXX`: the compiler, with arguments if need be, as `"ccache g++"`. Default: the first of
        `c++`, `g++` and `clang++` that is installed.
    - `EQPOOL_CACHE_DIR`: the folder that keeps compiled kernels; a leading `~` is the home
        directory. Default: `eqpool` in `$XDG_CACHE_HOME`, or in `~/.cache`. A file from the
        folder is loaded if its checksum is right, if it belongs to this user or to root, and if
        nobody else may write to it; otherwise the kernel is compiled anew.

    A `RuntimeWarning`, once in each process, names the reason and the remedy where the scan
    runs because `CXX` cannot be found or compiling fails, and where the folder cannot
    keep kernels, so that every process compiles its own. If no compiler is installed and `CXX` is
    not set, the scan runs without a warning.

    **Arguments:**

    - `enabled`: whether they are on. Default `True`, as outside the block.

    !!! example

        ```python
        with eqpool.native_kernels(False):
            output, state, _ = net(input_data)
        ```
    """
    with KERNELS.block(enabled):
        yield
