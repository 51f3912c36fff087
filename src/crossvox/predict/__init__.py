"""Whole scenes from sub-volumes: windows stitched, surfaces extracted, volumes stored."""
