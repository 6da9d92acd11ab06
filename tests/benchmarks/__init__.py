"""One command and one table: `python -m tests.benchmarks --out DIR`; see `--help`."""
