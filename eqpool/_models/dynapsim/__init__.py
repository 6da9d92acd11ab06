from .module import DynapSim as DynapSim
