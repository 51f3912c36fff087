"""The bridge between images and voxels: what each frame sees, which frames to take, lifting.

``visibility`` tells which voxels a frame sees and at which pixel, ``select`` picks the frames for a
sub-volume, ``lift`` carries image features to voxels (and back, as gradients). ``looked_through``
counts the frames that see a point to be free.
"""
