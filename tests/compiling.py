"""How JAX compiles in the tests, which spend most of their time on that."""

import functools
from typing import Any

import jax


# One part of a program after the other, since other tests want the other cores: the same code.
SAME_CODE: dict[str, Any] = {"xla_cpu_parallel_codegen_split_count": 1}
# Plain loops in place of fused ones: other code, in two thirds of the time.
FAST: dict[str, Any] = SAME_CODE | {"xla_cpu_use_fusion_emitters": False}

_options: dict[str, Any] = {}
_now: tuple[bool, str] = (False, "")


def install() -> None:
    """From now on, every program is compiled with the options that are chosen at that time."""
    try:  # JAX has no public place for options of all programs
        from jax._src import compiler

        plain = compiler.get_compile_options
    except (ImportError, AttributeError):
        return

    def with_options(*args, **kwargs):
        result = plain(*args, **kwargs)
        result.env_option_overrides = [*(_options | dict(result.env_option_overrides)).items()]
        return result

    compiler.get_compile_options = with_options


@functools.cache
def _known(name: str, value: Any) -> bool:
    """Whether this version of XLA has the option."""
    try:
        jax.jit(lambda x: x, compiler_options={name: value}).lower(0.0).compile()
    except Exception:
        return False
    return True


def switch(fast: bool, group: str) -> None:
    """Fast for what asks for neither speed nor the last bits; else the code that users get.

    What was compiled otherwise, or in another group, is forgotten: one process could not hold all.
    """
    global _now, _options
    if (fast, group) != _now:
        jax.clear_caches()
        jax.config.update("jax_disable_most_optimizations", fast)
    chosen = FAST if fast else SAME_CODE
    _now, _options = (fast, group), {name: x for name, x in chosen.items() if _known(name, x)}
