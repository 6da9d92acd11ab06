from .base import AbstractNeuron as AbstractNeuron
from .build import build as build
from .fields import (
    parameter as parameter,
    recurrent_weights as recurrent_weights,
    scale as scale,
    state as state,
    time_constant as time_constant,
)
from .rates import AbstractRateNeuron as AbstractRateNeuron
