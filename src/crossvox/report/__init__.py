"""What a person looks at: one self-contained page, rendered pictures, curves and the 3D view.

Reads run, prediction and data folders; knows no task and no network.
"""
