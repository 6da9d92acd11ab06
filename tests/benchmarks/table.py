"""The numbers as Markdown."""

from collections.abc import Iterable
from typing import Any

from .peers import C, EQPOOL, ROCKPOOL
from .traces import CALLS


def markdown(results: dict[str, Any]) -> str:
    """Everything that has been measured."""
    sections = [_machine(results["machine"])]
    sections += [part(results[name]) for name, part in _PARTS.items() if name in results]
    return "\n\n".join(sections) + "\n"


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items() if v)
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; "
        f"{', '.join(machine['devices'])}; {versions}; Python {machine['python']}; "
        f"{machine['c_compiler'] or 'no gcc'} {machine['c_flags']}; "
        f"revision {machine['revision']}; {machine['time']}."
    )


def _runs(rows: list[dict[str, Any]]) -> str:
    """A table for each model, and notes on what is missing."""
    parts = []
    for model in dict.fromkeys(row["model"] for row in rows):
        of_model = [row for row in rows if row["model"] == model]
        header = (
            "N, T, B", "what", "eqpool, ms", "Rockpool, ms", "Rockpool / eqpool", "C, ms",
            "eqpool / C", "memory, MB", "Rockpool's, MB", "compile, s", "Rockpool's, s",
        )  # fmt: skip
        parts.append(f"### {model}\n\n{_table(header, map(_run, of_model))}{_notes(of_model)}")
    return "## Run time, memory, compile time\n\n" + "\n\n".join(parts)


def _run(row: dict[str, Any]) -> list[str]:
    ours, rockpool, c = (row["peers"].get(peer) for peer in (EQPOOL, ROCKPOOL, C))
    return [
        ", ".join(str(row[axis]) for axis in ("neurons", "steps", "batch")),
        row["what"],
        _milliseconds(ours),
        _milliseconds(rockpool),
        _number(rockpool and rockpool["of_eqpool"]["median"]),
        _milliseconds(c),
        _number(c and c["eqpool_of_it"]["median"]),
        *(_number(peer and sum(peer["memory_bytes"].values()) / 1e6) for peer in (ours, rockpool)),
        *(_number(peer and peer["tracing_s"] + peer["compiling_s"]) for peer in (ours, rockpool)),
    ]


def _notes(rows: list[dict[str, Any]]) -> str:
    found: dict[str, list[str]] = {}
    for row in rows:
        size = ", ".join(str(row[axis]) for axis in ("neurons", "steps", "batch"))
        for peer, reason in row["left_out"].items():
            if (peer, row["what"]) != (C, "gradient"):
                found.setdefault(f"{peer}: {reason}", []).append(f"({size}) {row['what']}")
    lines = [
        f"Left out: {reason}" + ("" if len(of) == len(rows) else f" At {'; '.join(of)}.")
        for reason, of in found.items()
    ]
    return "".join(f"\n\n{line}" for line in lines)


def _traces(traces: dict[str, Any]) -> str:
    rows = [
        [model, peer, *map(str, counts.values())]
        for model, peers in traces.items()
        for peer, counts in peers.items()
    ]
    changes = next(iter(next(iter(traces.values())).values()))
    return f"## Traces in {CALLS} calls after the first, when only values change\n\n" + _table(
        ("model", "who", *changes), rows
    )


def _imports(times: dict[str, Any]) -> str:
    rows = [[f"`{name}`", _number(value["median"])] for name, value in times["s"].items()]
    ratio = _number(times["ratio"]["median"])
    return f"## Import\n\n{_table(('statement', 's'), rows)}\n\nRatio {ratio}."


def _growth(models: dict[str, Any]) -> str:
    rows = [
        [
            model,
            row["what"],
            f"{row['axis']} = {', '.join(map(str, row['sizes']))}",
            ", ".join(_number(1e3 * value) for value in row["run_s"]),
            f"{row['exponent_of_time']:.2f}",
            ", ".join(_number(value / 1e6) for value in row["memory_bytes"]),
            f"{row['exponent_of_memory']:.2f}",
        ]
        for model, found in models.items()
        for row in found
    ]
    header = ("model", "what", "size", "ms", "exponent", "memory, MB", "exponent")
    return f"## Growth of eqpool at N = 64\n\n{_table(header, rows)}"


def _resident(found: dict[str, Any]) -> str:
    size = ", ".join(map(str, found["case"]))
    rows = [
        [model, *(_number(bytes and bytes / 1e6) for bytes in peers.values())]
        for model, peers in found["bytes"].items()
    ]
    peers = next(iter(found["bytes"].values()), ())
    header = ("model", *(f"{peer}, MB" for peer in peers))
    return f"## Growth of the process during one gradient at ({size})\n\n{_table(header, rows)}"


def _endurance(models: dict[str, Any]) -> str:
    rows = [
        [
            name,
            f"{found['steps']:,}",
            _number(found["run_s"]),
            *(f"{mean:.6g}" for mean in found["mean_output"]),
            "yes" if found["finite"] else "NO",
            _number(found["growth_bytes"] and found["growth_bytes"] / 1e6),
        ]
        for name, found in models.items()
    ]
    header = ("model", "steps", "s", "mean output early", "late", "finite", "growth, MB")
    return f"## One network for a long time, at N = 64\n\n{_table(header, rows)}"


def _scans(found: list[dict[str, Any]]) -> str:
    rows = [
        [str(row["steps"]), row["what"], *(_number(1e3 * s) for s in row["run_s"].values())]
        for row in found
    ]
    header = ("steps", "what", *(f"{name}, ms" for name in found[0]["run_s"]))
    return f"## A low-pass filter of 64 channels\n\n{_table(header, rows)}"


def _ratios(rows: list[dict[str, Any]]) -> str:
    lines = [
        [
            row["case"],
            row["what"],
            _number(1e3 * row["run_s"][EQPOOL]["median"]),
            row["peer"],
            _number(1e3 * row["run_s"][row["peer"]]["median"]),
            _number(row["eqpool_of_it"]["median"]),
            " to ".join(map(_number, row["eqpool_of_it"]["quartiles"])),
        ]
        for row in rows
        if "left_out" not in row
    ]
    notes = [
        f"\n\nLeft out: {row['case']}, {row['what']} against {row['peer']}: {row['left_out']}"
        for row in rows
        if "left_out" in row
    ]
    header = ("case", "what", "eqpool, ms", "against", "ms", "eqpool / it", "quartiles")
    return f"## Ratios\n\n{_table(header, lines)}{''.join(notes)}"


_PARTS = {
    "runs": _runs,
    "traces": _traces,
    "imports": _imports,
    "growth": _growth,
    "resident": _resident,
    "endurance": _endurance,
    "scans": _scans,
    "ratios": _ratios,
}


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _milliseconds(peer: dict[str, Any] | None) -> str:
    return _number(peer and 1e3 * peer["run_s"]["median"])


def _number(value: Any) -> str:
    """Three digits."""
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
