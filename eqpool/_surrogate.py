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
    r"""Counts the spikes of one step, $\lceil\ln(I_{mem}/I_{spkthr})\rceil$, and says what stands
    in for the derivative of that staircase.

    A custom JVP, so that forward and reverse mode both work. One of your own defines
    `slopes`.

    **Attributes:**

    - `max_spikes_per_dt`: the most spikes in one step.
    - `detach_reset`: whether the derivative leaves out that spikes reset the membrane. It
        should, unless the slopes are tiny: a reset takes the current down by a factor of 1e5,
        and would pass on the sensitivity of the large current to the small one.
    """

    max_spikes_per_dt: AbstractVar[float]
    detach_reset: AbstractClassVar[bool]

    @abc.abstractmethod
    def slopes(
        self, Imem: Float[Array, "..."], Ispkthr: Float[Array, "..."], Ireset: Float[Array, "..."]
    ) -> tuple[Array, Array]:
        """Surrogate derivatives of the spike count wrt `Imem` and wrt `Ispkthr`, 1/A.

        Arguments as of `__call__`.
        """

    def __call__(
        self,
        Imem: Float[Array, "..."],
        Ispkthr: Float[Array, "..."],
        Ireset: Float[Array, "..."],
        u: Float[Array, "..."] | None = None,
    ) -> Float[Array, "..."]:
        """Number of spikes, of the same dtype and shape as `Imem`.

        **Arguments:**

        - `Imem`: membrane current before the reset, A.
        - `Ispkthr`: threshold current, A.
        - `Ireset`: what the membrane current is reset to, A.
        - `u`: `ln(Imem/Ispkthr)`, where the caller has it already; not differentiated.
        """
        if u is None:
            u = jnp.log(Imem / Ispkthr)
        return _spikes(self, jax.lax.stop_gradient(u), Imem, Ispkthr, Ireset)

    def reset(
        self, Imem: Float[Array, "..."], spikes: Float[Array, "..."], Ireset: Float[Array, "..."]
    ) -> Float[Array, "..."]:
        """Membrane current after the reset, A.

        **Arguments:**

        - `Imem`: membrane current before the reset, A.
        - `spikes`: what `__call__` returned for it.
        - `Ireset`: what it is reset to where it spiked, A.
        """
        spikes = jax.lax.stop_gradient(spikes) if self.detach_reset else spikes
        return physics.reset(Imem, spikes, Ireset)


@eqx.filter_custom_jvp
def _spikes(
    surrogate: AbstractSurrogate, u: Array, Imem: Array, Ispkthr: Array, Ireset: Array
) -> Array:
    return physics.spike_count(u, surrogate.max_spikes_per_dt)


@_spikes.def_jvp
def _jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    surrogate, u, Imem, Ispkthr, Ireset = primals
    _, _, Imem_dot, Ispkthr_dot, _ = tangents
    spikes = physics.spike_count(u, surrogate.max_spikes_per_dt)
    by_imem, by_threshold = surrogate.slopes(Imem, Ispkthr, Ireset)
    tangent = jnp.zeros_like(spikes)
    # In the dtype of the run: a function of the user's may return another.
    if Imem_dot is not None:
        tangent = tangent + jnp.asarray(by_imem, spikes.dtype) * Imem_dot
    if Ispkthr_dot is not None:
        tangent = tangent + jnp.asarray(by_threshold, spikes.dtype) * Ispkthr_dot
    return spikes, tangent


class PiecewiseLinear(AbstractSurrogate):
    """Rockpool's: slope 1 *per ampere* where `Imem > Ireset`, else 0; none wrt the threshold.

    With currents below 1e-6 A the gradients of spike counts are of order 1e-8. Optimisers
    that normalise gradients (Adam with its `eps` far below that) cope; others do better with
    a surrogate per nat, such as [`eqpool.FastSigmoid`][].
    """

    detach_reset: ClassVar[bool] = False
    max_spikes_per_dt: float = eqx.field(static=True)

    def __init__(self, max_spikes_per_dt: float = math.inf):
        """**Arguments:**

        - `max_spikes_per_dt`: the most spikes in one step. Default: no limit.
        """
        self.max_spikes_per_dt = max_spikes_per_dt

    def slopes(self, Imem: Array, Ispkthr: Array, Ireset: Array) -> tuple[Array, Array]:
        slope = jnp.clip(jnp.ceil(Imem - Ireset), 0.0, 1.0)
        return slope, jnp.zeros_like(Ispkthr)


