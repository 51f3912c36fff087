"""What can be done from the command line: names, and the recipes that do it. Nothing is imported.

A command is a function. Its command line is made from its signature and its docstring:

- paths before ``*`` are given by position;
- a parameter of a dataclass before ``*`` (``params``, ``sources``) becomes one flag a field; one
  behind ``*`` likewise, with its name (or what :class:`Flag` says, which may be nothing) in front;
- a group of flags whose dataclass may be None is None where none of them is given;
- everything else behind ``*`` is a flag of its name, or of the name that :class:`Flag` says;
- ``--preset NAME`` chooses among the functions of a command that has several recipes;
- ``runner`` and ``progress`` are the command line's to fill in.

Another package adds a command of its own by an entry point::

    [project.entry-points."crossvox.commands"]
    "train depth" = "my_package.depth:COMMAND"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module
from inspect import signature
from typing import Any

from crossvox.core.checks import ParamsError, expect
from crossvox.core.registry import Registry


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: one word or two: ``predict``, ``train reconstruct``.
        target: module and function that do it: ``crossvox.recipes.predict:predict``.
        summary: its line in the list of commands.
        by_item: whether it makes the items of one folder, each by itself: such a command takes
            ``--shard``, ``--only`` and ``--skip``.
        presets: functions that do the same by another recipe, by the name that ``--preset`` gives
            them; the first one is ``target``, which is done where none is named.
        makes: what it makes, where the table of its result does not say; words in braces as below.
        then: what usually comes after it, without the word ``crossvox``; ``{data}`` stands for what
            the parameter of that name was given, ``{result.run}`` for a field of what came of it.
            ``{data:val}`` is a data folder that holds scenes out, ``{run:label3d}`` a run that
            corrects labels in 3D, and ``{result.held_out:.0}`` only has to stand for something. The
            first is told whose braces can all be filled in; a path that is gone cannot.
    """

    name: str
    target: str
    summary: str
    by_item: bool = False
    presets: Mapping[str, str] = field(default_factory=dict)
    makes: str = ""
    then: tuple[str, ...] = ()

    def load(self, preset: str = "") -> Any:
        """The function that does it.

        Args:
            preset: by which recipe; empty: by the usual one.

        Raises:
            ParamsError: there is no such recipe.
        """
        expect(
            not preset or preset in self.presets,
            given=f"--preset {preset}",
            needed=", ".join(self.presets) or "no preset: this command has none",
            do="correct the name",
            error=ParamsError,
        )
        module, _, name = self.presets.get(preset, self.target).partition(":")
        return getattr(import_module(module), name)


@dataclass(frozen=True)
class Flag:
    """Marks a parameter whose flag is called otherwise: ``start: Annotated[Path, Flag("from")]``.

    Attributes:
        name: name of the flag, without dashes.
    """

    name: str


def recipe(
    function: Callable[..., Any], name: str, says: str, leave_out: Sequence[str] = (), **usual: Any
) -> Callable[..., Any]:
    """A recipe for ``--preset``: a function with other values where nothing else is asked for.

    Its flags and their help are the function's own.

    Args:
        function: what does it.
        name: of the recipe.
        says: what is special about it, the first lines of its help.
        leave_out: parameters that it does not take.
        usual: the other values, by parameter.
    """
    sections = (function.__doc__ or "").partition("    Args:\n")
    kept = {
        parameter.name: parameter.replace(default=usual.get(parameter.name, parameter.default))
        for parameter in signature(function).parameters.values()
        if parameter.name not in leave_out
    }

    @wraps(function)
    def made(*given: Any, **named: Any) -> Any:
        asked = made.__signature__.bind(*given, **named)  # type: ignore[attr-defined]
        asked.apply_defaults()
        return function(*asked.args, **asked.kwargs)

    made.__name__ = made.__qualname__ = name
    made.__doc__ = f"{says}\n\n{''.join(sections[1:])}"
    made.__signature__ = signature(function).replace(parameters=list(kept.values()))  # type: ignore[attr-defined]
    return made


