"""The published pipeline's files: its checkpoints to run folders, its HDF5 files in and out."""
