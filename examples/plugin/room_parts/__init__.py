"""One part of each kind, see docs/extending.md."""
