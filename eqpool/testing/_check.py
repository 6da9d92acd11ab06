"""`check_neuron`: holds a neuron to every promise."""

from collections.abc import Callable, Iterable
from typing import Any

from .._errors import suggestion
from .._neuron import AbstractNeuron
from . import _declared, _exact, _gradients, _runs, _solving, _tools
from ._report import BrokenPromise, Report, Skipped
from ._subject import Subject


_CHECKS: dict[str, Callable[[Subject], None]] = {
    function.__name__: function
    for function in (
        _declared.declaration,
        _declared.spiking,
        _declared.pure,
        _declared.silence,
        _declared.arrivals,
        _declared.coordinates,
        _runs.record,
        _runs.halves,
        _runs.reset_state,
        _runs.batch,
        _runs.compiled,
        _runs.checkpoint,
        _runs.dtypes,
        _solving.solvers,
        _solving.order,
        _gradients.modes,
        _gradients.gradient,
        _gradients.recurrent_gradient,
        _exact.events_on_grid,
        _exact.reset,
        _exact.event_times,
        _exact.event_gradients,
        _tools.sparse,
        _tools.saved,
        _tools.graph,
        _tools.timed,
    )
}

PROMISES: dict[str, str] = {
    name: " ".join((function.__doc__ or "").split("\n\n")[0].split())
    for name, function in _CHECKS.items()
}
"""What a neuron promises, by name, in the order in which it is checked."""


def check_neuron(
    neuron: AbstractNeuron | type[AbstractNeuron],
    *,
    only: str | Iterable[str] | None = None,
    skip: str | Iterable[str] = (),
) -> Report:
    """Holds a neuron to the promises of every model of eqpool.

    Two halves are one run, gradients are those of finite differences, spike times of
    `EventDriven` are those to which short steps converge, files and graphs bring back what went
    in, and so on: `eqpool.testing.PROMISES` lists them. It finds input that makes the neuron spike
    by itself. It needs no test framework; in a test of your own, call it.

    !!! example

        ```python
        from eqpool.testing import check_neuron

        print(check_neuron(Leaky))
        check_neuron(Leaky(4, tau_mem=5e-3, t_ref=2e-3, has_rec=True, rng_key=0))
        check_neuron(Leaky, only=("halves", "gradient"))
        ```

    **Arguments:**

    - `neuron`: an [`eqpool.AbstractNeuron`][], best with recurrent weights and values that
        differ between neurons; or a class, for `cls(3, has_rec=True, rng_key=0)`.
    - `only`: the promises to check. Default: all.
    - `skip`: promises to leave out. Default: none.

    **Returns:** an [`eqpool.testing.Report`][], which says of each promise that it was kept, or why
    it was skipped. It takes about half a minute, most of which is compiling.

    **Raises:** [`eqpool.testing.BrokenPromise`][], an `AssertionError`, for the first promise that
    is broken, which says what was expected, what came, and what to change; `TypeError` for what
    is no neuron; `ValueError` for a promise that does not exist.
    """
    names = _selected(only, skip)
    if isinstance(neuron, type):
        neuron = _built(neuron)
    if not isinstance(neuron, AbstractNeuron):
        raise TypeError(f"check_neuron takes an AbstractNeuron; got {type(neuron).__name__}.")
    subject, title = Subject(neuron), f"{type(neuron).__name__}{neuron.shape}"
    return Report(title, {name: _checked(name, subject, title) for name in names})


def _built(cls: type[AbstractNeuron]) -> AbstractNeuron:
    try:
        return cls(3, has_rec=True, rng_key=0)
    except Exception as error:
        broken = BrokenPromise(f"it raises {type(error).__name__}: {error}")
        raise broken.of("declaration", f"{cls.__name__}(3,)") from error


def _checked(name: str, subject: Subject, title: str) -> str:
    try:
        _CHECKS[name](subject)
    except Skipped as reason:
        return f"skipped: {reason}"
    except BrokenPromise as broken:
        raise broken.of(name, title) from broken.__cause__
    except Exception as error:
        raise BrokenPromise(f"it raises {type(error).__name__}: {error}").of(name, title) from error
    return "kept"


def _selected(only: str | Iterable[str] | None, skip: str | Iterable[str]) -> list[str]:
    names = [*_CHECKS] if only is None else _listed(only)
    left_out = _listed(skip)
    for name in (*names, *left_out):
        if name not in _CHECKS:
            raise ValueError(
                f"check_neuron: there is no promise {name!r}.{suggestion(str(name), _CHECKS)} "
                f"See eqpool.testing.PROMISES."
            )
    return [name for name in _CHECKS if name in names and name not in left_out]


def _listed(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else [*names]