class FastSigmoid(AbstractSurrogate):
    r"""Slope $1/(1 + s\,|u|)^2$ per nat, a distance of $u$ nats from the nearest step.

    $u = \ln(I_{mem}/I_{spkthr})$ at and below threshold; above, the steps at 1, 2, … nats count
    as well. The derivative wrt `Imem` is the slope over `Imem`, and wrt `Ispkthr` minus the slope
    over `Ispkthr`.

    ??? cite

        Zenke and Ganguli 2018,
        [doi:10.1162/neco_a_01086](https://doi.org/10.1162/neco_a_01086).
    """

    detach_reset: ClassVar[bool] = True
    slope: Float[Array, ""]
    max_spikes_per_dt: float = eqx.field(static=True)

    def __init__(self, slope: Any = 1.0, max_spikes_per_dt: float = math.inf):
        r"""**Arguments:**

        - `slope`: how fast it falls with distance, $s$, 1/nat. Default 1.
        - `max_spikes_per_dt`: the most spikes in one step. Default: no limit.
        """
        self.slope = jnp.asarray(slope, jnp.result_type(float))
        self.max_spikes_per_dt = max_spikes_per_dt

    def slopes(self, Imem: Array, Ispkthr: Array, Ireset: Array) -> tuple[Array, Array]:
        return _per_nat(lambda u: 1.0 / (1.0 + self.slope * jnp.abs(u)) ** 2, self, Imem, Ispkthr)


class Arctan(AbstractSurrogate):
    r"""Slope $1/(1 + (s\,u)^2)$ per nat; $u$ as of [`eqpool.FastSigmoid`][].

    ??? cite

        Fang et al. 2021,
        [doi:10.1109/ICCV48922.2021.00266](https://doi.org/10.1109/ICCV48922.2021.00266).
    """

    detach_reset: ClassVar[bool] = True
    slope: Float[Array, ""]
    max_spikes_per_dt: float = eqx.field(static=True)

    def __init__(self, slope: Any = 1.0, max_spikes_per_dt: float = math.inf):
        r"""**Arguments:**

        - `slope`: how fast it falls with distance, $s$, 1/nat. Default 1.
        - `max_spikes_per_dt`: the most spikes in one step. Default: no limit.
        """
        self.slope = jnp.asarray(slope, jnp.result_type(float))
        self.max_spikes_per_dt = max_spikes_per_dt

    def slopes(self, Imem: Array, Ispkthr: Array, Ireset: Array) -> tuple[Array, Array]:
        return _per_nat(lambda u: 1.0 / (1.0 + (self.slope * u) ** 2), self, Imem, Ispkthr)


class Gaussian(AbstractSurrogate):
    r"""Slope $e^{-u^2/(2\sigma^2)}$ per nat; $u$ as of [`eqpool.FastSigmoid`][].

    ??? cite

        Yin, Corradi and Bohté 2021,
        [doi:10.1038/s42256-021-00397-w](https://doi.org/10.1038/s42256-021-00397-w).
    """

    detach_reset: ClassVar[bool] = True
    sigma: Float[Array, ""]
    max_spikes_per_dt: float = eqx.field(static=True)

    def __init__(self, sigma: Any = 1.0, max_spikes_per_dt: float = math.inf):
        r"""**Arguments:**

        - `sigma`: width, $\sigma$, nats. Default 1.
        - `max_spikes_per_dt`: the most spikes in one step. Default: no limit.
        """
        self.sigma = jnp.asarray(sigma, jnp.result_type(float))
        self.max_spikes_per_dt = max_spikes_per_dt

    def slopes(self, Imem: Array, Ispkthr: Array, Ireset: Array) -> tuple[Array, Array]:
        return _per_nat(lambda u: jnp.exp(-0.5 * (u / self.sigma) ** 2), self, Imem, Ispkthr)


class CustomSurrogate(AbstractSurrogate):
    """Slope by a function of your own: `function(u)` per nat; `u` as of [`eqpool.FastSigmoid`][].

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

        - `function`: slope in spikes per nat at a distance of `u` nats from the nearest step.
        - `max_spikes_per_dt`: the most spikes in one step. Default: no limit.

        **Raises:** `TypeError` if `function` cannot be called.
        """
        self.function = Function(function, "CustomSurrogate.function")
        self.max_spikes_per_dt = max_spikes_per_dt

    def slopes(self, Imem: Array, Ispkthr: Array, Ireset: Array) -> tuple[Array, Array]:
        return _per_nat(self.function, self, Imem, Ispkthr)


def _per_nat(
    height: Callable[[Array], Array], surrogate: AbstractSurrogate, Imem: Array, Ispkthr: Array
) -> tuple[Array, Array]:
    u = jnp.log(Imem / Ispkthr)
    nearest = jnp.clip(jnp.round(u), 0.0, surrogate.max_spikes_per_dt - 1.0)
    slope = jnp.asarray(height(u - nearest), u.dtype)
    return slope / Imem, -slope / Ispkthr


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
        f"from threshold in nats; got {describe(surrogate)}.{hint}"
    )
