"""Label rooms: a 2D network, a reconstruction on its features, a segmentation that starts from it.

    python examples/03_label_rooms.py DATA OUT [--steps N]

DATA is a folder that ``crossvox prepare`` wrote from labelled scans, such as generated rooms.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from crossvox.evaluate.classes import evaluate_classes
from crossvox.recipes.predict import predict
from crossvox.recipes.segment2d import Segment2dRunParams, train_segment2d
from crossvox.recipes.train import (
    ReconstructRunParams,
    RunSources,
    Segment3dRunParams,
    train_reconstruct,
    train_segment3d,
)
from crossvox.report.page.write import write_page
from crossvox.samples.params import AugmentParams
from crossvox.train.params import TrainParams


def main(data: Path, out: Path, steps: int = 300) -> None:
    """Every stage is a folder, and is kept if this is run again."""
    images, shape, classes, prediction = (
        out / name for name in ("run2d", "reconstruction", "segmentation", "prediction")
    )
    train_segment2d(data, images, Segment2dRunParams(train=TrainParams(steps=steps, batch_size=8)))
    features = RunSources(features=images)
    # Images as they are: a frozen 2D network then runs once a frame, not once a sub-volume.
    plain = AugmentParams(brightness=0, contrast=0, saturation=0, hue=0, blur_share=0)
    train = TrainParams(steps=steps, rate=3e-3)
    train_reconstruct(data, shape, ReconstructRunParams(train=train, augment=plain), features)
    train_segment3d(
        data, classes, Segment3dRunParams(train=train, augment=plain), features, start=shape
    )
    predict(classes, data, prediction)
    for method, scores in evaluate_classes(prediction, data).whole.items():
        strict = next(score for score in scores if score.name == "mIoU strict")
        print(f"{method}: mIoU {strict.value:.3f} ({strict.protocol})")
    write_page([prediction], out / "report")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder that 'crossvox prepare' wrote, with labels")
    parser.add_argument("out", type=Path, help="folder for runs, predictions and the page")
    parser.add_argument("--steps", type=int, default=300, help="of each run (300)")
    asked = parser.parse_args()
    main(asked.data, asked.out, asked.steps)
