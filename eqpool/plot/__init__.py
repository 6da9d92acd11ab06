"""Pictures of what networks do and are: matplotlib, extra `plot`."""

from .._errors import extra as _extra


_extra("matplotlib", "plot")

# ruff: noqa: E402
from ._activity import fi_curve as fi_curve, raster as raster, traces as traces
from ._networks import network as network, weights as weights
from ._studies import work_precision as work_precision
from ._style import COLORS as COLORS, log_scale as log_scale, STYLES as STYLES
