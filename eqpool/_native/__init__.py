from . import build as build
from .call import call as call
from .linear import linear_map as linear_map
from .portable import all_known as all_known, by_kernel as by_kernel
from .register import add_program as add_program, obstacle as obstacle, ready as ready
