"""A rate neuron under test, and the promises that only such neurons make."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from .._neuron.equations import names_of_states
from .._neuron.rate_check import check_rates
from ._drive import Drive, STRENGTHS
from ._report import BrokenPromise, expect_close, expect_same_bits
from ._subject import in_double, Subject


STEPS = 64
"""Of the runs."""


class RateSubject(Subject):
    """A rate neuron under test: nothing spikes, and its rates are compared as a trace."""

    spikes: ClassVar[bool] = False

    @property
    def smooth64(self) -> Any:
        return self.still64

    def check_model(self) -> None:
        check_rates(self.given)

    def find_drive(self) -> Drive:
        return find_drive(self.still)

    def run(self, mod: Any, x: Any) -> tuple[Any, Any, dict[str, Any]]:
        rates, state, record = mod(x, record=True)
        return rates, state, record | {"(rates)": rates}  # no field has this name

    def check_output(self, mod: Any, output: Any, record: dict[str, Any], hint: str) -> None:
        rates = jax.vmap(mod.activation)({name: record[name] for name in names_of_states(mod)})
        expect_close("the activation of the record", rates, output, 1e-5, hint)


def find_drive(mod: Any) -> Drive:
    """Looks for two inputs under which the rates move: of the strength closest to 1, and weaker.

    **Raises:** `BrokenPromise` if nothing moves them.
    """
    rng = np.random.default_rng(0)
    strong, weak = rng.uniform(0.5, 1.5, (2, STEPS, mod.size_in))
    signed = np.concatenate([STRENGTHS, -STRENGTHS])
    inputs = np.concatenate([np.zeros((1, 1, 1)), signed[:, None, None]]) * strong
    rates, state, _ = mod(jnp.asarray(inputs, mod.dt.dtype))
    leaves = [np.asarray(rates), *map(np.asarray, jax.tree.leaves(state))]
    finite = [np.isfinite(x).reshape(len(inputs), -1).all(1) for x in leaves]
    change = np.abs(leaves[0] - leaves[0][:1]).max(1, initial=0.0)
    # By at least a hundredth of what they are.
    moved = change > 0.01 * np.abs(leaves[0]).max(1)
    finite = np.logical_and.reduce(finite)[1:]
    for enough in (moved.all(1), moved.any(1)):
        good = np.flatnonzero(finite & enough[1:])
        if good.size:
            size = signed[good[np.argmin(np.abs(np.log(np.abs(signed[good]))))]]
            first, second = ((size * x).astype(np.float32) for x in (strong, 0.5 * weak))
            return Drive(first, second, STEPS)
    raise BrokenPromise(
        f"no constant input between {STRENGTHS[0]:.1g} and {STRENGTHS[-1]:.1g}, of either sign, "
        f"moves its rates in {STEPS} steps of {float(mod.dt):g} s, and leaves them finite. Does "
        '`derivative` look at `at["drive"]`, or `arrive` at `drive`, and does `activation` depend '
        "on the states that they change?"
    )


def responding(subject: Subject) -> None:
    """Some input moves the rates."""
    subject.drive  # noqa: B018


@in_double
def pure(subject: Subject) -> None:
    """Methods return the same whenever they are called with the same arguments."""
    mod = subject.still64
    s = {name: subject.strong64[2][name][STEPS // 2] for name in names_of_states(mod)}
    y = {name: s[name] for name in mod.integrated}
    drive = jnp.ones(mod.size_in)
    expect_pure(
        mod,
        {
            "derivative": (y, s | {"drive": drive}),
            "arrive": (s, drive),
            "activation": (s,),
        },
    )


def expect_pure(mod: Any, calls: dict[str, tuple[Any, ...]]) -> None:
    """Raises unless methods return the same a second time.

    **Arguments:**

    - `calls`: the arguments of each method.
    """
    for method, arguments in calls.items():
        once, twice = (getattr(mod, method)(*arguments) for _ in range(2))
        hint = (
            "What a method depends on must be in its arguments and in parameters: a counter, an "
            "attribute that changes or the time of day stays what it was when it was compiled."
        )
        expect_same_bits(f"what `{method}` returns a second time:", twice, once, hint)
