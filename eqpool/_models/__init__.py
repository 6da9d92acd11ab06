from .adex import AdExLIF as AdExLIF
from .alif import ALIF as ALIF
from .dynapsim import DynapSim as DynapSim
from .eif import EIF as EIF
from .exp_smooth import ExpSmooth as ExpSmooth, ExpSmoothJax as ExpSmoothJax
from .exp_syn import ExpSyn as ExpSyn, ExpSynJax as ExpSynJax
from .hodgkin_huxley import HodgkinHuxley as HodgkinHuxley
from .instant import Instant as Instant, InstantJax as InstantJax
from .izhikevich import Izhikevich as Izhikevich
from .lif import LIF as LIF, LIFJax as LIFJax
from .linear import Linear as Linear, LinearJax as LinearJax
from .qif import QIF as QIF
from .rate import Rate as Rate, RateEulerJax as RateEulerJax, RateJax as RateJax
from .softmax import (
    LogSoftmax as LogSoftmax,
    LogSoftmaxJax as LogSoftmaxJax,
    Softmax as Softmax,
    SoftmaxJax as SoftmaxJax,
)
from .threshold import Threshold as Threshold
