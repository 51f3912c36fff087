"""The 3D view: one HTML file that opens offline, or a live server."""