COMMANDS: Registry[Command] = Registry("command", "crossvox.commands")

_HERE = (
    ("demo", "demo:demo", "the main job on generated rooms, from nothing to a page"),
    ("scan", "scan:scan", "a capture of your own to a reconstructed room with a page"),
    ("info", "look:info", "what a capture holds, and what is broken in it"),
    ("convert", "convert:convert", "a capture of any format to an exported folder or a .sens file"),
    ("track", "track:track", "poses for frames that have none, by RGB-D odometry"),
    ("doctor", "doctor:doctor", "whether a capture agrees with itself, and what to pass if not"),
    ("status", "status:status", "what of a folder is done, running, failed or missing"),
    ("rooms", "rooms:write_rooms", "write furnished rooms as raw scans"),
    ("prepare", "prepare:prepare", "raw scans to frames, surface, voxels and labels"),
    (
        "single-views",
        "single_views:single_views",
        "labelled depth images without poses to prepared scenes",
    ),
    ("train reconstruct", "complete:complete3d", "train a 3D reconstruction network"),
    ("train segment3d", "train:train_segment3d", "train a 3D segmentation network"),
    ("flatten", "flatten:flatten", "labelled frames to flat folders of images and labels"),
    ("train segment2d", "train_segment2d:train_segment2d", "train a 2D segmentation network"),
    ("evaluate segment2d", "segment2d:evaluate_segment2d", "score a 2D network on labelled images"),
    ("predict2d", "predict2d:predict2d", "label images of any kind by a 2D network"),
    ("calibrate", "calibrate:calibrate", "how sure a 2D network may be of its labels"),
    ("predict", "predict:predict", "whole scenes from a trained network"),
    (
        "evaluate reconstruct",
        "evaluate:evaluate_reconstruct",
        "score predicted scenes and baselines",
    ),
    ("evaluate frames", "frames:evaluate_frames", "scores over the number of frames"),
    ("evaluate segment3d", "evaluate:evaluate_segment3d", "score labelled rooms and baselines"),
    ("objects", "objects:objects", "objects, walls and a floor plan of a labelled mesh"),
    ("evaluate objects", "objects:evaluate_objects", "score objects and outlines of rooms"),
    ("export scannet", "scannet:export_scannet", "labelled rooms to ScanNet's per-vertex files"),
    ("evaluate scannet", "evaluate:evaluate_scannet", "score ScanNet's per-vertex files"),
    ("score", "evaluate:score", "3D scores of any two meshes"),
    ("study", "study.transfer:study", "which task helps which: a design's cells, with verdicts"),
    (
        "study reconstruct",
        "study.reconstruct:study_reconstruct",
        "arms of what is lifted, compared",
    ),
    (
        "study segment3d",
        "study.segment3d:study_segment3d",
        "arms of what is started from, compared",
    ),
    ("study causes", "study.causes:study_causes", "why arms are ahead: gains told apart"),
    ("models", "models:models", "networks that come with the package, and their cards"),
    ("pack", "pack:pack", "a training run to a small folder that can be given to others"),
    ("report", "look:report", "one self-contained page about runs"),
    ("compare", "compare:compare", "runs or predictions side by side, with their differences"),
    ("view", "look:view", "a room in 3D: classes, errors, camera path"),
    (
        "import checkpoint",
        "published.checkpoint:import_checkpoint",
        "a published checkpoint to a run folder",
    ),
    ("import hdf5", "published.hdf5_in:import_hdf5", "published HDF5 sub-volumes to a data folder"),
    ("export rerun", "recording:export_rerun", "a room in 3D to a recording of rerun (.rrd)"),
    ("export hdf5", "published.hdf5_out:export_hdf5", "sub-volumes to the published HDF5 files"),
)

_BY_ITEM = (
    *("rooms", "prepare", "single-views", "predict", "predict2d", "import hdf5"),
    *("evaluate reconstruct", "evaluate segment3d"),
    *("study reconstruct", "study segment3d", "study causes"),
    *("study", "study reconstruct", "study segment3d"),
)

