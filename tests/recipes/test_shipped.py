"""The run that comes with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossvox.core.checks import ParamsError
from crossvox.core.files import PARAMS
from crossvox.recipes.scan_networks import choose_networks
from crossvox.recipes.scene_run import CompleteRun, read_any_run
from crossvox.recipes.shipped import (
    FOLDER,
    SETS,
    find_run,
    is_shipped,
    shipped_runs,
    shipped_set,
)
from crossvox.recipes.trained import Completer, load_trained, run_input
from crossvox.train.folder import lineage_of

NAME = "default3d"


def test_it_is_found_by_its_name_unless_a_run_here_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert NAME in shipped_runs()
    found = find_run(Path(NAME))
    assert is_shipped(found)
    assert not is_shipped(tmp_path)
    (tmp_path / NAME).mkdir()
    assert find_run(Path(NAME)) == found  # a prediction by it, say
    (tmp_path / NAME / PARAMS).write_text("{}")
    assert find_run(Path(NAME)) == Path(NAME)
    with pytest.raises(ParamsError, match=NAME):
        find_run(Path("defualt3d"))


def test_a_scan_that_is_called_like_a_set_is_not_taken_for_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in SETS:
        (tmp_path / name).mkdir()
        assert choose_networks(Path(name)).run == shipped_set(name).rooms


def test_it_answers_and_knows_free_space_from_a_wall() -> None:
    run = find_run(Path(NAME))
    assert isinstance(read_any_run(run), CompleteRun)
    completer = load_trained(run_input(run), "cpu")
    assert isinstance(completer, Completer)
    # A wall that was measured half: x < 24 in front of y = 20; free before it.
    evidence = np.zeros((6, 48, 48, 48), np.float32)
    distance = np.clip((20 - np.arange(48)) / 3, -1, 1)
    evidence[0, :24] = distance[None, :, None]
    near = (np.abs(np.arange(48) - 20) <= 3).astype(np.float32)
    evidence[2, :24] = near[None, :, None] * 0.5
    evidence[3, :24] = (distance >= 1)[None, :, None] * 0.5
    evidence[4, :24] = (np.arange(48) > 23)[None, :, None] * 0.5
    evidence[0][evidence[4] > 0] = 0
    said = completer(evidence)
    assert said.shape == (3, 48, 48, 48)
    assert np.isfinite(said).all()
    middle = said[:, 8:16, :, 20:28].mean(axis=(1, 3))
    assert middle[0, 14] > 0.3 > -0.3 > middle[0, 22]
    assert middle[1, 20] > middle[1, 8]
    # The wall goes on a little beyond what was measured.
    beyond = said[:, 25, :, 20:28].mean(axis=2)
    assert beyond[0, 16] > beyond[0, 23]
    assert beyond[2, 20] > beyond[2, 8]


def test_it_is_small_and_has_learnt_from_no_scene_of_anybody_else() -> None:
    weights = sum(path.stat().st_size for path in FOLDER.glob(f"{NAME}/**/*") if path.is_file())
    assert weights < 7e6
    lineage = lineage_of(find_run(Path(NAME)))
    assert lineage.complete
    assert lineage.scenes
    assert not lineage.has_seen("scene0000_00")
