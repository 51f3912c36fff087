"""What a design may train for, and how its dotted values become parameters. Light to import."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

from crossvox.core.artifact import plain
from crossvox.core.checks import ParamsError, expect
from crossvox.core.params import from_plain
from crossvox.core.registry import Registry, nearest
from crossvox.recipes.train import RunSources
from crossvox.study.arms import RECONSTRUCT, RENDERED, SEGMENT2D, SEGMENT3D, Arm, arms_of
from crossvox.study.design import Design
from crossvox.study.overrides import Of, overridden, within
from crossvox.tasks.params import SceneTaskParams

RUN, SOURCES, PREDICT = "run", "sources", "predict"
"""What the dotted names that a cell sets begin with."""


@dataclass(frozen=True)
class Target:
    """A task that cells are trained for.

    Attributes:
        name: of the task.
        params: module and name of the parameters that all of its cells share.
        study: module and name of the :class:`crossvox.recipes.study.scenes.SceneStudy`.
        protocol: how scores are taken, one sentence.
        needs_run2d: whether there must be a 2D run, whatever the cells lift.
        rendered_from: target whose cells its own are rendered from, and whose parameters it shares;
            empty: its cells are trained.
    """

    name: str
    params: str
    study: str
    protocol: str
    needs_run2d: bool = False
    rendered_from: str = ""

    def params_type(self) -> Any:
        """The class of its parameters."""
        return _loaded(self.params)

    def study_type(self) -> Any:
        """The class that trains its cells."""
        return _loaded(self.study)


def _loaded(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


TARGETS: Registry[Target] = Registry("study target", "crossvox.study_targets")

_HERE = "crossvox.recipes.study"

for _target in (
    Target(
        RECONSTRUCT,
        f"{_HERE}.reconstruct:StudyParams",
        f"{_HERE}.reconstruct_arms:ReconstructStudy",
        "Protocol surface: both surfaces sampled by area, 2 cm cells, distances below 5 cm, means "
        "over rooms.",
    ),
    Target(
        SEGMENT3D,
        f"{_HERE}.segment3d:Study3dParams",
        f"{_HERE}.segment3d_arms:Segment3dStudy",
        "One count over all rooms: each vertex of the true surface takes the class of the nearest "
        "predicted vertex.",
        needs_run2d=True,
    ),
    Target(
        SEGMENT2D,
        f"{_HERE}.segment2d:Study2dParams",
        f"{_HERE}.segment2d_arms:Segment2dStudy",
        "Protocol images: one count over the annotated pixels of every fourth frame, unless "
        "frame_step says otherwise; where no labelled surface is seen, the 2D run's label counts.",
        needs_run2d=True,
        rendered_from=SEGMENT3D,
    ),
):
    TARGETS.register(_target.name, _target)


@dataclass(frozen=True)
class Bound:
    """A target of a design with parameters and cells as they are trained.

    Attributes:
        target: which.
        params: what all cells share.
        arms: the cells.
    """

    target: Target
    params: Any
    arms: tuple[Arm, ...]


def bound(design: Design) -> dict[str, Bound]:
    """All targets of a design, with those that cells start from, by name.

    Raises:
        ParamsError: a value, a target or a parent that there is not; names it.
    """
    _expect_known_somewhere(design)
    found = {name: _bound(design, name) for name in design.targets}
    for one in tuple(found.values()):
        for arm in one.arms:
            parent = arm.start.partition("/")[0]
            if "/" in arm.start and parent not in found:
                found[parent] = _bound(design, parent)
    for one in found.values():
        for arm in one.arms:
            _expect_parent(arm, one, found)
    return found


def _bound(design: Design, name: str) -> Bound:
    target = TARGETS[name]
    kind = target.params_type()
    asked = design.targets.get(name)
    own = {} if asked is None else asked.params
    values = {k: v for k, v in _dotted(design.params).items() if _type_of(kind, k) is not None}
    if target.rendered_from in design.targets:
        _expect_own(own, target)
        values |= _dotted(design.targets[target.rendered_from].params)
    params = with_values(kind(), {**values, **_dotted(own)}, f"target {name}")
    cells = () if asked is None else design.cells(name)
    for arm in cells:
        _expect_mode(arm, target)
    return Bound(target, params, tuple(_ready(arm, params) for arm in cells))


def _expect_own(own: Mapping[str, Any], target: Target) -> None:
    """Refuse parameters of a target that are those of what its cells are rendered from."""
    shared = TARGETS[target.rendered_from].params_type()
    for dotted in _dotted(own):
        expect(
            _type_of(shared, dotted) is None,
            given=f"target {target.name}, which sets {dotted}",
            needed=f"the same as in {target.rendered_from}, which its cells are rendered from",
            do=f"set it under params of {target.rendered_from}, or of the design",
            error=ParamsError,
        )


def _expect_mode(arm: Arm, target: Target) -> None:
    """Refuse cells that are trained where cells are rendered, and the other way round."""
    before = target.rendered_from
    if not before:
        expect(
            arm.mode != RENDERED,
            given=f"cell {arm.name} of {target.name} with mode {RENDERED}",
            needed="a mode in which something learns",
            do=f"make it a cell of {SEGMENT2D}, or correct its mode",
            error=ParamsError,
        )
        return
    plain_cell = not arm.sets and arm.share == 1 and not arm.points
    expect(
        arm.mode == RENDERED and arm.start.startswith(f"{before}/") and plain_cell,
        given=f"cell {arm.name} of {target.name} with mode {arm.mode}, start {arm.start!r}, share "
        f"{arm.share:g}, points {arm.points}, and {len(arm.sets)} values of its own",
        needed=f"a cell that starts from {before}/ARM alone, which tells mode, labels and values",
        do=f"write name and start, and describe the rest in a cell of {before}",
        error=ParamsError,
    )


def with_values(params: Any, values: Mapping[str, Any], where: str) -> Any:
    """Parameters with some of them set by dotted names, of JSON types.

    Raises:
        ParamsError: no such parameter, or it takes no such value.
    """
    record = plain(params)
    for dotted, value in values.items():
        _expect_type(type(params), dotted, where)
        *path, last = dotted.split(".")
        inside = record
        for name in path:
            inside = inside[name]
        inside[last] = value
    return from_plain(type(params), record, where)


def _ready(arm: Arm, params: Any) -> Arm:
    """An arm whose values have the types of its parameters, and are ones that they take."""
    kinds = {RUN: type(params.run), SOURCES: RunSources, PREDICT: type(params.predict)}
    sets = {}
    for dotted, value in _dotted(arm.sets).items():
        which, _, rest = dotted.partition(".")
        where = f"cell {arm.name}"
        expect(
            which in kinds and rest != "",
            given=f"{where}, which sets {dotted!r}",
            needed=f"a name that begins with {', '.join(f'{name}.' for name in kinds)}",
            do=nearest(which, kinds) or "correct the name",
            error=ParamsError,
        )
        kind = _expect_type(kinds[which], rest, where)
        sets[dotted] = value if isinstance(value, Of) else from_plain(kind, value, dotted)
    ready = replace(arm, sets=sets)
    run_of(ready, params)
    return ready


def run_of(arm: Arm, params: Any) -> Any:
    """What a cell is trained with, but for seed, sub-volumes and what is lifted.

    Raises:
        ParamsError: the cell sets what does not go together.
    """
    lifted = Path(arm.features) if arm.features else None
    overridden(RunSources(features=lifted), within(arm.sets, SOURCES), params)
    overridden(params.predict, within(arm.sets, PREDICT), params)
    return overridden(params.run, within(arm.sets, RUN), params)


def _expect_parent(arm: Arm, child: Bound, found: Mapping[str, Bound]) -> None:
    """Refuse a start that there is not, or whose network is another one.

    Raises:
        ParamsError: names cell and parent.
    """
    target, slash, name = arm.start.partition("/")
    if not slash:
        return
    parent = found[target]
    known = {**{one.name: one for one in arms_of(target)}, **{a.name: a for a in parent.arms}}
    expect(
        name in known,
        given=f"cell {arm.name}, which starts from {arm.start}",
        needed=f"a cell of {target}: {', '.join(known)}",
        do=nearest(name, known) or "correct the start",
        error=ParamsError,
    )
    line = [arm.name]
    one: Arm | None = known[name]
    while one is not None and "/" in one.start:
        line.append(one.name)
        expect(
            len(line) <= 8,
            given=f"cell {arm.name}, whose starts go on and on: {' from '.join(line)}",
            needed="a cell that starts from nothing at the end",
            do="correct the start of one of them",
            error=ParamsError,
        )
        where, _, before = one.start.partition("/")
        cells = found[where].arms if where in found else ()
        one = next((cell for cell in cells if cell.name == before), None)
    if arm.mode == RENDERED:
        return
    mine, theirs = (run_of(*pair) for pair in ((arm, child.params), (known[name], parent.params)))
    for field in dataclasses.fields(SceneTaskParams):
        here, there = (getattr(run.task, field.name) for run in (mine, theirs))
        expect(
            here == there,
            given=f"cell {arm.name} with run.task.{field.name} {here}, which starts from "
            f"{arm.start} with {there}",
            needed="one network for both",
            do="set it under params of the design, for all targets",
            error=ParamsError,
        )


def _expect_known_somewhere(design: Design) -> None:
    """Refuse a parameter of the whole design that none of its targets has."""
    kinds = [TARGETS[name].params_type() for name in design.targets]
    for dotted in _dotted(design.params):
        if all(_type_of(kind, dotted) is None for kind in kinds):
            _expect_type(kinds[0], dotted, "params of the design")


def _dotted(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted name as fields are called; flags are written with dashes."""
    return {name.replace("-", "_"): value for name, value in values.items()}


