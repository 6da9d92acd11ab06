"""pynapple, or the extra to install."""

try:
    import pynapple as nap
except ImportError as error:
    raise ImportError("eqpool.timed needs pynapple: pip install 'eqpool[timed]'") from error


__all__ = ["nap"]
