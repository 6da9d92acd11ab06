from equinox import combine as combine

from .grad import filter_grad as filter_grad, filter_value_and_grad as filter_value_and_grad
from .labels import family_labels as family_labels
from .partition import filter_spec as filter_spec, partition as partition
from .shardings import neuron_shardings as neuron_shardings
