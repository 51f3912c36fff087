"""The page: what went in, what came out, how good it is, as one HTML file that needs no network."""
