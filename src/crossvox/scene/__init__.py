"""Frames or a mesh become one volume per scene: fusion, voxels, labels, storage, levelling."""
