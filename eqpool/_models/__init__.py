from .instant import Instant as Instant
from .linear import Linear as Linear
from .rate import RateEulerJax as RateEulerJax, RateJax as RateJax
