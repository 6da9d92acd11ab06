from .base import AbstractModule as AbstractModule
from .batching import RANDOM as RANDOM
from .function import Function as Function
from .initialise import initialise as initialise, normalise_shape as normalise_shape
from .tree import map_leaves as map_leaves, Site as Site, tagged_leaves as tagged_leaves
