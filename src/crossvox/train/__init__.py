"""Training: the one loop, and checkpoints."""
