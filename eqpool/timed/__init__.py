from ._convert import from_events as from_events, to_events as to_events
from ._wrapper import TimedModule as TimedModule
