"""Class maps: built in, merged, renamed, of other ids; names on disk; what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.class_map import (
    BUILT_IN,
    ClassMap,
    find_class_map,
    read_class_map,
    read_class_names,
)
from crossvox.core.labels import BENCHMARK_IDS, NYU40_NAMES


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "map.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_classes_of_one_name_become_one_and_the_others_stay(tmp_path: Path) -> None:
    found = read_class_map(written(tmp_path, "class,name\nsofa,seat\nchair,seat\nbox,\n"))
    assert found.names[5] == "seat"
    assert found.names[6] == found.names[29] == ""
    assert found.names[7] == "table"
    assert found.table[[5, 6, 7, 29, 40, 41]].tolist() == [5, 5, 7, 0, 40, 0]
    said = np.full((3, 40), 1 / 40, np.float32)
    merged = found.merge(said)
    np.testing.assert_allclose(merged.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(merged[:, 4], 2 / 39, atol=1e-6)
    assert (merged[:, [5, 28]] == 0).all()


@pytest.mark.parametrize("row", [(-1, 1), (65536, 1), (1, -1), (1, 41)])
def test_ids_that_there_are_not_make_no_table(row: tuple[int, int]) -> None:
    with pytest.raises(ParamsError, match="a table of 40 classes, with ids"):
        ClassMap(rows=(row,))


def test_an_own_name_of_nyu40_takes_its_id(tmp_path: Path) -> None:
    found = read_class_map(written(tmp_path, "shelves\tbookshelf\nfloor mat\tfloor\n", "utf-16"))
    assert found.table[[15, 10, 20, 2]].tolist() == [10, 10, 2, 2]
    assert found.names == tuple("" if n in (15, 20) else m for n, m in enumerate(NYU40_NAMES))


def test_ids_of_another_model_are_all_there_are(tmp_path: Path) -> None:
    found = read_class_map(written(tmp_path, "17;cat\n56;chair\n57;couch\n60;7\n0130;cat\n"))
    chair, table = NYU40_NAMES.index("chair"), NYU40_NAMES.index("table")
    assert found.table[56] == chair
    assert found.table[60] == table
    assert found.names[found.table[17]] == found.names[found.table[130]] == "cat"
    assert found.names[found.table[57]] == "couch"
    assert found.table[1] == 0
    assert found.known[[17, 56, 57, 60, 130]].all()
    assert not found.known[[1, 58]].any()
    with pytest.raises(ParamsError, match="frame-labels"):
        found.expect_nyu40("--classes map.csv")


def test_the_benchmark_is_the_best_of_its_classes() -> None:
    said = np.zeros((1, 40), np.float32)
    said[0, [12, 4, 6]] = 0.6, 0.3, 0.1
    merged = BUILT_IN["benchmark20"].merge(said)
    np.testing.assert_allclose(merged[0, [12, 4, 6]], (0, 0.75, 0.25), atol=1e-6)
    told = [n for n, name in enumerate(BUILT_IN["benchmark20"].names) if n and name]
    assert tuple(told) == BENCHMARK_IDS
    assert find_class_map(Path("benchmark20")) == BUILT_IN["benchmark20"]
    assert find_class_map(None) == ClassMap()
    assert ClassMap().merge(said) is said


def test_a_folder_here_is_not_taken_for_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nyu40").mkdir()
    assert find_class_map(Path("nyu40")) == BUILT_IN["nyu40"]
    written(tmp_path, "chair,seat\n").rename(tmp_path / "benchmark20")
    assert "seat" in find_class_map(Path("benchmark20")).names


def test_names_are_read_back(tmp_path: Path) -> None:
    assert read_class_names(tmp_path) == NYU40_NAMES
    found = read_class_map(written(tmp_path, "chair,seat\n"))
    found.write(tmp_path)
    assert read_class_names(tmp_path) == found.names
    (tmp_path / "classes.json").write_text('{"names": {"77": "x"}}')
    with pytest.raises(ArtifactError, match="predict the scene again"):
        read_class_names(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "without any row"),
        ("chair,seat\nchear,seat\n", "row 2: 'chear'"),
        ("chair,seat\nchair,stool\n", "one name for a class"),
        ("".join(f"{n},thing {n}\n" for n in range(100, 141)), "more than 40"),
        ("5,\n6,\n", "leaves out all classes"),
        ("70000,chair\n5,chair\n6,\n99999,x\n", "row 4"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ParamsError, match=told):
        read_class_map(written(tmp_path, text))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="benchmark20"):
        find_class_map(tmp_path / "none.csv")
