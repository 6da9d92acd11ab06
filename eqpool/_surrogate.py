"""Spikes with a surrogate gradient, as objects: any may stand in a spiking model."""

import abc
import math
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from equinox import AbstractClassVar, AbstractVar
from jaxtyping import Array, Float

from . import physics
from ._attribute import Function
from ._errors import describe


class AbstractSurrogate(eqx.Module):
    r"""Counts the spikes of one step, and says what stands in for the derivative of that staircase.

    It knows nothing of the neuron but its distance $u$ from threshold, a number without unit:
    there is one spike where $u$ passes 0, and in models that spike several times in a step one
    more at each integer. What one unit is, a model says: a nat of the membrane current in
    [`eqpool.DynapSim`][], `Delta_T` in [`eqpool.AdExLIF`][], the threshold itself in
    [`eqpool.LIFJax`][]. A custom JVP, so that forward and reverse mode both work. One of your own
    defines `height`.

    **Attributes:**

    - `max_spikes_per_dt`: the most spikes in one step.
    - `detach_reset`: whether the derivative leaves out that spikes reset the membrane of a
        `DynapSim`. It should, unless the slopes are tiny: a reset takes the current down by a
        factor of 1e5, and would pass on the sensitivity of the large current to the small one.
    """

    max_spikes_per_dt: AbstractVar[float]
    detach_reset: AbstractClassVar[bool]

    @abc.abstractmethod
    def height(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        """Surrogate derivative of the number of spikes wrt `u`, at a distance of `u`."""

    def spikes(self, u: Float[Array, "..."], known: Array | None = None) -> Float[Array, "..."]:
        """Number of spikes, of the same dtype and shape as `u`.

        **Arguments:**

        - `u`: distance from threshold.
        - `known`: the value of `u` where the caller has it already; not differentiated.
        """
        return _spikes(self, jax.lax.stop_gradient(u if known is None else known), u)

    def reset(
        self, Imem: Float[Array, "..."], spikes: Float[Array, "..."], Ireset: Float[Array, "..."]
    ) -> Float[Array, "..."]:
        """Membrane current after the reset, A.

        **Arguments:**

        - `Imem`: membrane current before the reset, A.
        - `spikes`: how many there were.
        - `Ireset`: what it is reset to where it spiked, A.
        """
        spikes = jax.lax.stop_gradient(spikes) if self.detach_reset else spikes
        return physics.reset(Imem, spikes, Ireset)

    def __call__(
        self,
        Imem: Float[Array, "..."],
        Ispkthr: Float[Array, "..."],
        Ireset: Float[Array, "..."],
        u: Float[Array, "..."] | None = None,
    ) -> Float[Array, "..."]:
        """Number of spikes at a membrane current: `spikes` of `ln(Imem/Ispkthr)`.

        **Arguments:**

        - `Imem`: membrane current before the reset, A.
        - `Ispkthr`: threshold current, A.
        - `Ireset`: what the membrane current is reset to, A.
        - `u`: `ln(Imem/Ispkthr)`, where the caller has it already; not differentiated.
        """
        del Ireset
        return self.spikes(jnp.log(Imem / Ispkthr), known=u)


@eqx.filter_custom_jvp
def _spikes(surrogate: AbstractSurrogate, value: Array, u: Array) -> Array:
    return physics.spike_count(value, surrogate.max_spikes_per_dt)


@_spikes.def_jvp
def _jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (surrogate, value, u), u_dot = primals, tangents[-1]
    most = surrogate.max_spikes_per_dt
    spikes = physics.spike_count(value, most)
    if u_dot is None:
        return spikes, jnp.zeros_like(spikes)
    nearest = jnp.clip(jnp.round(u), 0.0, most - 1.0)
    # In the dtype of the run: a function of the user's may return another.
    return spikes, jnp.asarray(surrogate.height(u - nearest), spikes.dtype) * u_dot


class PiecewiseLinear(AbstractSurrogate):
    """Rockpool's: slope 1 *per ampere* where `Imem > Ireset`, else 0; none wrt the threshold.

    With currents below 1e-6 A the gradients of spike counts are of order 1e-8. Optimisers
    that normalise gradients (Adam with its `eps` far below that) cope; others do better with
    the others, which are per nat there, as [`eqpool.FastSigmoid`][].
    """

    detach_reset: ClassVar[bool] = False
    max_spikes_per_dt: float = eqx.field(static=True)

    def __init__(self, max_spikes_per_dt: float = math.inf):
        """**Arguments:**

        - `max_spikes_per_dt`: the most spikes in one step. Default: no limit.
        """
        self.max_spikes_per_dt = max_spikes_per_dt

    def height(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        raise TypeError(
            "PiecewiseLinear has a slope per ampere of a membrane current, which only DynapSim "
            "has; take another surrogate, as eqpool.FastSigmoid()."
        )

    def __call__(
        self,
        Imem: Float[Array, "..."],
        Ispkthr: Float[Array, "..."],
        Ireset: Float[Array, "..."],
        u: Float[Array, "..."] | None = None,
    ) -> Float[Array, "..."]:
        u = jnp.log(Imem / Ispkthr) if u is None else u
        return _per_ampere(self.max_spikes_per_dt, jax.lax.stop_gradient(u), Imem, Ireset)


@eqx.filter_custom_jvp
def _per_ampere(most: float, u: Array, Imem: Array, Ireset: Array) -> Array:
    return physics.spike_count(u, most)


@_per_ampere.def_jvp
def _per_ampere_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    most, u, Imem, Ireset = primals
    spikes, Imem_dot = physics.spike_count(u, most), tangents[2]
    if Imem_dot is None:
        return spikes, jnp.zeros_like(spikes)
    return spikes, jnp.clip(jnp.ceil(Imem - Ireset), 0.0, 1.0) * Imem_dot


class FastSigmoid(AbstractSurrogate):
    r"""Slope $1/(1 + s\,|u|)^2$ at a distance of $u$ from the nearest step.

    The first step is the threshold; in models that spike several times in one step those at
    1, 2, … count as well. One unit of $u$ is what the model says, as a nat in `DynapSim`.

    ??? cite

        Zenke and Ganguli 2018,
        [doi:10.1162/neco_a_01086](https://doi.org/10.1162/neco_a_01086).
    """

    detach_reset: ClassVar[bool] = True
    slope: Float[Array, ""]
    max_spikes_per_dt: float = eqx.field(static=True)

    def __init__(self, slope: Any = 1.0, max_spikes_per_dt: float = math.inf):
        r"""**Arguments:**

        - `slope`: how fast it falls with distance, $s$. Default 1.
        - `max_spikes_per_dt`: the most spikes in one step. Default: no limit.
        """
        self.slope = jnp.asarray(slope, jnp.result_type(float))
        self.max_spikes_per_dt = max_spikes_per_dt

    def height(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return 1.0 / (1.0 + self.slope * jnp.abs(u)) ** 2


class Arctan(AbstractSurrogate):
    r"""Slope $1/(1 + (s\,u)^2)$ with $u$ as of [`eqpool.FastSigmoid`][].

    ??? cite

        Fang et al. 2021,
        [doi:10.1109/ICCV48922.2021.00266](https://doi.org/10.1109/ICCV48922.2021.00266).
    """

    detach_reset: ClassVar[bool] = True
    slope: Float[Array, ""]
    max_spikes_per_dt: float = eqx.field(static=True)

    def __init__(self, slope: Any = 1.0, max_spikes_per_dt: float = math.inf):
        r"""**Arguments:**

        - `slope`: how fast it falls with distance, $s$. Default 1.
        - `max_spikes_per_dt`: the most spikes in one step. Default: no limit.
        """
        self.slope = jnp.asarray(slope, jnp.result_type(float))
        self.max_spikes_per_dt = max_spikes_per_dt

    def height(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return 1.0 / (1.0 + (self.slope * u) ** 2)


class Gaussian(AbstractSurrogate):
    r"""Slope $e^{-u^2/(2\sigma^2)}$ with $u$ as of [`eqpool.FastSigmoid`][].

    ??? cite

        Yin, Corradi and Bohté 2021,
        [doi:10.1038/s42256-021-00397-w](https://doi.org/10.1038/s42256-021-00397-w).
    """

    detach_reset: ClassVar[bool] = True
    sigma: Float[Array, ""]
    max_spikes_per_dt: float = eqx.field(static=True)

    def __init__(self, sigma: Any = 1.0, max_spikes_per_dt: float = math.inf):
        r"""**Arguments:**

        - `sigma`: width, $\sigma$. Default 1.
        - `max_spikes_per_dt`: the most spikes in one step. Default: no limit.
        """
        self.sigma = jnp.asarray(sigma, jnp.result_type(float))
        self.max_spikes_per_dt = max_spikes_per_dt

    def height(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.exp(-0.5 * (u / self.sigma) ** 2)


class CustomSurrogate(AbstractSurrogate):
    """Slope by a function of your own, `function(u)`; `u` as of [`eqpool.FastSigmoid`][].

    !!! example

        ```python
        triangle = eqpool.CustomSurrogate(lambda u: jnp.maximum(1 - jnp.abs(u), 0.0))
        mod = eqpool.DynapSim(5, surrogate=triangle)
        ```
    """

    detach_reset: ClassVar[bool] = True
    function: Function
    max_spikes_per_dt: float = eqx.field(static=True)

    def __init__(self, function: Callable[[Array], Array], max_spikes_per_dt: float = math.inf):
        """**Arguments:**

        - `function`: slope at a distance of `u` from the nearest step.
        - `max_spikes_per_dt`: the most spikes in one step. Default: no limit.

        **Raises:** `TypeError` if `function` cannot be called.
        """
        self.function = Function(function, "CustomSurrogate.function")
        self.max_spikes_per_dt = max_spikes_per_dt

    def height(self, u: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.function(u)


def as_surrogate(surrogate: Any) -> AbstractSurrogate:
    """What a `surrogate=` argument means: `None` is `PiecewiseLinear()`, a function is wrapped."""
    if surrogate is None:
        return PiecewiseLinear()
    if isinstance(surrogate, AbstractSurrogate):
        return surrogate
    if callable(surrogate) and not isinstance(surrogate, type):
        function: Callable[..., Any] = surrogate
        return CustomSurrogate(function)
    hint = f" Did you mean `{surrogate.__name__}()`?" if isinstance(surrogate, type) else ""
    raise TypeError(
        "surrogate must be an object such as eqpool.FastSigmoid(), or a function of the distance "
        f"from threshold; got {describe(surrogate)}.{hint}"
    )
