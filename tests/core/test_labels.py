"""The label table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossvox.core.checks import CaptureError
from crossvox.core.labels import NYU40, RawLabelMap


def test_nyu40_has_40_classes_and_20_are_scored() -> None:
    assert len(NYU40.names) == 41
    assert NYU40.colors.shape == (41, 3)
    assert len(set(map(tuple, NYU40.colors.tolist()))) == 41
    assert len(NYU40.benchmark_ids) == 20
    assert [NYU40.names[i] for i in (1, 2, 24, 28, 39)] == [
        "wall", "floor", "refridgerator", "shower curtain", "otherfurniture",
    ]  # fmt: skip
    assert NYU40.id_of("bathtub") == 36
    with pytest.raises(KeyError, match="no class is called"):
        NYU40.id_of("spoon")


def test_raw_ids_are_mapped_through_a_table_not_in_place(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text("id\traw_category\tnyu40id\n1\twall\t1\n2\tchair\t5\n5\tdoor\t8\n")
    table = RawLabelMap.read(path)
    raw = np.array([[0, 1, 2], [5, 9, 65535]], dtype=np.uint16)
    np.testing.assert_array_equal(table.apply(raw), [[0, 1, 5], [8, 0, 0]])
    np.testing.assert_array_equal(table.unknown_ids(raw), [9, 65535])


@pytest.mark.parametrize(
    "text", ["id\tname\n1\twall\n", "id\tnyu40id\n1\t99\n", "id\tnyu40id\nx\t1\n"]
)
def test_a_broken_class_map_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text(text)
    with pytest.raises(CaptureError, match=r"labels\.tsv"):
        RawLabelMap.read(path)
    with pytest.raises(CaptureError, match="does not exist"):
        RawLabelMap.read(tmp_path / "none.tsv")
