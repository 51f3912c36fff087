"""Time measurements; run with ``python -m benchmarks``."""
