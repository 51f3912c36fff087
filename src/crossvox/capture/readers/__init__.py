"""Readers, one module a format, some with a helper beside it. ``capture.formats`` lists them."""
