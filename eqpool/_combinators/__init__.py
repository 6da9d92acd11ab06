from .sequential import Sequential as Sequential
