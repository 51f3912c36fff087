"""The label table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossvox.core.checks import CaptureError
from crossvox.core.labels import NYU40, RawLabelMap, nyu40_of_vertices


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
    np.testing.assert_array_equal(np.unique(raw[~table.known[raw]]), [9, 65535])


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


def test_ids_beyond_nyu40_are_unannotated_and_counted() -> None:
    """ScanNet's scene0270_00, scene0270_02 and scene0384_00 hold ids 50 and 149 (issues 20, 86)."""
    ids = np.array([0, 1, 5, 40, 41, 50, 149, 149, 2, 2, 2, 3, 3])
    labels, strange = nyu40_of_vertices(ids, None, "a.ply")
    np.testing.assert_array_equal(labels, [0, 1, 5, 40, 0, 0, 0, 0, 2, 2, 2, 3, 3])
    assert strange == {41: 1, 50: 1, 149: 2}
    labels, _ = nyu40_of_vertices(np.array([np.nan, -1, 7.0]), None, "a.ply")
    np.testing.assert_array_equal(labels, [0, 0, 7])


@pytest.mark.parametrize("ids", [[1, 2, 1191], [1, 58, 116, 145], [300] * 3])
def test_raw_ids_are_mapped_by_the_class_map_or_refused(tmp_path: Path, ids: list[int]) -> None:
    with pytest.raises(CaptureError, match=r"a\.ply with vertex label \d+, a raw id"):
        nyu40_of_vertices(np.array(ids), None, "a.ply")
    file = tmp_path / "map.tsv"
    file.write_text("id\tnyu40id\n1\t1\n58\t5\n300\t40\n1191\t39\n203\t\n", encoding="utf-8-sig")
    table = RawLabelMap.read(file)
    labels, strange = nyu40_of_vertices(np.array(ids), table, "a.ply")
    expected = {1: 1, 58: 5, 300: 40, 1191: 39}
    np.testing.assert_array_equal(labels, [expected.get(one, 0) for one in ids])
    assert sorted(strange) == sorted({one for one in ids if one not in expected})


def test_a_class_map_with_an_endless_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text("id\tnyu40id\n1\t" + "x" * 140_000 + "\n", encoding="utf-8")
    with pytest.raises(CaptureError, match="field larger"):
        RawLabelMap.read(path)
    with pytest.raises(CaptureError, match="columns 'id' and 'nyu40id'"):
        RawLabelMap.read(tmp_path)


TABLE = "id\traw_category\tnyu40id\n1\twall\t1\n203\tnothing\t\n300\tthing\t40\n"


@pytest.mark.parametrize(
    "data",
    {
        "as it is": TABLE.encode(),
        "UTF-8 with a mark": TABLE.encode("utf-8-sig"),
        "UTF-16": TABLE.encode("utf-16"),
        "Latin-1": TABLE.replace("thing", "chaise à bras").encode("latin-1"),
        "Windows": TABLE.replace("\n", "\r\n").encode(),
        "commas": TABLE.replace("\t", ",").encode(),
        "semicolons": TABLE.replace("\t", ";").encode("utf-8-sig"),
        "numbers of a spreadsheet": TABLE.replace("\t40", "\t40.0").encode(),
        "other names": TABLE.replace("nyu40id", " NYU40ID ").encode(),
        "a short row": TABLE.replace("nothing\t", "nothing").encode(),
    }.values(),
    ids=lambda data: f"{len(data)} bytes",
)
def test_a_class_map_is_read_as_spreadsheets_save_it(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "map.tsv"
    path.write_bytes(data)
    table = RawLabelMap.read(path)
    assert np.flatnonzero(table.known).tolist() == [0, 1, 300]
    assert table.apply(np.array([0, 1, 203, 300])).tolist() == [0, 1, 0, 40]


def test_what_is_wrong_with_a_class_map_is_told_shortly(tmp_path: Path) -> None:
    path = tmp_path / "map.tsv"
    path.write_bytes(bytes(range(1, 256)) * 40)
    with pytest.raises(CaptureError) as found:
        RawLabelMap.read(path)
    assert len(str(found.value)) < 600
