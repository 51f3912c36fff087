"""A training run on the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossvox.core.artifact import MANIFEST
from crossvox.core.files import CARD, LOG
from crossvox.report.drawings.training import (
    TrainingLog,
    loss_curves,
    other_rules,
    read_log,
    score_curves,
)
from crossvox.report.page.files_out import drawn
from crossvox.report.page.gallery import gallery
from crossvox.report.page.transfer import transfer_table
from crossvox.report.sources import Sources
from crossvox.report.values import number


def run_record(folder: Path, sources: Sources, number_: int = 0) -> dict[str, Any]:
    """Curves and notes of one training run."""
    packed = (folder / CARD).is_file()
    log = TrainingLog() if packed else _log(folder, sources)
    manifest = sources.manifest(folder)
    if not packed and not (folder / MANIFEST).is_file():
        sources.missing.append(
            f"{folder.resolve().name}: no manifest; the run has not ended, or was interrupted"
        )
    notes = manifest.notes if manifest is not None else {}
    return {
        "name": folder.resolve().name,
        "packed": packed,
        "loss": drawn(f"loss-{number_}", loss_curves(log)),
        "scores": drawn(f"validation-{number_}", score_curves(log)),
        "other_rules": other_rules(log),
        "steps": int(log.train[-1][0]) if log.train else None,
        "seconds": log.seconds,
        "parameters": number(notes.get("parameters")),
        "best_step": notes.get("best_step"),
        "baselines": bool(log.baselines),
        "images": any("pixel" in score for score in log.scores),
        "gallery": gallery(folder, sources),
        "transfer": transfer_table(folder, sources),
    }


def _log(folder: Path, sources: Sources) -> TrainingLog:
    """The run's log; what is damaged or not there is told on the page."""
    name = folder.resolve().name
    if not (folder / LOG).is_file():
        sources.missing.append(f"{name}: no log.jsonl, so no curves")
        return TrainingLog()
    log = read_log(folder / LOG)
    if log.damaged_lines:
        sources.missing.append(f"{name}: {log.damaged_lines} damaged lines in log.jsonl")
    return log
