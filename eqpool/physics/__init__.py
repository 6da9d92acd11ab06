"""Pure functions on arrays: the equations of the models, free of modules and state."""

from ._linear import stepwise_product as stepwise_product
from ._rate import (
    leaky_relu as leaky_relu,
    rate_derivative as rate_derivative,
    relu as relu,
    sigmoid as sigmoid,
    tanh as tanh,
)
