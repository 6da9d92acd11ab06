from .blueprint import Blueprint as Blueprint
from .constant import Constant as Constant
from .fields import fields as fields
from .function import Function as Function
from .initialisers import (
    Full as Full,
    kaiming as kaiming,
    uniform_sqrt as uniform_sqrt,
    unit_eigs as unit_eigs,
    xavier as xavier,
)
from .interval import (
    Interval as Interval,
    NON_NEGATIVE as NON_NEGATIVE,
    POSITIVE as POSITIVE,
    REAL as REAL,
    USUAL_SLOW_TIME as USUAL_SLOW_TIME,
    USUAL_STEP as USUAL_STEP,
    USUAL_TIME as USUAL_TIME,
)
from .resolve import check_values as check_values, concrete_shape as concrete_shape
from .selection import (
    FamilyLike as FamilyLike,
    is_parameter as is_parameter,
    is_simulation_parameter as is_simulation_parameter,
    is_state as is_state,
    Selection as Selection,
    selection as selection,
)
from .spec import (
    AbstractAttribute as AbstractAttribute,
    field as field,
    Parameter as Parameter,
    permitted_shapes as permitted_shapes,
    SimulationParameter as SimulationParameter,
    State as State,
)
