"""An experiment is a script: train two runs that differ in one thing, score both, one page.

    python examples/02_compare_two_losses.py DATA OUT [--steps N]

DATA is a folder that ``crossvox prepare`` wrote (``crossvox rooms`` makes scans to prepare).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from crossvox.evaluate.score import evaluate_reconstruction
from crossvox.recipes.predict import predict
from crossvox.recipes.train import ReconstructRunParams, train_reconstruct
from crossvox.report.page.write import write_page
from crossvox.train.params import TrainParams


def main(data: Path, out: Path, steps: int = 150) -> None:
    """Everything is the same but the weight of occupied voxels in the cross entropy."""
    base = ReconstructRunParams(train=TrainParams(steps=steps, validate_every=50))
    predictions = []
    for weight in (2.0, 13.0):
        params = replace(base, task=replace(base.task, class_weights=(1.0, weight)))
        run, prediction = out / f"run-{weight:g}", out / f"prediction-{weight:g}"
        train_reconstruct(data, run, params)
        predict(run, data, prediction)
        mean = evaluate_reconstruction(prediction, data).mean
        for method, scores in mean.items():
            f_score = next(score for score in scores if score.name == "F-score")
            print(f"weight {weight:g}: {method} F-score {f_score.value:.3f} ({f_score.protocol})")
        predictions.append(prediction)
    write_page(predictions, out / "report")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder that 'crossvox prepare' wrote")
    parser.add_argument("out", type=Path, help="folder for runs, predictions and the page")
    parser.add_argument("--steps", type=int, default=150, help="of each run (150)")
    asked = parser.parse_args()
    main(asked.data, asked.out, asked.steps)
