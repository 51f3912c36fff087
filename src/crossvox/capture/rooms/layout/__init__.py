"""Rooms: plan, walls with doors and windows, and furniture where people put it.

``furnish`` builds a room: ``shell`` first, then what a room of its kind holds (``kinds``, one file
a kind) with ``placer`` and ``groups``, then ``decor``.
"""
