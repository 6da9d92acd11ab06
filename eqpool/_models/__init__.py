from .dynapsim import (
    AbstractFeedback as AbstractFeedback,
    DynapSim as DynapSim,
    ExponentialFeedback as ExponentialFeedback,
    mismatch as mismatch,
    SigmoidFeedback as SigmoidFeedback,
)
from .instant import Instant as Instant
from .linear import Linear as Linear
from .rate import RateEulerJax as RateEulerJax, RateJax as RateJax
