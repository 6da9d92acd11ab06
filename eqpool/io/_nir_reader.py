"""Reading the nodes of NIR: sizes, time steps, decays."""

import dataclasses
from typing import Any, Literal, TypeAlias

import jax.numpy as jnp
import numpy as np

from .._errors import describe


Discretisation: TypeAlias = Literal["exponential", "euler"]


# What is left after a step of a synapse that a neuron of NIR does not have. A power of two, so that
# undoing it in the weights rounds nothing.
FORGETFUL = 2.0**-20

# Time constant, in steps, of what never decays in NIR: all is left after a step, to the last bit.
LASTING = 2.0**60


def check_discretisation(owner: str, discretisation: str) -> None:
    """Raises for a kind of step that there is not."""
    if discretisation not in ("exponential", "euler"):
        raise ValueError(
            f"{owner}: discretisation must be 'exponential' or 'euler'; got {discretisation!r}."
        )


@dataclasses.dataclass(frozen=True)
class Reader:
    """Nodes and edges of NIR, and how they are to be stepped."""

    nir: Any
    nodes: dict[str, Any]
    edges: list[tuple[str, str]]
    dt: float | None
    discretisation: Discretisation

    def sources(self, name: str) -> list[str]:
        """Where the input of a node comes from, but for recurrent weights."""
        return [a for a, b in self.edges if b == name and not self.is_recurrent(a)]

    def is_recurrent(self, name: str) -> bool:
        """Whether a node leads from another straight back to it."""
        into = {a for a, b in self.edges if b == name}
        return len(into) == 1 and into == {b for a, b in self.edges if a == name}

    def size(self, name: str, seen: tuple[str, ...] = ()) -> int:
        """Number of outputs; scalars stand for as many as come in."""
        node = self.nodes[name]
        if isinstance(node, (self.nir.Input, self.nir.Output)):
            (shape,) = (node.input_type or node.output_type).values()
            return _flat(name, shape)
        if isinstance(node, (self.nir.Linear, self.nir.Affine)):
            return self.weights(name).shape[1]
        own = [np.size(x) for x in vars(node).values() if isinstance(x, np.ndarray)]
        if own and max(own) > 1:
            return max(own)
        for source in self.sources(name):
            if source not in seen:
                return self.size(source, (*seen, name))
        raise ValueError(f"from_nir: the number of channels of {name!r} is not known.")

    def weights(self, name: str) -> np.ndarray:
        """The weights of a node, `(N_in, N_out)`."""
        weights = np.asarray(self.nodes[name].weight)
        if weights.ndim != 2:
            raise ValueError(
                f"from_nir: the weights of {name!r} have shape {weights.shape}; expected "
                "(N_out, N_in)."
            )
        return weights.T

    def each(self, name: str, value: Any) -> np.ndarray:
        """A value for each channel of a node."""
        value, n = np.asarray(value, np.float64).reshape(-1), self.size(name)
        if value.size not in (1, n):
            raise ValueError(f"from_nir: {name!r} has {value.size} values for {n} channels.")
        return np.broadcast_to(value, (n,))

    def step(self, name: str) -> float:
        """The time step, s."""
        dt = self.dt if self.dt is not None else self.nodes[name].metadata.get("dt")
        if dt is None:
            raise ValueError(
                f"from_nir: the node {name!r} does not say its time step, which NIR has no place "
                "for; give dt, in s."
            )
        try:
            seconds = float(dt)
        except (TypeError, ValueError):
            raise TypeError(f"from_nir: dt must be a number, in s; got {describe(dt)}.") from None
        if not 0.0 < seconds < np.inf:
            raise ValueError(
                f"from_nir: dt must be positive and finite; got {seconds:g} s for {name!r}."
            )
        return seconds

    def decay(self, name: str, tau: np.ndarray) -> np.ndarray:
        """What is left after a step."""
        dt = self.step(name)
        a = np.exp(-dt / tau) if self.discretisation == "exponential" else 1.0 - dt / tau
        if not np.all((a > 0.0) & (a < 1.0)):
            raise ValueError(
                f"from_nir: the node {name!r} has a time constant of {np.min(tau):.3g} s, too "
                f"short for {self.discretisation} steps of dt = {dt:.3g} s."
            )
        return a

    def tau(self, name: str, a: np.ndarray) -> Any:
        """The time constant of which `a` is left after an exponential step."""
        return jnp.asarray(-self.step(name) / np.log(a), jnp.result_type(float))


def _flat(name: str, shape: Any) -> int:
    if shape is None:
        raise ValueError(f"from_nir: the number of channels of {name!r} is not known.")
    shape = np.ravel(shape)
    if shape.size != 1:
        raise ValueError(
            f"from_nir: {name!r} has channels of shape {tuple(map(int, shape))}; eqpool's modules "
            "take one axis of channels. Lead an input with several into a nir.Flatten."
        )
    return int(shape[0])
