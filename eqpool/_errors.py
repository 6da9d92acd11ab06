"""Words for error messages."""

import contextlib
import contextvars
import difflib
import importlib
import sys
import types
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.core


def describe(value: Any) -> str:
    """What came, in one phrase: `float32[3,4]`, `int 3`, `str 'ReLU'`."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    return f"{type(value).__name__} {shorten(repr(value))}"


def shorten(text: str) -> str:
    """Text on one line, of 60 characters at most."""
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def listing(names: Iterable[str]) -> str:
    """`'a', 'b', 'c'`, or `none`."""
    return ", ".join(repr(name) for name in names) or "none"


def suggestion(name: str, names: Iterable[str]) -> str:
    """` Did you mean 'tau'?`, or nothing where no name is close."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def extra(module: str, name: str) -> Any:
    """A module that not everyone has, or an `ImportError` that names the extra it comes with."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"This needs {module.partition('.')[0]}; install it with `pip install "
            f"'eqpool[{name}]'`."
        ) from error


class Running(NamedTuple):
    """The module whose `run` is being traced, and its place, as `Sequential.1_DynapSim`."""

    place: str
    module: Any


_running: contextvars.ContextVar[Running | None] = contextvars.ContextVar("running", default=None)


def current() -> Running | None:
    """The innermost module that is running, or `None` outside of any."""
    return _running.get()


@contextlib.contextmanager
def running(place: str, module: Any) -> Iterator[None]:
    """Around the run of a module: errors that arise inside name its place in the network."""
    around = _running.get()
    token = _running.set(Running(place, module))
    try:
        yield
    except Exception as error:
        # A module on its own need not be told apart; of two that are nested, the inner one counts.
        if around is not None and around.place != place:
            _name_place(error, place)
        raise
    finally:
        _running.reset(token)


def _name_place(error: Exception, place: str) -> None:
    if place in "".join((str(error), *getattr(error, "__notes__", ()))):
        return
    if type(error) in (TypeError, ValueError, RuntimeError) and len(error.args) == 1:
        error.args = (f"{place}: {error}",)
    else:
        error.add_note(f"In {place}.")


_LIBRARIES = ("eqpool", "equinox", "jax", "jaxtyping")


def warn(message: str) -> None:
    """A `UserWarning` at the line of the user's that led here."""
    frame = _users_frame()
    warnings.warn_explicit(
        message,
        UserWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def user_line() -> tuple[str, int]:
    """File and number of the line of the user's that led here, for a warning that comes later."""
    frame = _users_frame()
    return frame.f_code.co_filename, frame.f_lineno


def _users_frame() -> types.FrameType:
    """The innermost frame outside of libraries."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _LIBRARIES:
        frame = frame.f_back
    return frame


def is_concrete(x: Any) -> bool:
    """Whether the values of `x` can be looked at now, outside any transform."""
    return not isinstance(x, jax.core.Tracer)
