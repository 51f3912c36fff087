"""Raw categories of generated rooms and their class map, in the form of the real data set's.

Raw ids are our own and differ from the NYU40 ids, as in the real class map: who skips the map
gets wrong labels here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import replacing
from crossvox.core.labels import NYU40

_BY_CLASS: dict[str, tuple[str, ...]] = {
    "wall": ("wall",),
    "floor": ("floor",),
    "ceiling": ("ceiling",),
    "cabinet": ("cabinet", "kitchen cabinet", "wardrobe", "tv stand", "file cabinet", "vanity"),
    "bed": ("bed",),
    "chair": ("chair", "office chair", "armchair", "stool"),
    "sofa": ("couch",),
    "table": ("table", "coffee table", "dining table", "end table"),
    "door": ("door", "doorframe"),
    "window": ("window",),
    "bookshelf": ("bookshelf",),
    "picture": ("picture", "poster"),
    "counter": ("kitchen counter", "bathroom counter"),
    "blinds": ("blinds",),
    "desk": ("desk",),
    "shelves": ("wall shelf",),
    "curtain": ("curtain",),
    "dresser": ("dresser",),
    "pillow": ("pillow",),
    "mirror": ("mirror",),
    "floor mat": ("rug", "bath mat"),
    "clothes": ("clothes",),
    "books": ("book",),
    "refridgerator": ("refrigerator",),
    "television": ("tv",),
    "paper": ("paper",),
    "towel": ("towel",),
    "shower curtain": ("shower curtain",),
    "box": ("box",),
    "whiteboard": ("whiteboard",),
    "night stand": ("nightstand",),
    "toilet": ("toilet",),
    "sink": ("sink",),
    "lamp": ("lamp", "ceiling lamp", "floor lamp"),
    "bathtub": ("bathtub",),
    "bag": ("backpack",),
    "otherstructure": ("radiator", "range hood", "curtain rod"),
    "otherfurniture": ("ottoman", "trash can", "washing machine", "stove", "bench"),
    "otherprop": (
        "plant", "monitor", "keyboard", "laptop", "cup", "vase", "bottle", "kettle", "microwave",
        "bowl", "toilet paper", "clock", "mouse",
    ),
}  # fmt: skip

RAW_IDS: dict[str, int] = {
    category: 101 + 7 * number
    for number, category in enumerate(name for names in _BY_CLASS.values() for name in names)
}
"""Raw id of each raw category."""

NYU40_IDS: dict[str, int] = {
    category: NYU40.id_of(name) for name, names in _BY_CLASS.items() for category in names
}
"""NYU40 id of each raw category."""

_COLUMNS = (
    "id", "raw_category", "category", "count", "nyu40id", "eigen13id", "nyuClass", "nyu40class",
    "eigen13class", "ModelNet40", "ModelNet10", "ShapeNetCore55", "synsetoffset", "wnsynsetid",
    "wnsynsetkey", "mpcat40", "mpcat40index",
)  # fmt: skip


def nyu40_table() -> NDArray[np.uint8]:
    """Look-up table raw id -> NYU40 id, ``(largest raw id + 1,)``."""
    table = np.zeros(max(RAW_IDS.values()) + 1, dtype=np.uint8)
    for category, raw in RAW_IDS.items():
        table[raw] = NYU40_IDS[category]
    return table


def write_class_map(path: Path, counts: Mapping[str, int]) -> None:
    """Write ``scannetv2-labels.combined.tsv`` with one row a raw category.

    Args:
        path: the file.
        counts: how many objects of each category the rooms hold.
    """
    lines = ["\t".join(_COLUMNS)]
    for category, raw in RAW_IDS.items():
        nyu40 = NYU40_IDS[category]
        name = NYU40.names[nyu40]
        row = {
            "id": raw,
            "raw_category": category,
            "category": category,
            "count": counts.get(category, 0),
            "nyu40id": nyu40,
            "nyuClass": category,
            "nyu40class": name,
        }
        lines.append("\t".join(str(row.get(column, "")) for column in _COLUMNS))
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
