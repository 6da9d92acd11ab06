"""Reading the nodes of NIR: sizes, time steps, decays."""

import dataclasses
from typing import Any, Literal, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np

from .._errors import describe
from ._nir_values import channels, note, numbers


Discretisation: TypeAlias = Literal["exponential", "euler"]


# What is left after a step of a synapse that a neuron of NIR does not have. A power of two, so that
# undoing it in the weights rounds nothing.
FORGETFUL = 2.0**-20

# The activation of rate neurons that are leaky integrators, whose threshold is 0.
LINEAR = jnp.subtract

# Time constant, in steps, of what never decays in NIR: all is left after a step, to the last bit.
LASTING = 2.0**60


def check_discretisation(owner: str, discretisation: str) -> None:
    """Raises for a kind of step that there is not."""
    if discretisation not in ("exponential", "euler"):
        raise ValueError(
            f"{owner}: discretisation must be 'exponential' or 'euler'; got {discretisation!r}."
        )


# Most memory for an array that is made in reading, bytes, unless the caller says otherwise.
_MADE = 2**30


@dataclasses.dataclass(frozen=True)
class Reader:
    """Nodes and edges of NIR, and how they are to be stepped."""

    nir: Any
    nodes: dict[str, Any]
    edges: list[tuple[str, str]]
    dt: float | None
    discretisation: Discretisation
    max_bytes: int | None
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)

    def into(self, name: str) -> list[str]:
        """The nodes that lead to a node."""
        return [a for a, b in self.edges if b == name]

    def sources(self, name: str) -> list[str]:
        """Where the input of a node comes from, but for recurrent weights."""
        return [source for source in self.into(name) if not self.is_recurrent(source)]

    def is_recurrent(self, name: str) -> bool:
        """Whether a node leads from another straight back to it."""
        into = set(self.into(name))
        return len(into) == 1 and into == {b for a, b in self.edges if a == name}

    def size(self, name: str) -> int:
        """Number of outputs; what has one value has it for as many as come in."""
        looked_at = [name]
        for one in looked_at:
            n = self.sizes.get(one) or self._own_size(one)
            if n is not None:
                self.check_memory(name, n)
                self.sizes[name] = n
                return n
            looked_at += [source for source in self.sources(one) if source not in looked_at]
        raise ValueError(f"from_nir: the number of channels of {name!r} is not known.")

    def _own_size(self, name: str) -> int | None:
        node = self.nodes[name]
        if isinstance(node, (self.nir.Input, self.nir.Output)):
            shape = channels(name, node)
            if shape is None:
                return None
            if len(shape) > 1:
                raise ValueError(
                    f"from_nir: {name!r} has channels of shape {shape}; eqpool's modules take one "
                    "axis of channels. Lead an input with several into a nir.Flatten."
                )
            is_input = isinstance(node, self.nir.Input)
            return shape[0] if shape else 1 if is_input else None
        if isinstance(node, (self.nir.Linear, self.nir.Affine)):
            return self.weights(name).shape[1]
        fields = {field.name for field in dataclasses.fields(node)}
        fields -= {"input_type", "output_type", "metadata"}
        most = max((numbers(name, node, field).size for field in fields), default=1)
        return most if most > 1 else None

    def check_memory(self, name: str, size: int) -> None:
        """Raises for an array of a node that is too large."""
        limit = _MADE if self.max_bytes is None else self.max_bytes
        if 8 * size > limit:
            raise ValueError(
                f"from_nir: the node {name!r} takes an array of {size} numbers, more than "
                f"{limit} bytes; pass a max_bytes of {8 * size} or more."
            )

    def weights(self, name: str) -> np.ndarray:
        """The weights of a node, `(N_in, N_out)`."""
        weights = numbers(name, self.nodes[name], "weight")
        if weights.ndim != 2:
            raise ValueError(
                f"from_nir: the weights of {name!r} have shape {weights.shape}; expected "
                "(N_out, N_in)."
            )
        return weights.T

    def recurrent_bias(self, name: str) -> np.ndarray | float:
        """What recurrent weights add to the input of a node in every step, spikes or none."""
        total: np.ndarray | float = 0.0
        for source in self.into(name):
            if self.is_recurrent(source) and isinstance(self.nodes[source], self.nir.Affine):
                self.check_sizes(source, name)
                total = total + self.each(source, "bias")
        return total

    def check_sizes(self, source: str, name: str) -> None:
        """Raises where a node does not fit onto the one to which it leads."""
        out, into = self.size(source), self.size(name)
        if out != into:
            raise ValueError(
                f"from_nir: {source!r} has {out} outputs, but {name!r}, to which it leads, takes "
                f"{into} inputs."
            )

    def diagonal(self, name: str, values: np.ndarray) -> np.ndarray:
        """Weights that multiply each channel of a node."""
        self.check_memory(name, len(values) ** 2)
        return np.diag(values)

    def each(self, name: str, field: str) -> np.ndarray:
        """The value of a field for each channel of a node."""
        values, n = numbers(name, self.nodes[name], field).reshape(-1), self.size(name)
        if values.size not in (1, n):
            raise ValueError(
                f"from_nir: {name!r} has {values.size} values of {field} for {n} channels."
            )
        return np.broadcast_to(values.astype(np.float64), (n,))

    def cast(self, name: str, values: Any) -> Any:
        """An array as eqpool holds it."""
        dtype = jnp.result_type(float)
        values = np.asarray(values, np.float64)
        if not np.all(np.abs(values) <= jnp.finfo(dtype).max):
            raise ValueError(
                f"from_nir: the node {name!r} has values, or gains of its input, that are too "
                f"large for {dtype}; the largest is {np.max(np.abs(values)):.3g}."
            )
        return jnp.asarray(values, dtype)

    def step(self, name: str) -> float:
        """The time step, s."""
        dt = self.dt if self.dt is not None else note(self.nodes[name], "dt")
        if dt is None:
            raise ValueError(
                f"from_nir: the node {name!r} does not say its time step, which NIR has no place "
                "for; give dt, in s."
            )
        try:
            if isinstance(dt, (str, bytes)):
                raise TypeError
            seconds = float(dt)
        except (TypeError, ValueError):
            raise TypeError(f"from_nir: dt must be a number, in s; got {describe(dt)}.") from None
        if not 0.0 < seconds < np.inf:
            raise ValueError(
                f"from_nir: dt must be positive and finite; got {seconds:g} s for {name!r}."
            )
        return seconds

    def decay(self, name: str, field: str, synaptic: bool = False) -> "Decay":
        """What a time constant leaves after a step, for each channel of a node."""
        tau, dt = self.each(name, field), self.step(name)
        if not np.all(tau > 0.0):
            raise ValueError(
                f"from_nir: {field} of the node {name!r} must be positive; got {np.min(tau):.3g} s."
            )
        with np.errstate(over="ignore", under="ignore"):
            steps = dt / tau
            exponential = self.discretisation == "exponential"
            left = np.exp(-steps) if exponential else 1.0 - steps
        # Weights in front of a synapse are divided by what it leaves.
        if not np.all(left > (jnp.finfo(jnp.result_type(float)).tiny if synaptic else 0.0)):
            raise ValueError(
                f"from_nir: the node {name!r} has a time constant of {np.min(tau):.3g} s, too "
                f"short for {self.discretisation} steps of dt = {dt:.3g} s."
            )
        if not exponential:
            tau = -dt / np.log1p(-steps)
        # What lasts longer leaves the same, to the last bit.
        tau = self.cast(name, np.minimum(tau, LASTING * dt))
        return Decay(left, -np.expm1(-steps) if exponential else steps, tau)


class Decay(NamedTuple):
    """An exponential step: what is left, what is lost, and the time constant that eqpool holds."""

    left: np.ndarray
    lost: np.ndarray
    tau: Any
