from .ffwd_stack import FFwdStack as FFwdStack
from .from_graph import from_graph as from_graph
from .residual import Residual as Residual
from .sequential import Sequential as Sequential
