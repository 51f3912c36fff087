"""Fusion of depth frames into a truncated signed distance field, and its mesh. CPU only.

Space is cut into blocks of 8 x 8 x 8 voxels that exist only where some depth reading put a surface
(a hash table finds them), so memory grows with the surface and not with the room. The field is the
projective one of KinectFusion (Newcombe et al. 2011): a voxel takes the depth of the pixel it
projects to, minus its own depth, clamped to the truncation distance; observations are averaged
with weight 1. Colours, and where it is asked for the classes of labelled frames, are taken by the
voxels near a surface, and end at the vertices of the mesh. Voxel ``(i, j, k)`` is the point
``(i, j, k) * voxel_m`` of the world.
"""
