"""Which collectives a compiled function runs in each step of its loops, and which outside."""

import re


_COLLECTIVE = re.compile(
    r"= (.+?) (all-gather|all-reduce|reduce-scatter|all-to-all|collective-permute)(?:-start)?\("
)
_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\{$")
_CALLED = re.compile(r"(?:calls|to_apply|body|condition)=%?([\w.\-]+)")


def collectives(compiled):
    """`(inside, outside)` of loops: lists of `(operation, shape)`."""
    called, found, bodies, name = {}, {}, [], ""
    for line in compiled.compiled.as_text().splitlines():
        if match := _COMPUTATION.match(line):
            name = match[1]
            called[name], found[name] = [], []
        elif name:
            called[name] += _CALLED.findall(line)
            bodies += re.findall(r" while\(.*body=%?([\w.\-]+)", line)
            found[name] += [(op, shape) for shape, op in _COLLECTIVE.findall(line)]
    loops, todo = set(), bodies
    while todo:
        if (name := todo.pop()) not in loops:
            loops.add(name)
            todo += called[name]
    inside = [entry for name in loops for entry in found[name]]
    outside = [entry for name in found.keys() - loops for entry in found[name]]
    assert bodies or loops, "the function has no loop"
    return sorted(inside), sorted(outside)
