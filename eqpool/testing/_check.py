"""`check_neuron`: holds a neuron to every promise."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from .._errors import suggestion
from .._neuron import AbstractNeuron, AbstractRateNeuron
from . import _declared, _exact, _gradients, _rates, _runs, _solving, _tools
from ._rates import RateSubject
from ._report import BrokenPromise, Report, Skipped
from ._subject import AnyNeuron, Subject


_Check: TypeAlias = Callable[[Any], None]


def _by_name(*checks: _Check) -> dict[str, _Check]:
    return {check.__name__: check for check in checks}


_ON_A_GRID = (
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
)
_WITH_OTHERS = (_tools.sparse, _tools.saved, _tools.graph, _tools.timed)

_OF_SPIKES = _by_name(
    _declared.declaration,
    _declared.spiking,
    _declared.pure,
    _declared.silence,
    _declared.arrivals,
    _declared.coordinates,
    *_ON_A_GRID,
    _exact.events_on_grid,
    _exact.reset,
    _exact.event_times,
    _exact.event_gradients,
    *_WITH_OTHERS,
)
_OF_RATES = _by_name(
    _declared.declaration, _rates.responding, _rates.pure, *_ON_A_GRID, *_WITH_OTHERS
)

PROMISES: dict[str, str] = {
    name: " ".join((function.__doc__ or "").split("\n\n")[0].split())
    for name, function in (_OF_SPIKES | _OF_RATES).items()
}
"""What neurons promise, by name; some of it only those that spike, or only those of rates."""


def check_neuron(
    neuron: AnyNeuron | type[AnyNeuron],
    *,
    only: str | Iterable[str] | None = None,
    skip: str | Iterable[str] = (),
) -> Report:
    """Holds a neuron to the promises of every model of eqpool.

    Two halves are one run, gradients are those of finite differences, spike times of
    `EventDriven` are those to which short steps converge, files and graphs bring back what went
    in, and so on: `eqpool.testing.PROMISES` lists them. A neuron that emits rates is
    held to those that need no spikes. It finds input that makes the neuron spike, or moves its
    rates, by itself. It needs no test framework; in a test of your own, call it.

    !!! example

        ```python
        from eqpool.testing import check_neuron

        print(check_neuron(Leaky))
        check_neuron(Leaky(4, tau_mem=5e-3, t_ref=2e-3, has_rec=True, rng_key=0))
        check_neuron(Leaky, only=("halves", "gradient"))
        ```

    **Arguments:**

    - `neuron`: an [`eqpool.AbstractNeuron`][] or [`eqpool.AbstractRateNeuron`][], best with
        recurrent weights and values that differ between neurons; or a class, for
        `cls(3, has_rec=True, rng_key=0)`.
    - `only`: the promises to check. Default: all.
    - `skip`: promises to leave out. Default: none.

    **Returns:** an [`eqpool.testing.Report`][], which says of each promise that it was kept, or why
    it was skipped. It takes about half a minute, most of which is compiling.

    **Raises:** [`eqpool.testing.BrokenPromise`][], an `AssertionError`, for the first promise that
    is broken, which says what was expected, what came, and what to change; `TypeError` for what
    is no neuron; `ValueError` for a promise that does not exist.
    """
    _refuse_unknown([*_listed(() if only is None else only), *_listed(skip)])
    if isinstance(neuron, type):
        neuron = _built(neuron)
    if isinstance(neuron, AbstractNeuron):
        subject, checks = Subject(neuron), _OF_SPIKES
    elif isinstance(neuron, AbstractRateNeuron):
        subject, checks = RateSubject(neuron), _OF_RATES
    else:
        raise TypeError(
            "check_neuron takes an AbstractNeuron or an AbstractRateNeuron; got "
            f"{type(neuron).__name__}."
        )
    wanted = checks if only is None else [name for name in PROMISES if name in _listed(only)]
    title = f"{type(neuron).__name__}{neuron.shape}"
    names = [name for name in wanted if name not in _listed(skip)]
    return Report(title, {name: _checked(name, checks.get(name), subject, title) for name in names})


def _built(cls: type[AnyNeuron]) -> AnyNeuron:
    try:
        return cls(3, has_rec=True, rng_key=0)
    except Exception as error:
        broken = BrokenPromise(f"it raises {type(error).__name__}: {error}")
        raise broken.of("declaration", f"{cls.__name__}(3,)") from error


def _checked(name: str, check: _Check | None, subject: Subject, title: str) -> str:
    if check is None:
        return f"skipped: the neuron {'spikes' if subject.spikes else 'emits rates'}"
    try:
        check(subject)
    except Skipped as reason:
        return f"skipped: {reason}"
    except BrokenPromise as broken:
        raise broken.of(name, title) from broken.__cause__
    except Exception as error:
        raise BrokenPromise(f"it raises {type(error).__name__}: {error}").of(name, title) from error
    return "kept"


def _refuse_unknown(names: list[str]) -> None:
    for name in names:
        if name not in PROMISES:
            raise ValueError(
                f"check_neuron: there is no promise {name!r}.{suggestion(str(name), PROMISES)} "
                f"See eqpool.testing.PROMISES."
            )


def _listed(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else [*names]
