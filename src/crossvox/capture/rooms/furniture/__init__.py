"""Large furniture: beds, seats, tables, storage, fittings of kitchens and bathrooms.

Every maker returns a ``Model`` whose back is at y = 0 and whose front looks towards +y. Sizes are
drawn from what shops sell.
"""
