"""Training data in motion: places in scene volumes, cut, turned and varied on the fly.

No sub-volume is ever stored: scene volumes, the views of each scene and an index are enough to make
the same samples again.
"""
