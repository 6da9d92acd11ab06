"""Promises of derivatives on a grid."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._scan import scan_steps
from ._differences import check_slopes, directions
from ._programs import carries
from ._report import expect, Skipped
from ._subject import in_double, Subject, weighted_sum


@in_double
def modes(subject: Subject) -> None:
    """Forward and reverse mode agree where there are spikes, and are finite."""
    mod = subject.still64
    gradient = subject.gradient64
    for name, slopes in gradient.items():
        bad = int(np.sum(~np.isfinite(slopes)))
        expect(
            not bad,
            f"the gradient wrt {name} has {bad} values that are not finite.",
            "A surrogate whose slope grows from step to step may do it; so may a `jnp.where` whose "
            "other branch is infinite: both branches need a finite value and slope.",
        )
    if not getattr(mod.solver, "forward_mode", True):
        return
    loss, x = weighted_sum(subject.strong64[2]), subject.input(mod)
    values = mod.parameters()
    along = directions(values)

    @jax.jit
    def forward(values: Any, along: Any) -> Any:
        run = lambda values: loss(subject.run(mod.set_attributes(values), x)[2])
        return jax.jvp(run, (values,), (along,))[1]

    found = float(forward(values, along))
    parts = [np.sum(gradient[name] * np.asarray(along[name])) for name in gradient]
    size = sum(np.sum(np.abs(gradient[name] * np.asarray(along[name]))) for name in gradient)
    expect(
        abs(found - sum(parts)) <= 1e-7 * size,
        f"the derivative in one direction is {found!r} in forward mode and {sum(parts)!r} in "
        "reverse mode.",
        "Is there a custom derivative that serves one mode only?",
    )


@in_double
def gradient(subject: Subject) -> None:
    """Without spikes, the gradient wrt every parameter is that of finite differences."""
    steps = subject.drive.smooth_steps
    if steps < 2:
        raise Skipped("it spikes at once, whatever the input")
    mod = subject.smooth64
    x, loss = subject.input(mod, weak=True), weighted_sum(subject.weak64[2], steps)

    @jax.jit
    def value_and_gradient(values: Any) -> Any:
        return jax.value_and_grad(lambda v: loss(subject.run(mod.set_attributes(v), x)[2]))(values)

    check_slopes(
        lambda values: float(value_and_gradient(values)[0]),
        mod,
        value_and_gradient(mod.parameters())[1],
        "a sum over the record of a run without spikes",
        "Is {} behind a `stop_gradient`, a conversion to Python or NumPy, a `jnp.where`, a "
        "rounding or a custom derivative in `derivative`, `arrive` or `coordinates`?",
        1e-5,
    )


@in_double
def recurrent_gradient(subject: Subject) -> None:
    """The gradient wrt `w_rec` is that of a scan over single steps, and one product.

    That is, the backward pass does not carry an `(N, N)` array from step to step.
    """
    mod = subject.still64
    if mod.w_rec is None:
        raise Skipped("there are no recurrent weights; has_rec=True")
    loss, x = weighted_sum(subject.strong64[2]), subject.input(mod)

    @jax.jit
    def plain(w_rec: Any) -> Any:
        def summed(w_rec: Any) -> Any:
            weighted = mod.set_attributes({"w_rec": w_rec})

            def step(state: Any, now: Any) -> Any:
                _, state, record = subject.run(weighted.set_attributes(state), now[None])
                return state, {name: trace[0] for name, trace in record.items()}

            return loss(scan_steps(step, mod.state(), x)[1])

        return jax.grad(summed)(w_rec)

    hint = "A `run` of your own should leave recurrence to `super().run(...)`."
    expected = np.asarray(plain(mod.parameters()["w_rec"]))
    off, size = np.abs(subject.gradient64["w_rec"] - expected).max(), np.abs(expected).max()
    expect(
        off <= 1e-6 * size,
        f"the gradient wrt w_rec is off by {off:.3g} from that of a scan over single steps, whose "
        f"largest element is {size:.3g}.",
        hint,
    )
    _check_carries(subject, hint)


def _check_carries(subject: Subject, hint: str) -> None:
    # Of a size that nothing else has.
    try:
        wide: Any = type(subject.given)(13, has_rec=True, rng_key=0)
    except TypeError as error:
        raise Skipped(f"its class cannot be built with shape and has_rec alone: {error}") from None
    x = jnp.zeros((4, wide.size_in))
    program = jax.make_jaxpr(jax.grad(lambda w: wide.set_attributes({"w_rec": w})(x)[0].sum()))(
        wide.w_rec
    )
    found = [shape for shape in carries(program.jaxpr) if shape == wide.w_rec.shape]
    expect(
        not found,
        f"the gradient wrt w_rec of {wide.size} neurons carries an array of shape "
        f"{wide.w_rec.shape} from step to step, and adds to all of it in each.",
        hint,
    )
