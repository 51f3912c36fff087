"""Experiments: which runs are compared, and what their scores say."""
