from .base import AbstractNeuron as AbstractNeuron
from .build import build as build, start_from as start_from
from .fields import (
    noise_deviation as noise_deviation,
    parameter as parameter,
    recurrent_weights as recurrent_weights,
    scale as scale,
    state as state,
    time_constant as time_constant,
)
from .rates import AbstractRateNeuron as AbstractRateNeuron
