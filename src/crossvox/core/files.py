"""Names of files and folders that one room writes and another one, which does not know it, reads.

What a single room writes and reads is named there.
"""

from __future__ import annotations

CLASS_MAP = "scannetv2-labels.combined.tsv"
"""Beside raw scans of ScanNet: its class names, and the ids of NYU40."""

VOLUME = "volume.npz"
"""The file that makes a folder a prepared scene; in a predicted one, what was predicted."""

PARAMS = "params.json"
"""In a run: everything that made it."""

LOG = "log.jsonl"
"""In a run: losses and scores, by step."""

STATE = "state.json"
"""In a checkpoint of a run: how far it was."""

CARD = "card.json"
"""In a run that comes with the package: what it is for, and what is known of it."""

EVALUATION = "evaluation"
"""Folder of a 2D run with its own scores, which its page shows."""

SCORES = "scores.json"
"""Scores of images, or of a scene."""

PICTURES = "pictures"
"""Folder of a 2D run, or of its scores, with images, their labels and what the network says."""

STUDY = "study.json"
"""What 'crossvox study' writes into its folder."""

TRANSFER = "transfer.json"
"""What 'crossvox study DESIGN' writes into its folder; in the folder of a run, what was taken over
from another one."""

ROOM_MESH = "room.ply"
"""What 'crossvox scan' writes: the room."""
