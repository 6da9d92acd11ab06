from .lanes import Unsupported as Unsupported
from .program import Program as Program, Step as Step
from .series import Series as Series
