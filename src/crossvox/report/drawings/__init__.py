"""Drawings as inline SVG: training curves, scores, confusion, arms of a study, the camera's path.

Lines and text take their colours from the page (CSS variables), so that one drawing serves the
light and the dark scheme and prints well.
"""
