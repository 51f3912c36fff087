"""Rendered pictures of meshes: the same on every machine.

Ray casting only, no graphics card and no window.
"""
