"""Sub-volumes in the published pipeline's HDF5 files, both ways."""