_PRESETS = {
    "train reconstruct": {
        "default3d": "crossvox.recipes.complete:complete3d",
        "quick3d": "crossvox.recipes.complete:quick3d",
        "thesis": "crossvox.recipes.train:train_reconstruct",
    },
    "train segment3d": {
        "lifted": "crossvox.recipes.train:train_segment3d",
        "labels3d": "crossvox.recipes.label3d:labels3d",
    },
    "train segment2d": {
        "short": "crossvox.recipes.train_segment2d:train_segment2d",
        "default2d": "crossvox.recipes.train_segment2d:default2d",
        "default2d-480": "crossvox.recipes.train_segment2d:default2d_480",
        "free2d": "crossvox.recipes.train_segment2d:free2d",
    },
}

_MAKES = {
    **dict.fromkeys(("rooms", "prepare", "single-views", "predict", "import hdf5"), "{out}"),
    **dict.fromkeys(("train reconstruct", "train segment2d", "train segment3d"), "{result.run}"),
    "evaluate reconstruct": "{pred}/scores.{protocol}.json",
    "evaluate segment3d": "{pred}/scores.classes.json",
    "evaluate scannet": "{files}/scores.scannet.json",
}

_PAGE = "report {result.run} {result.run}_page"

_THEN = {
    "demo": ("view {out}/prediction",),
    "scan": ("view {out}",),
    "info": ("doctor {capture}",),
    "doctor": ("scan {captures[0]} {captures[0].stem}_room",),
    "convert": ("scan {out} {out}_room",),
    "track": ("doctor {capture} --trajectory {result.trajectory}",),
    "rooms": ("prepare {out} {out}_prepared",),
    "prepare": (
        "train reconstruct {out:val} {out}_run",
        "train reconstruct {out} {out}_run --validation-scenes none",
    ),
    "single-views": (
        "predict default3d {out:val} {out}_predicted",
        "predict default3d {out} {out}_predicted --scenes all",
    ),
    "flatten": ("train segment2d {out} {out}_run",),
    **dict.fromkeys(
        ("train reconstruct", "train segment3d"),
        (
            "predict default3d {data:val} {run}_predicted --labels3d {run:label3d}",
            "predict default3d {data} {run}_predicted --labels3d {run:label3d} --scenes all",
            "predict {run} {data:val} {run}_predicted",
            "predict {run} {data} {run}_predicted --scenes all",
            _PAGE,
        ),
    ),
    "train segment2d": (
        "evaluate segment2d {folders[1]} {folders[0]:val}",
        "evaluate segment2d {folders[0]} --images {images} --labels {labels}",
        _PAGE,
    ),
    "evaluate segment2d": (_PAGE,),
    "predict": (
        "evaluate segment3d {result.labelled} {data}{result.held_out:.0}",
        "evaluate reconstruct {out} {data}{result.held_out:.0}",
        "view {out}",
    ),
    "evaluate reconstruct": ("report {pred} {pred}_page",),
    "evaluate frames": ("report {result.shown_by} {result.shown_by}_page",),
    "evaluate segment3d": ("report {pred} {pred}_page",),
    "report": ("view {result.room}",),
    "compare": ("view {result.room}",),
    "objects": ("view {mesh}",),
    "evaluate objects": ("view {pred}",),
    "export scannet": ("evaluate scannet {result.out} {result.data}",),
    "study": ("study causes {result.out} {data}",),
    "pack": ("models {result.shown}",),
    "study reconstruct": ("report {out} {out}_page",),
    "study segment3d": ("report {out} {out}_page",),
    "import hdf5": (
        "train reconstruct --preset thesis {out:val} {out}_run",
        "train reconstruct --preset thesis {out} {out}_run --validation-scenes none",
    ),
}

for _name, _target, _summary in _HERE:
    COMMANDS.register(
        _name,
        Command(
            _name,
            f"crossvox.recipes.{_target}",
            _summary,
            _name in _BY_ITEM,
            _PRESETS.get(_name, {}),
            _MAKES.get(_name, ""),
            _THEN.get(_name, ()),
        ),
    )
