"""The rules that a pair of surfaces is scored by, as data: by name, what each of them measures.

=================  ==========================  ======================  ==========================
rule               points of the made surface  of the true surface     near
=================  ==========================  ======================  ==========================
surface            spread evenly by area       the same                < 5 cm
thesis             vertices                    vertices                < 5 cm
atlas              vertices, trimmed           vertices                < 5 cm
neuralrecon        vertices, trimmed to 5 m    vertices                < 5 cm
transformerfusion  200,000 by area, unmasked   vertices, not thinned   <= 5 cm, distances to 1 m
sampled            200,000 by area at random   the same                < 5 cm
=================  ==========================  ======================  ==========================

The first four thin both sides to cells of 2 cm. Sources, beside ``crossvox.evaluate.protocols``:

* ``atlas``: Murez et al. 2020, "Atlas: End-to-End 3D Scene Reconstruction from Posed Images", and
  ``evaluate.py`` and ``atlas/evaluation.py`` of magicleap/Atlas at 51619cef: the made mesh is drawn
  at 640x480 from every pose and fused again, 4 cm voxels, truncation of three, so that what no
  camera looks at is not counted; then vertices, 2 cm cells, ``< 0.05``. Its metrics call the mean
  distance true to made ``dist1``, the name under which NeuralRecon's hold the other one: of
  published columns "Acc" and "Comp" it is worth a look which is which. Here Acc is made to true.
* ``neuralrecon``: Sun et al. 2021, "NeuralRecon: Real-Time Coherent 3D Reconstruction from
  Monocular Video", and ``tools/evaluation.py`` of zju3dv/NeuralRecon at 37a4fdb5: the same, but
  drawn depth beyond 5 m is left out, and cells with a corner that no ray reached give no surface.
  Atlas's own tool does give one there, a second layer behind every wall; it is left out here in
  both, as in all later comparisons.
* ``transformerfusion``: Bozic et al. 2021, "TransformerFusion: Monocular RGB Scene Reconstruction
  using Transformers", and ``src/evaluation/eval.py`` of AljazBozic/TransformerFusion at 69934deb:
  200,000 points by area of the made mesh against the vertices of the true one; ``<= 0.05``;
  distances end at 1 m; a made point that an occlusion mask hides is left out of accuracy and
  precision, all of them count as targets; where it hides all, none is left out. The masks published
  there are files of its test scenes; here one is drawn from the capture's frames (see
  ``crossvox.evaluate.masks``), so values differ where scans were cut otherwise.
* ``sampled``: 200,000 points by area of both meshes, drawn independently, as general tools have it
  (eval3r 0.2's default, and many papers).

A surface without faces is measured by its points as they are, whatever the rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from crossvox.core.checks import ParamsError

RuleName = Literal["surface", "thesis", "atlas", "neuralrecon", "transformerfusion", "sampled"]

Drawn = Literal["even", "vertices", "random"]
"""How points are taken from a mesh. ``even``: one a square centimetre, evenly. ``vertices``.
``random``: 200,000 by area, each drawn by itself."""

SAMPLES = 200_000


@dataclass(frozen=True)
class Rule:
    """How a pair of surfaces is scored.

    Attributes:
        name: of the rule.
        predicted, reference: how points are taken from each.
        thinned: both are thinned to 2 cm cells.
        inclusive: a point at the threshold is near.
        most_m: distances count up to this.
        trim_m: the made mesh is first drawn from every frame's pose, up to this depth, and fused
            again; None: it is taken as it is.
        unmasked: made points that no frame can have seen are left out, as by mask ``occlusion``.
        beside_fusion: with frames, it is scored beside their fusion as well.
    """

    name: RuleName
    predicted: Drawn
    reference: Drawn
    thinned: bool = True
    inclusive: bool = False
    most_m: float = math.inf
    trim_m: float | None = None
    unmasked: bool = False
    beside_fusion: bool = False


RULES: dict[RuleName, Rule] = {
    rule.name: rule
    for rule in (
        Rule("surface", "even", "even", beside_fusion=True),
        Rule("thesis", "vertices", "vertices", beside_fusion=True),
        Rule("atlas", "vertices", "vertices", trim_m=math.inf),
        Rule("neuralrecon", "vertices", "vertices", trim_m=5.0),
        Rule(
            "transformerfusion",
            "random",
            "vertices",
            thinned=False,
            inclusive=True,
            most_m=1.0,
            unmasked=True,
        ),
        Rule("sampled", "random", "random", thinned=False),
    )
}


def rule_of(name: str) -> Rule:
    """The rule of this name.

    Raises:
        ParamsError: there is none.
    """
    for known in get_args(RuleName):
        if known == name:
            return RULES[known]
    raise ParamsError(
        f"given: protocol {name!r}; needed: one of {', '.join(RULES)}; "
        f"do: pass --protocol surface, or those that published numbers were taken by"
    )
