"""What a vertex of a computational graph computes: plain data, which knows no module.

Fields are called like the arguments of the module that computes the same.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

from .._errors import describe


class AbstractNode(abc.ABC):
    """What every node has: a number of channels in and out."""

    @property
    @abc.abstractmethod
    def size_in(self) -> int:
        """Number of input channels; all that leads to a node is summed."""

    @property
    @abc.abstractmethod
    def size_out(self) -> int:
        """Number of output channels."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size_in} -> {self.size_out})"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class AbstractSquare(AbstractNode):
    """A node with as many outputs as inputs."""

    size: int

    @property
    def size_in(self) -> int:
        return self.size

    @property
    def size_out(self) -> int:
        return self.size


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Input(AbstractSquare):
    """Where input comes in."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Output(AbstractSquare):
    """Where output goes out."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class AliasConnection(AbstractSquare):
    """Hands on what comes in: the way around the modules of a residual block."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class LinearWeights(AbstractNode):
    """Weights, and perhaps biases.

    **Arguments:**

    - `weights`: `(N_in, N_out)`; an array, or [`eqpool.SparseWeights`][] where they are recurrent.
    - `biases`: `(N_out,)`. Default: none.

    **Raises:** `ValueError` for other shapes.
    """

    weights: Any
    biases: Any = None

    def __post_init__(self) -> None:
        if getattr(self.weights, "ndim", None) != 2:
            raise ValueError(
                f"LinearWeights: weights must have shape (N_in, N_out); got {_short(self.weights)}."
            )
        if self.biases is not None and getattr(self.biases, "shape", None) != (self.size_out,):
            raise ValueError(
                f"LinearWeights: biases must have shape ({self.size_out},), the outputs of the "
                f"weights; got {_short(self.biases)}."
            )

    @property
    def size_in(self) -> int:
        return self.weights.shape[0]

    @property
    def size_out(self) -> int:
        return self.weights.shape[1]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class InstantFunction(AbstractNode):
    """A function of the whole time series.

    **Arguments:**

    - `n_in`, `n_out`: number of channels.
    - `function`: `(T, n_in) -> (T, n_out)`.
    """

    n_in: int
    n_out: int
    function: Callable[..., Any]

    @property
    def size_in(self) -> int:
        return self.n_in

    @property
    def size_out(self) -> int:
        return self.n_out


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class AbstractNeurons(AbstractNode):
    """Neurons, or other parts with dynamics.

    **Arguments:**

    - `shape`: `(N_in, N)`; with one entry, as many inputs as neurons.

    What is left out of the others has the default of the module.
    """

    shape: tuple[int, ...]

    @property
    def size_in(self) -> int:
        return self.shape[0]

    @property
    def size_out(self) -> int:
        return self.shape[-1]

    def arguments(self) -> dict[str, Any]:
        """What is given beyond the shape, by name, as the constructor of the module takes it."""
        given = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: x for name, x in given.items() if name != "shape" and x is not None}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Neurons(AbstractNeurons):
    """Neurons of any model, also one of your own.

    **Arguments:**

    - `shape`: as of [`eqpool.graph.AbstractNeurons`][].
    - `model`: the class, an [`eqpool.AbstractNeuron`][].
    - `values`: what its constructor is given, by name, but for the weights.
    """

    model: Any
    values: dict[str, Any] = dataclasses.field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        return {name: value for name, value in self.values.items() if value is not None}

    def __repr__(self) -> str:
        return f"Neurons({self.model.__name__}, {self.size_in} -> {self.size_out})"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RateNeurons(AbstractNeurons):
    """Rate neurons; fields as of [`eqpool.RateJax`][]."""

    tau: Any = None
    bias: Any = None
    threshold: Any = None
    activation_func: Any = None
    noise_std: Any = None
    dt: Any = None
    solver: Any = None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class LIFNeurons(AbstractNeurons):
    """Leaky integrate-and-fire neurons with synapses; fields as of [`eqpool.LIFJax`][]."""

    tau_mem: Any = None
    tau_syn: Any = None
    bias: Any = None
    threshold: Any = None
    noise_std: Any = None
    max_spikes_per_dt: Any = None
    dt: Any = None
    t_ref: Any = None
    solver: Any = None
    surrogate: Any = None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class AdExNeurons(AbstractNeurons):
    """Adaptive exponential neurons with a synapse each; fields as of [`eqpool.AdExLIF`][]."""

    C: Any = None
    g_L: Any = None
    E_L: Any = None
    V_T: Any = None
    Delta_T: Any = None
    V_peak: Any = None
    V_reset: Any = None
    a: Any = None
    b: Any = None
    tau_w: Any = None
    tau_syn: Any = None
    t_ref: Any = None
    noise_std: Any = None
    Idc: Any = None
    Iscale: Any = None
    dt: Any = None
    solver: Any = None
    surrogate: Any = None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class DynapseNeurons(AbstractNeurons):
    """DYNAP-SE2 neurons with their synapses; fields as of [`eqpool.DynapSim`][].

    Of the synapses there are, with one type, `Igain_syn`, `Itau_syn` and `C_syn`, else one of each
    for each type.
    """

    synapses: tuple[str, ...] = ("ampa",)
    Idc: Any = None
    If_nmda: Any = None
    Igain_ahp: Any = None
    Igain_mem: Any = None
    Igain_syn: Any = None
    Igain_ampa: Any = None
    Igain_gaba: Any = None
    Igain_nmda: Any = None
    Igain_shunt: Any = None
    Ipulse_ahp: Any = None
    Ipulse: Any = None
    Iref: Any = None
    Ispkthr: Any = None
    Itau_ahp: Any = None
    Itau_mem: Any = None
    Itau_syn: Any = None
    Itau_ampa: Any = None
    Itau_gaba: Any = None
    Itau_nmda: Any = None
    Itau_shunt: Any = None
    Iw_ahp: Any = None
    C_ahp: Any = None
    C_syn: Any = None
    C_ampa: Any = None
    C_gaba: Any = None
    C_nmda: Any = None
    C_shunt: Any = None
    C_pulse_ahp: Any = None
    C_pulse: Any = None
    C_ref: Any = None
    C_mem: Any = None
    Io: Any = None
    kappa_n: Any = None
    kappa_p: Any = None
    Ut: Any = None
    Vth: Any = None
    Iscale: Any = None
    noise_std: Any = None
    dt: Any = None
    solver: Any = None
    feedback: Any = None
    surrogate: Any = None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ExponentialSynapses(AbstractNeurons):
    """Exponential synapses; fields as of [`eqpool.ExpSynJax`][]."""

    tau: Any = None
    noise_std: Any = None
    dt: Any = None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ExponentialFilter(AbstractNeurons):
    """An exponential filter and a function; fields as of [`eqpool.ExpSmoothJax`][]."""

    tau: Any = None
    activation_fun: Any = None
    dt: Any = None


def _short(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return describe(value) if shape is None else f"shape {shape}"
