"""Times eqpool against Rockpool, C, JAX, jaxpike and Brian2, on the device that JAX chooses.

    python -m tests.benchmarks --out DIR     # all of it, a quarter of an hour
    python -m tests.benchmarks --short       # a minute
    python -m tests.benchmarks --parts runs --cases 64,1000,1 256,1000,8 --models rate
    python -m tests.benchmarks --parts ratios

Prints a table in Markdown; `--out` gets it as benchmarks.md, and all numbers, with quartiles, as
benchmarks.json. Rockpool is left out where it is not installed (extra `parity`), the C kernel
where there is no gcc, and so are jaxpike (`peers`) and Brian2 (`oracles`). Runs are interleaved;
ratios are medians of the ratios run by run.
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import jax

from .endurance import endurance
from .growth import growth
from .imports import import_times
from .machine import machine
from .measure import CHECKPOINTED, compare, Effort
from .models import Case, MODELS
from .peers import C, EQPOOL, ROCKPOOL
from .ratios import RATIOS, ratios
from .resident import peak_growth
from .scans import scans
from .table import markdown
from .traces import retraces


CASES = (
    Case(64, 1000, 1),
    Case(256, 1000, 8),
    Case(1024, 1000, 1),
    Case(64, 1000, 64),
    Case(64, 20_000, 1),
    Case(64, 100_000, 1),
)
PARTS = ("runs", "traces", "imports", "growth", "resident", "endurance", "scans", "ratios")


def main() -> None:
    args = _arguments()
    models = {
        name: model
        for name, model in MODELS.items()
        if not args.models or any(part.lower() in name.lower() for part in args.models)
    }
    if not models:
        sys.exit(f"No model is called like {args.models}; there are {list(MODELS)}.")
    short = args.short
    effort = Effort(runs=5, compilations=1) if short else Effort(runs=args.runs)
    cases = args.cases or (CASES[:1] if short else CASES)
    # What a short run shows besides run times, it shows of one model.
    chosen = dict(list(models.items())[:1]) if short else models
    results: dict[str, Any] = {"machine": machine(), "effort": effort._asdict()}
    say = _reporter(results, args.out)

    if "runs" in args.parts:
        results["runs"] = []
        for name, model in models.items():
            for case in cases:
                for what in ("forward", "gradient"):
                    say(f"{name}: ({case}) {what}")
                    row = compare(model, case, what, args.peers, effort)
                    results["runs"].append({"model": name} | row)
    if "traces" in args.parts:
        say("traces")
        results["traces"] = {name: retraces(model) for name, model in chosen.items()}
    if "imports" in args.parts:
        say("imports")
        results["imports"] = import_times(3 if short else 9)
    if "growth" in args.parts:
        steps = (100, 1000) if short else (1000, 10_000, 100_000)
        batches = (1, 8) if short else (1, 8, 64)
        results["growth"] = {}
        for name, model in chosen.items():
            say(f"{name}: growth")
            results["growth"][name] = growth(model, steps, batches, effort)
    if "resident" in args.parts and jax.default_backend() == "cpu":
        case = CASES[0] if short else CASES[-1]
        results["resident"] = {"case": case, "bytes": {}}
        for name in chosen:
            say(f"{name}: resident memory")
            results["resident"]["bytes"][name] = {
                EQPOOL: peak_growth(name, case, EQPOOL),
                f"{EQPOOL}, {CHECKPOINTED}": peak_growth(name, case, EQPOOL, CHECKPOINTED),
                ROCKPOOL: peak_growth(name, case, ROCKPOOL) if ROCKPOOL in args.peers else None,
            }
    if "endurance" in args.parts:
        results["endurance"] = {}
        for name, model in chosen.items():
            say(f"{name}: endurance")
            results["endurance"][name] = endurance(model, 100_000 if short else 10_000_000)
    if "scans" in args.parts:
        say("scans")
        results["scans"] = scans((1000,) if short else (1000, 20_000, 100_000), effort)
    if "ratios" in args.parts:
        results["ratios"] = []
        # Of a case at several sizes, a short run shows the first.
        for name in list(RATIOS)[: -1 if short else None]:
            say(f"ratios: {name}")
            results["ratios"] += ratios(name, effort)
    say("done")
    print(markdown(results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=pathlib.Path, help="folder for benchmarks.json and .md")
    parser.add_argument("--short", action="store_true", help="the first case, few runs")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--cases", nargs="+", type=_case, metavar="N,T,B", help=f"default: {CASES}")
    parser.add_argument(
        "--models", nargs="+", metavar="NAME", help=f"parts of names; all of {list(MODELS)}"
    )
    parser.add_argument("--peers", nargs="*", choices=(ROCKPOOL, C), default=(ROCKPOOL, C))
    parser.add_argument("--runs", type=int, default=Effort().runs, help="at most, of each")
    args = parser.parse_args()
    args.peers = (EQPOOL, *args.peers)
    return args


def _case(text: str) -> Case:
    try:
        case = Case(*map(int, text.split(",")))
    except (TypeError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} must be N,T,B, as 64,1000,1") from None
    if min(case) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: each number must be at least 1")
    return case


def _reporter(results: dict[str, Any], out: pathlib.Path | None) -> Callable[[str], None]:
    """What is going on, on stderr; and all results so far in files, should it be ended early."""

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            (out / "benchmarks.json").write_text(json.dumps(results, indent=1))
            (out / "benchmarks.md").write_text(markdown(results))

    return say


if __name__ == "__main__":
    main()
