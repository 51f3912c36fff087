"""How sure a 2D network may be: a temperature fitted on labelled images that it never saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crossvox.core.artifact import read_json, write_json
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.params import from_plain
from crossvox.flow.folder import expect_writable
from crossvox.flow.progress import Progress, Silent
from crossvox.recipes.segment2d import ImageSource
from crossvox.samples.params import DepthImageParams
from crossvox.train.params import CheckpointName

CALIBRATION = "calibration.json"
"""File of a run that tells its temperature."""


@dataclass(frozen=True)
class Calibration:
    """A temperature, and what it mends.

    Fitted on every other image; the errors are those of the images between them.

    Attributes:
        temperature: what logits are divided by.
        images: how many images were looked at, both halves together.
        fields: how many fields of 4 x 4 pixels in them.
        error_before, error_after: expected calibration error, 15 bins of equal width.
        adaptive_before, adaptive_after: the same by bins of equal numbers of fields.
        likelihood_before, likelihood_after: mean negative log likelihood.
        checkpoint: weights that it was fitted for.
    """

    temperature: float
    images: int
    fields: int
    error_before: float
    error_after: float
    adaptive_before: float
    adaptive_after: float
    likelihood_before: float
    likelihood_after: float
    checkpoint: str


def read_calibration(run: Path) -> Calibration | None:
    """The calibration of a run; None where there is none.

    Raises:
        ArtifactError: its file is damaged.
    """
    path = run / CALIBRATION
    if not path.is_file():
        return None
    try:
        found = from_plain(Calibration, read_json(path))
    except (ParamsError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"given: {path} ({error}); needed: what 'crossvox calibrate' writes; do: delete the "
            f"file, or calibrate the run again"
        ) from None
    expect(
        found.temperature > 0,
        given=f"{path} with temperature {found.temperature}",
        needed="a positive number",
        do="delete the file, or calibrate the run again",
        error=ArtifactError,
    )
    return found


def calibrate(
    run: Path,
    data: Path | None = None,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    depths: Path | None = None,
    depth_images: DepthImageParams | None = None,
    scenes: str = "val",
    checkpoint: CheckpointName = "auto",
    device: str = "auto",
    progress: Progress | None = None,
) -> Calibration:
    """Fit how sure a 2D run may be of its labels, and write it into the run.

    From then on what labels frames by this run says probabilities that hold about as often as they
    tell, and --unknown-below means what it says.

    Args:
        run: run folder; receives calibration.json.
        data: folder that 'crossvox prepare' or 'crossvox flatten' wrote.
        images: any folder of colour images, instead of DATA: of scenes that the run never saw.
        labels: its label images of the same names, 8-bit PNG with NYU40 ids.
        depths: its depth images of the same names, for a network that reads depth.
        depth_images: what their numbers mean; by default what the run was trained with.
        scenes: scenes of prepared data: val, train, all, or names separated by commas.
        checkpoint: which weights of the run.
        device: auto, cpu, cuda, ...
        progress: who watches.

    Raises:
        ArtifactError, CheckpointError: no such run or weights, or it came with the package.
        ParamsError: fewer than two labelled images.
    """
    from crossvox.recipes.calibrate_images import fit
    from crossvox.recipes.image_run import read_segment2d_run
    from crossvox.recipes.shipped import is_shipped
    from crossvox.train.chosen import chosen

    expect(
        not is_shipped(run),
        given=f"{run.name}, which came with the package",
        needed="a run of your own: nothing is written into the package",
        do="copy its folder and calibrate the copy",
        error=ArtifactError,
    )
    expect_writable(run / CALIBRATION)
    source = ImageSource(
        data,
        images,
        labels,
        scenes,
        depths=depths,
        depth_params=depth_images or read_segment2d_run(run).params.depth_images,
    )
    found = fit(run, source, chosen(run, checkpoint), device, progress or Silent())
    write_json(run / CALIBRATION, found)
    return found
