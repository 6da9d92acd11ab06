from .base import AbstractStepper as AbstractStepper
from .continuous import as_stepper as as_stepper, Diffrax as Diffrax
from .euler import ForwardEuler as ForwardEuler, RockpoolEuler as RockpoolEuler
from .event_driven import EventDriven as EventDriven
