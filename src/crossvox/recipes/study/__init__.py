"""Studies: many runs that differ in one thing each, and what their scores say side by side.

``runner`` is the same for every task; ``scenes`` is what studies of 3D tasks share. What is lifted
into a reconstruction: ``reconstruct`` (parameters and command) and ``reconstruct_arms`` (how its
arms are trained and scored), with 2D networks that were not trained in ``untrained``. What a
segmentation starts from: ``segment3d`` and ``segment3d_arms``. Its labels rendered back into
frames: ``segment2d`` and ``segment2d_arms``.
"""
