"""What only a GPU can show: that it computes what the CPU computes, and how fast.

    python -m benchmarks.gpu [--device auto|cpu|cuda|mps] [--out FILE] [--no-tests]

See ``docs/gpu.md``. Without a GPU everything runs at a small size on the CPU, against itself, so
that it stays fit to run.
"""
