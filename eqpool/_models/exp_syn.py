"""`ExpSynJax`: a layer of exponential synapses."""

from typing import Any

from jaxtyping import Array, Float

from .. import physics
from .._attribute import Blueprint, USUAL_SLOW_TIME
from .._module import AbstractModule, initialise, square_shape
from .._neuron.fields import input_noise, noise_key, state, time_constant, time_step
from .._neuron.noise import add_noise
from .._scan import scan_steps
from .._types import Key, NestedDict, PerNeuron
from ..graph import ExponentialSynapses, Wiring


class ExpSynJax(AbstractModule):
    r"""Exponential synapses: each input jumps, and decays.

    $$ I_{syn} \leftarrow e^{-dt/\tau}\,(I_{syn} + S_{in} + \eta) $$

    The noise $\eta$ is normal with standard deviation `noise_std*sqrt(dt)`. The output is
    $I_{syn}$ after each step, `(T, N)`; with `record=True` the record holds it as `isyn`.

    !!! example

        ```python
        mod = eqpool.ExpSynJax(5, tau=20e-3)
        currents, state, _ = mod(jnp.zeros((100, 5)).at[0].set(1.0))
        ```

    ??? cite

        Gerstner, Kistler, Naud and Paninski 2014, *Neuronal Dynamics*, section 3.1,
        [doi:10.1017/CBO9781107447615](https://doi.org/10.1017/CBO9781107447615);
        the discretisation and the names are Rockpool's,
        [doi:10.5281/zenodo.3773845](https://doi.org/10.5281/zenodo.3773845).
    """

    blueprint: Blueprint
    tau: PerNeuron = time_constant(10e-3, "Time constant.", USUAL_SLOW_TIME)
    isyn: Float[Array, " N"] = state(0.0, "", "Synaptic current.")
    rng_key: Key = noise_key()
    noise_std: PerNeuron = input_noise()
    dt: Float[Array, ""] = time_step()

    def __init__(
        self,
        shape: int | tuple[int, ...],
        tau: Any = None,
        noise_std: Any = 0.0,
        dt: Any = 1e-3,
        rng_key: Any = None,
        spiking_input: bool = True,
        spiking_output: bool = False,
        *,
        name: str = "",
    ):
        """**Arguments:**

        - `shape`: `N` or `(N, N)`.
        - `tau`: time constants, s, `(N,)` or scalar. Default: 10e-3 each.
        - `noise_std`: noise on the input, s^-1/2, scalar or `(N,)`. Default 0.
        - `dt`: time step, s. Default 1e-3.
        - `rng_key`: key or seed of the noise. Default: a fresh seed.
        - `spiking_input`, `spiking_output`: what other tools are told. Default `True`, `False`.
        - `name`: a name for messages. Default: none.

        **Raises:** `ValueError` for a shape that is not square, and for values of another shape,
        not finite or outside their bounds; `TypeError` for arguments of another kind.
        """
        initialise(
            self,
            square_shape(shape, "ExpSynJax"),
            {"tau": tau, "noise_std": noise_std, "dt": dt},
            name=name,
            rng_key=rng_key,
            spiking_input=spiking_input,
            spiking_output=spiking_output,
        )

    def run(
        self, input_data: Float[Array, "T N"], record: bool
    ) -> tuple[Array, NestedDict, NestedDict]:
        """A scan over the time grid."""
        decay = physics.dpi_decay(self.dt, self.tau)
        drive, rng_key = add_noise(input_data, self.noise_std, self.dt, self.rng_key)

        def step(isyn: Array, drive: Array) -> tuple[Array, Array]:
            isyn = decay * (isyn + drive)
            return isyn, isyn

        isyn, output = scan_steps(step, self.isyn, drive)
        return output, {"isyn": isyn, "rng_key": rng_key}, {"isyn": output} if record else {}

    def wire(self, wiring: Wiring, sources: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Synapses."""
        node = ExponentialSynapses(self.shape, self.tau, self.noise_std, self.dt)
        return wiring.add(name, node, sources)


ExpSyn = ExpSynJax
