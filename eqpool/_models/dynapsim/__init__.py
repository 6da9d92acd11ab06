from .feedback import (
    AbstractFeedback as AbstractFeedback,
    ExponentialFeedback as ExponentialFeedback,
    SigmoidFeedback as SigmoidFeedback,
)
from .mismatch import mismatch as mismatch
from .module import DynapSim as DynapSim
