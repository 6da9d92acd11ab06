"""Wrong uses of files, with what the message must say."""

import jax
import jax.numpy as jnp

import eqpool


def net():
    return eqpool.Linear((2, 2), rng_key=0)


FILE_CASES = {
    "saving into a folder that is missing": (
        lambda: eqpool.save("no/such/net.safetensors", net()),
        FileNotFoundError,
        r"No such file or directory: 'no/such/net.safetensors'$",
    ),
    "saving to a folder": (
        lambda: eqpool.save("/", net()),
        IsADirectoryError,
        r"Is a directory: '/'$",
    ),
    "loading a device": (
        lambda: eqpool.load("/dev/zero"),
        OSError,
        r"Not a regular file: '/dev/zero'$",
    ),
    "loading what is no network": (
        lambda: eqpool.load(__file__),
        ValueError,
        r"bad_input_files.py: is no file of eqpool.save, or has been cut short",
    ),
    "saving half of a partition": (
        lambda: eqpool.save("net.safetensors", eqpool.partition(net(), "weights")[1]),
        ValueError,
        r"LinearJax.weight: must be an array; it is NoneType None, as in one half of a partition.*"
        r"`eqpool.combine\(trainable, frozen\)`",
    ),
    "saving numbers of eight bits": (
        lambda: eqpool.save("net.safetensors", {"w": jnp.ones(3, "float8_e4m3fn")}),
        TypeError,
        r"'w' is float8_e4m3fn\[3\], a kind that no file can hold; convert it, as `x.astype",
    ),
    "saving what cannot run": (
        lambda: eqpool.save("net.safetensors", eqpool.Instant(3, jax.nn.one_hot)),
        ValueError,
        r"eqpool.save: InstantJax: cannot run: .*num_classes",
    ),
}
