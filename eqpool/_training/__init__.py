from .dictionaries import (
    bounds_clip as bounds_clip,
    bounds_cost as bounds_cost,
    l0_norm_approx as l0_norm_approx,
    l2sqr_norm as l2sqr_norm,
    make_bounds as make_bounds,
)
from .log_space import log_space as log_space
from .losses import (
    accuracy as accuracy,
    cross_entropy as cross_entropy,
    last_output as last_output,
    length_mask as length_mask,
    logsoftmax as logsoftmax,
    mse as mse,
    softmax as softmax,
    sse as sse,
    time_average as time_average,
)
from .penalty import bounds_penalty as bounds_penalty
