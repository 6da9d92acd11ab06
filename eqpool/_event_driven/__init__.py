from .base import AbstractFlow as AbstractFlow, Neurons as Neurons
from .run import exact_events as exact_events, exact_raster as exact_raster
