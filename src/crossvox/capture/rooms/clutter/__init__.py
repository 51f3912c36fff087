"""Small things: books, lamps, plants, crockery, boxes, and what hangs on walls and windows."""
