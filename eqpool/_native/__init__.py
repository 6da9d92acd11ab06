from . import build as build
from .call import call as call
from .linear import linear_map as linear_map
from .register import ready as ready
