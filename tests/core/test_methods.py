"""The table of methods: one key, one name and one set of files each."""

from __future__ import annotations

from crossvox.core.methods import (
    CLASS_MESHES,
    CLASS_VOLUMES,
    METHOD_FILES,
    METHODS,
    class_text,
    method_name,
    surface_text,
)
from crossvox.study.arms import ARMS


def test_files_on_disk_stay_what_they_are() -> None:
    assert METHOD_FILES == {"learnt": "mesh.ply", "mask_only": "mask_only.ply", "tsdf": "tsdf.ply"}
    assert CLASS_MESHES == {"learnt": "mesh.ply", "votes_2d": "votes.ply"}
    assert CLASS_VOLUMES == {"learnt": "classes.npz", "votes_2d": "votes.npz"}


def test_every_method_says_what_it_makes() -> None:
    for key, method in METHODS.items():
        assert method.key == key
        assert method.name
        assert method.surface_text or method.class_text
    assert len({method.name for method in METHODS.values()}) == len(METHODS)


def test_a_method_that_nobody_listed_has_a_name_all_the_same() -> None:
    assert method_name("mask_only") == "Mask only"
    assert method_name("my_own_way") == "My own way"
    assert surface_text("my_own_way") == class_text("my_own_way") == ""


def test_studies_call_baselines_as_everybody_does() -> None:
    baselines = {arm.name for arm in ARMS.values() if not arm.learns}
    assert baselines == {"mask_only", "tsdf", "votes_2d", "majority", "network", "votes"}
    assert baselines <= set(METHODS)
