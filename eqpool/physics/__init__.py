"""Pure functions on arrays: the equations of the models, free of modules and state."""

from ._adex import (
    adex_adaptation as adex_adaptation,
    adex_coordinate as adex_coordinate,
    adex_distance as adex_distance,
    adex_membrane as adex_membrane,
    adex_smooth_adaptation as adex_smooth_adaptation,
    adex_upstroke as adex_upstroke,
)
from ._lif import lif_spikes as lif_spikes
from ._linear import stepwise_product as stepwise_product
from ._membrane import (
    exponential_feedback as exponential_feedback,
    leak as leak,
    membrane_derivative as membrane_derivative,
    membrane_input as membrane_input,
    nmda_gate as nmda_gate,
    sigmoid_feedback as sigmoid_feedback,
)
from ._rate import (
    leaky_relu as leaky_relu,
    rate_derivative as rate_derivative,
    relu as relu,
    sigmoid as sigmoid,
    tanh as tanh,
)
from ._spike import (
    refractory_timer as refractory_timer,
    reset as reset,
    spike_count as spike_count,
    steps_left as steps_left,
)
from ._synapse import (
    dpi_charge as dpi_charge,
    dpi_decay as dpi_decay,
    dpi_steady_state as dpi_steady_state,
)
from ._transistor import (
    leak_current as leak_current,
    membrane_potential as membrane_potential,
    pulse_current as pulse_current,
    pulse_width as pulse_width,
    slope_factor as slope_factor,
    time_constant as time_constant,
)