def _type_of(kind: Any, dotted: str) -> Any:
    """Type of a parameter by its dotted name; None where there is none."""
    for name in dotted.split("."):
        if not dataclasses.is_dataclass(kind) or not isinstance(kind, type):
            return None
        kind = get_type_hints(kind).get(name)
    return kind


def _expect_type(kind: Any, dotted: str, where: str) -> Any:
    """Type of a parameter by its dotted name.

    Raises:
        ParamsError: there is no such parameter; names the nearest.
    """
    found = _type_of(kind, dotted)
    known = tuple(_leaves(kind))
    expect(
        found is not None,
        given=f"{where}, which sets {dotted}",
        needed=f"one of {', '.join(_beside(known, dotted))}",
        do=nearest(dotted, known) or "correct the name",
        error=ParamsError,
    )
    return found


def _leaves(kind: Any, before: str = "") -> Sequence[str]:
    """Dotted names of all parameters."""
    found: list[str] = []
    for name, inner in get_type_hints(kind).items():
        if dataclasses.is_dataclass(inner):
            found += _leaves(inner, f"{before}{name}.")
        else:
            found.append(f"{before}{name}")
    return found


def _beside(known: Sequence[str], dotted: str) -> list[str]:
    """Parameters that share the beginning of a name; all beginnings where none does."""
    path = dotted.rpartition(".")[0]
    while path:
        inside = [name for name in known if name.startswith(f"{path}.")]
        if inside:
            return inside
        path = path.rpartition(".")[0]
    return sorted({name.partition(".")[0] for name in known})
