"""Which kinds of images can be read; no codec is loaded to know that."""

COLOR_KINDS = "JPEG, PNG, WebP, BMP or TIFF"
"""Colour images that can be read."""

COLOR_SUFFIXES = (".tiff", ".tif", ".bmp", ".webp", ".png", ".jpeg", ".jpg")
"""Endings of :data:`COLOR_KINDS`, small letters, the most usual one last."""
