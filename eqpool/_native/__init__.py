from .build import native_kernels as native_kernels, ready as ready
from .call import call as call
from .linear import linear_map as linear_map
