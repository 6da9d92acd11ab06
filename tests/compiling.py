"""How JAX compiles in the tests, which spend most of their time on that."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import jax


# One part of a program after the other, since other tests want the other cores: the same code.
ONE_PART = ("xla_cpu_parallel_codegen_split_count", 1)
# Plain loops in place of fused ones: other code, in two thirds of the time.
PLAIN_LOOPS = ("xla_cpu_use_fusion_emitters", False)


@functools.cache
def supported(name: str, value: Any) -> bool:
    """Whether this version of XLA knows the option."""
    try:
        jax.jit(lambda x: x, compiler_options={name: value}).lower(0.0).compile()
    except Exception:
        return False
    return True


@contextlib.contextmanager
def compiled_with(*options: tuple[str, Any]) -> Iterator[None]:
    """Every program that is compiled in here has these options, if this JAX can do it."""
    try:  # which has no public place for options of all programs
        from jax._src import compiler

        plain = compiler.get_compile_options
    except (ImportError, AttributeError):
        yield
        return
    known = {name: value for name, value in options if supported(name, value)}

    def with_options(*args, **kwargs):
        result = plain(*args, **kwargs)
        result.env_option_overrides = [*(known | dict(result.env_option_overrides)).items()]
        return result

    compiler.get_compile_options = with_options
    yield
    compiler.get_compile_options = plain


@contextlib.contextmanager
def compiled_fast() -> Iterator[None]:
    """For what asks for neither speed nor the last bits; what was compiled before goes."""
    jax.clear_caches()
    jax.config.update("jax_disable_most_optimizations", True)
    with compiled_with(ONE_PART, PLAIN_LOOPS):
        yield
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()
