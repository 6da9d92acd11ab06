from . import build as build
from .build import ready as ready
from .call import call as call
from .linear import linear_map as linear_map
