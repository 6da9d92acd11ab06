"""A differentiable zoo of neuromorphic models for JAX, on Equinox and Diffrax."""

from importlib.metadata import version as _version

from . import graph as graph, io as io, physics as physics, studies as studies
from ._attribute import (
    AbstractAttribute as AbstractAttribute,
    Blueprint as Blueprint,
    Constant as Constant,
    field as field,
    fields as fields,
    Interval as Interval,
    is_parameter as is_parameter,
    is_simulation_parameter as is_simulation_parameter,
    is_state as is_state,
    kaiming as kaiming,
    Parameter as Parameter,
    SimulationParameter as SimulationParameter,
    State as State,
    uniform_sqrt as uniform_sqrt,
    unit_eigs as unit_eigs,
    xavier as xavier,
)
from ._combinators import (
    FFwdStack as FFwdStack,
    from_graph as from_graph,
    Residual as Residual,
    Sequential as Sequential,
)
from ._events import Events as Events
from ._explain import explain as explain, Explanation as Explanation, Explanations as Explanations
from ._feedback import (
    AbstractFeedback as AbstractFeedback,
    ExponentialFeedback as ExponentialFeedback,
    SigmoidFeedback as SigmoidFeedback,
)
from ._filters import (
    combine as combine,
    family_labels as family_labels,
    filter_grad as filter_grad,
    filter_spec as filter_spec,
    filter_value_and_grad as filter_value_and_grad,
    neuron_shardings as neuron_shardings,
    partition as partition,
)
from ._models import (
    AdExLIF as AdExLIF,
    ALIF as ALIF,
    DynapSim as DynapSim,
    EIF as EIF,
    ExpSmooth as ExpSmooth,
    ExpSmoothJax as ExpSmoothJax,
    ExpSyn as ExpSyn,
    ExpSynJax as ExpSynJax,
    HodgkinHuxley as HodgkinHuxley,
    Instant as Instant,
    InstantJax as InstantJax,
    Izhikevich as Izhikevich,
    LIF as LIF,
    LIFJax as LIFJax,
    Linear as Linear,
    LinearJax as LinearJax,
    LogSoftmax as LogSoftmax,
    LogSoftmaxJax as LogSoftmaxJax,
    QIF as QIF,
    Rate as Rate,
    RateEulerJax as RateEulerJax,
    RateJax as RateJax,
    Softmax as Softmax,
    SoftmaxJax as SoftmaxJax,
    Threshold as Threshold,
)
from ._module import (
    AbstractModule as AbstractModule,
    evolve_sharded as evolve_sharded,
    initialise as initialise,
    mismatch as mismatch,
    Summary as Summary,
    summary as summary,
)
from ._neuron import (
    AbstractNeuron as AbstractNeuron,
    AbstractRateNeuron as AbstractRateNeuron,
    parameter as parameter,
    state as state,
)
from ._settings import debug_mode as debug_mode, native_kernels as native_kernels
from ._solver import (
    AbstractStepper as AbstractStepper,
    Diffrax as Diffrax,
    EventDriven as EventDriven,
    ForwardEuler as ForwardEuler,
    RockpoolEuler as RockpoolEuler,
)
from ._sparse import SparseWeights as SparseWeights
from ._surrogate import (
    AbstractSurrogate as AbstractSurrogate,
    Arctan as Arctan,
    CustomSurrogate as CustomSurrogate,
    FastSigmoid as FastSigmoid,
    Gaussian as Gaussian,
    PiecewiseLinear as PiecewiseLinear,
)
from ._training import (
    accuracy as accuracy,
    bounds_clip as bounds_clip,
    bounds_cost as bounds_cost,
    bounds_penalty as bounds_penalty,
    cross_entropy as cross_entropy,
    l0_norm_approx as l0_norm_approx,
    l2sqr_norm as l2sqr_norm,
    last_output as last_output,
    length_mask as length_mask,
    log_space as log_space,
    logsoftmax as logsoftmax,
    make_bounds as make_bounds,
    mse as mse,
    softmax as softmax,
    sse as sse,
    time_average as time_average,
)
from .io import from_nir as from_nir, load as load, save as save, to_nir as to_nir


__version__ = _version("eqpool")
