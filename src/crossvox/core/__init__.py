"""The vocabulary every room shares: cameras, poses, frames, grids, volumes, labels, artifacts.

Needs numpy alone, so that importing it costs nothing.
"""
