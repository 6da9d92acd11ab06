"""Prints the oldest versions that `pyproject.toml` permits, as constraints for pip."""

import tomllib


with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
# What the tests need; the extras that `tests` names are listed there as extras of eqpool.
names = ("tests", "checkpoint", "graph", "nir", "plot", "save", "timed")
required = {*project["dependencies"], *(package for name in names for package in extras[name])}
print(*sorted(p.replace(">=", "==") for p in required if ">=" in p), sep="\n")
