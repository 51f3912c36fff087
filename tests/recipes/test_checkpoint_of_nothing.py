"""A checkpoint that is asked for without a run that it could be of is refused, not ignored."""

from __future__ import annotations

from pathlib import Path

import pytest
from walls import command

ASKED: dict[str, tuple[list[object], str]] = {
    "completion": (["train", "reconstruct", "DATA", "OUT"], "without --start"),
    "reconstruction": (
        ["train", "reconstruct", "--preset", "thesis", "DATA", "OUT"],
        "without --from or --features",
    ),
    "segmentation": (["train", "segment3d", "DATA", "OUT"], "without --from or --features"),
    "images": (["train", "segment2d", "DATA", "OUT"], "without --from"),
    "published": (["import", "checkpoint", "FILE", "OUT"], "without --features"),
    "arms": (
        ["study", "reconstruct", "DATA", "OUT", "--arms", "rgb"],
        "without --run2d",
    ),
    "design": (["study", "quick", "OUT", "--data", "DATA"], "without --run2d"),
    "scan": (["scan", "DATA", "OUT", "--run", "none"], "--checkpoint last with --run none"),
}


@pytest.mark.parametrize("kind", ASKED)
def test_a_checkpoint_of_no_run_is_refused(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, told = ASKED[kind]
    (tmp_path / "data").mkdir()
    (tmp_path / "file").touch()
    places = {"DATA": tmp_path / "data", "OUT": tmp_path / "out", "FILE": tmp_path / "file"}
    command(*(places.get(str(word), word) for word in words), "--checkpoint", "last", code=2)
    error = capsys.readouterr().err
    assert told in error
    assert "leave --checkpoint" in error or "--checkpoint last out" in error
    assert not (tmp_path / "out").exists()


def test_files_of_features_have_no_checkpoint(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene, out = tmp_path / "files" / "scene0000_00", tmp_path / "out"
    scene.mkdir(parents=True)
    (scene / "0.npz").touch()
    words = ("train", "segment3d", house / "data", out, "--features", tmp_path / "files")
    command(*words, "--checkpoint", "last", code=2)
    assert "--checkpoint last without --from" in capsys.readouterr().err
    assert not out.exists()
