"""The command line: typed params to flags, progress, tables, exit codes. No logic.

Annotations are evaluated where a command is chosen, and each command imports only what it needs:
``crossvox --help`` answers at once.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import crossvox
from crossvox.core.checks import CrossvoxError
from crossvox.flow.runner import Runner

if TYPE_CHECKING:
    from crossvox.capture.describe import CaptureSummary
    from crossvox.evaluate.classes import ClassEvaluation
    from crossvox.evaluate.score import Evaluation
    from crossvox.study.compare import Comparison
    from crossvox.train.report import TrainReport

OK, BROKEN, INTERRUPTED = 0, 2, 130


@dataclass(frozen=True)
class Outcome:
    """What a command gives back: something for ``--json`` and an exit code."""

    record: Any
    code: int = OK


@dataclass(frozen=True)
class Command:
    """One line of the help text and how the command is built when it is chosen."""

    summary: str
    build: Callable[["Terminal"], Callable[..., Outcome]]


class Terminal:
    """Progress bars, remarks and tables on one console."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False)
        self.out = Console(highlight=False)
        self._bars: Any = None

    def __enter__(self) -> "Terminal":
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            transient=not self.console.is_terminal,
        )
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def step(self, label: str) -> Callable[[int, int], None]:
        """Begin a step; see ``recipes.progress``."""
        task = self._bars.add_task(label, total=None, note="")
        begin = time.monotonic()

        def report(done: int, total: int) -> None:
            self._bars.update(task, completed=done, total=total)
            if done >= total and not self.console.is_terminal:
                self.say(f"{label}: {total} in {time.monotonic() - begin:.1f} s")

        return report

    def say(self, text: str) -> None:
        """Print a remark above the bars."""
        self.console.print(text, markup=False, soft_wrap=True)

    def training(self, label: str = "train") -> Callable[[Any], None]:
        """A bar for the training loop, with loss, validation scores and time left."""
        task = self._bars.add_task(label, total=None, note="")

        def watch(state: Any) -> None:
            note = f"loss {state.loss:.4f}"
            for name, value in list(state.scores.items())[:3]:
                note += f"  {name} {value:.3f}"
            self._bars.update(task, completed=state.step, total=state.steps, note=note)
            every = max(1, state.steps // 20)
            if not self.console.is_terminal and (state.step % every == 0):
                self.console.print(
                    f"train: step {state.step}/{state.steps}  {note}  {state.eta_s:.0f} s left",
                    markup=False,
                )

        return watch

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table on standard output."""
        from rich.table import Table

        table = Table(
            *columns,
            title=title,
            title_justify="left",
            header_style="bold",
            show_header=any(columns),
        )
        for row in rows:
            table.add_row(*row)
        self.out.print(table)

    def scores(self, evaluation: "Evaluation") -> None:
        """Print the mean scores of all methods side by side."""
        methods = list(evaluation.mean)
        names = [score.name for score in evaluation.mean[methods[0]]]
        rows = []
        for position, name in enumerate(names):
            scores = [evaluation.mean[method][position] for method in methods]
            arrow = "higher is better" if scores[0].higher_is_better else "lower is better"
            unit = f" ({scores[0].unit})" if scores[0].unit not in ("", "ratio") else ""
            rows.append([name + unit, *[f"{s.value:.4f}" for s in scores], arrow])
        self.table(
            f"Mean over {len(evaluation.counted)} scenes, protocol '{evaluation.protocol}'",
            ["score", *methods, ""],
            rows,
        )
        if evaluation.seen:
            self.say(f"learnt from, marked in the score file: {', '.join(evaluation.seen)}")

    def class_scores(self, evaluation: "ClassEvaluation") -> None:
        """Print scores counted over the split, all methods side by side; then single classes."""
        methods = list(evaluation.whole)
        found = {m: {score.name: score for score in evaluation.whole[m]} for m in methods}
        names = list(dict.fromkeys(name for scores in found.values() for name in scores))

        def cells(name: str) -> list[str]:
            scores = [found[method].get(name) for method in methods]
            return ["-" if s is None or s.value != s.value else f"{s.value:.4f}" for s in scores]

        def first(name: str) -> Any:
            return next(found[method][name] for method in methods if name in found[method])

        single = [name for name in names if first(name).class_name]
        rows = [
            [
                name,
                *cells(name),
                "higher is better" if first(name).higher_is_better else "lower is better",
                f"{first(name).support} {first(name).of}",
            ]
            for name in names
            if name not in single
        ]
        scenes = len(evaluation.counted)
        self.table(
            f"One count over {scenes} scenes, protocol '{evaluation.protocol}'",
            ["score", *methods, "", "counted"],
            rows,
        )
        rows = [[name, *cells(name), str(first(name).support)] for name in single]
        of = first(single[0]).of
        self.table("Benchmark classes, strict", ["score", *methods, of], rows)
        for note in evaluation.notes:
            self.say(note)

    def study(self, found: "Comparison") -> None:
        """Print the arms of a study: a score with its spread, what it gains, and other scores."""

        def number(value: float, form: str) -> str:
            return f"{value:{form}}" if value == value else "?"

        headline, others = found.main, found.beside
        rows, gains = [], []
        for arm in found.arms:
            score, learnt = arm.scores[headline], bool(arm.seeds)
            spread = f" ± {score.sd:.4f}" if score.sd == score.sd else ""
            rows.append(
                [
                    arm.name,
                    number(score.mean, ".4f") + spread,
                    str(len(arm.seeds)) if learnt else "",
                    f"{arm.parameters:,}" if learnt else "",
                    f"{arm.seconds['train'] / 60:.1f}" if learnt else "",
                ]
            )
            for control, scores in arm.against.items():
                gain = scores[headline]
                interval = f"{number(gain.low, '+.4f')} to {number(gain.high, '+.4f')}"
                ahead = f"{gain.seeds_above}/{gain.seeds}"
                p = number(gain.p_adjusted, ".2g")
                gains.append([arm.name, control, number(gain.mean, "+.4f"), interval, p, ahead])
        counted = f"{len(found.scenes)} held-out scene{'s' if len(found.scenes) > 1 else ''}"
        counted = f"one count over {counted}" if found.pooled else counted
        self.table(
            f"{headline}, {counted}: mean ± standard deviation over seeds",
            ["arm", headline, "seeds", "trained", "minutes"],
            rows,
        )
        level = f"{found.level:.0%} interval"
        self.table(
            f"{headline} gained, paired by seed and scene",
            ["arm", "over", "mean", level, "adjusted p", "ahead"],
            gains,
        )
        kinds = [(name, found.kinds[name]) for name in others if name in found.kinds]
        columns = [name if kind.higher_is_better else f"{name} (low)" for name, kind in kinds]
        rows = [
            [arm.name, *[number(arm.scores[name].mean, ".3f") for name, _ in kinds]]
            for arm in found.arms
        ]
        self.table("Other scores, means; (low): lower is better", ["arm", *columns], rows)
        for caution in found.cautions:
            self.say(caution)


def _positional() -> tuple[Any, Any]:
    """The two markers that shape a command line."""
    import tyro

    return tyro.conf.Positional, tyro.conf.arg(name="")


def _flag(name: str) -> Any:
    """The marker of a flag that is called otherwise than its argument."""
    import tyro

    return tyro.conf.arg(name=name)


def _rooms(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.capture.rooms import RoomsParams
    from crossvox.recipes.rooms import write_rooms

    positional, flat = _positional()

    def rooms(
        out: Annotated[Path, positional],
        params: Annotated[RoomsParams, flat] = RoomsParams(),  # noqa: B008
    ) -> Outcome:
        """Write furnished rooms as complete raw scans.

        Args:
            out: folder that receives one raw scan a room.
            params: size, number and seed.
        """
        report = write_rooms(out, params, runner=Runner(terminal))
        terminal.say(f"wrote {len(report.scenes)} rooms to {out}")
        return Outcome(report)

    return rooms


def _info(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.capture import open_capture
    from crossvox.capture.describe import describe

    positional, _ = _positional()

    def info(
        capture: Annotated[Path, positional],
        label_map: Path | None = None,
        all_frames: bool = False,
    ) -> Outcome:
        """Tell what a capture holds, and what is broken in it.

        Args:
            capture: a raw scan, an exported folder, a 7-Scenes or TUM folder, or a .sens file.
            label_map: class map of raw label ids; by default it is looked for beside the scan.
            all_frames: decode every frame instead of a sample spread over the capture.
        """
        summary = describe(
            open_capture(capture, label_map),
            terminal.step("frames"),
            every_frame=all_frames,
        )
        terminal.table(summary.name, ["", ""], _summary_rows(summary))
        for number, text in summary.broken:
            terminal.say(f"frame {number} is broken: {text}")
        return Outcome(summary, BROKEN if summary.broken else OK)

    return info


def _summary_rows(summary: "CaptureSummary") -> list[list[str]]:
    def camera(c: Any) -> str:
        return f"{c.width}x{c.height}, f {c.fx:.2f} {c.fy:.2f}, c {c.cx:.2f} {c.cy:.2f} px"

    def some(numbers: Sequence[int]) -> str:
        shown = ", ".join(map(str, numbers[:8])) + (", ..." if len(numbers) > 8 else "")
        return f"{len(numbers)}" + (f" ({shown})" if numbers else "")

    info = summary.info
    rows = [
        ["format", info.format],
        ["frames", f"{summary.frames}, numbered {summary.first_id} to {summary.last_id}"],
        ["frames decoded here", str(summary.decoded)],
        ["lost poses", some(summary.lost_poses)],
        ["broken frames", some([number for number, _ in summary.broken])],
        ["colour camera", camera(info.color_camera)],
        ["depth camera", camera(info.depth_camera)],
        ["registration", info.registration],
        ["depth range", f"{summary.depth_min_m:.3f} to {summary.depth_max_m:.3f} m"],
        ["depth without reading", f"{summary.depth_missing:.1%}"],
        ["mesh", info.mesh.name if info.mesh else "none"],
        ["labelled mesh", info.labelled_mesh.name if info.labelled_mesh else "none"],
        ["frames without labels", some(summary.without_labels) if info.has_labels else "all"],
    ]
    if summary.unknown_raw_ids:
        rows.append(["unknown raw label ids", some(sorted(summary.unknown_raw_ids))])
    if summary.labels:
        labels = ", ".join(f"{label.name} {label.share:.1%}" for label in summary.labels)
        rows.append(["labels", labels])
    return rows + [["note", note] for note in info.notes]


def _prepare(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.prepare import PrepareParams, prepare

    positional, flat = _positional()

    def command(
        raw: Annotated[Path, positional],
        out: Annotated[Path, positional],
        params: Annotated[PrepareParams, flat] = PrepareParams(),  # noqa: B008
        workers: int = 0,
        label_map: Path | None = None,
    ) -> Outcome:
        """Prepare scans: frames, reference surface, voxels and labels, one folder a scene.

        Args:
            raw: folder of scans, or one capture.
            out: folder that receives the prepared scenes.
            params: frames, surface and voxels.
            workers: scans prepared at once; 0 means one a core.
            label_map: class map of raw label ids; by default it is looked for in RAW.
        """
        report = prepare(
            raw, out, params, workers=workers, label_map=label_map, runner=Runner(terminal)
        )
        rows = [
            [
                scene.item,
                scene.status,
                str(scene.notes.get("frames", "")),
                str(scene.notes.get("lost poses", "")),
                str(scene.notes.get("occupied voxels", "")),
                f"{sum(scene.seconds.values()):.1f} s",
            ]
            for scene in report.scenes
        ]
        columns = ["scene", "status", "frames", "lost poses", "occupied voxels", "time"]
        terminal.table(f"Prepared scenes in {out}", columns, rows)
        for scene in report.failed:
            terminal.say(f"failed: {scene.item}: {scene.error}")
        return Outcome(report, BROKEN if report.failed else OK)

    return command


def _trained(terminal: Terminal, report: "TrainReport") -> Outcome:
    if report.interrupted:
        terminal.say("stopped and saved; run the same command again to continue")
    return Outcome(report, INTERRUPTED if report.interrupted else OK)


def _train_reconstruct(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.train import ReconstructRunParams, RunSources, train_reconstruct

    positional, flat = _positional()

    def command(
        data: Annotated[Path, positional],
        run: Annotated[Path, positional],
        params: Annotated[ReconstructRunParams, flat] = ReconstructRunParams(),  # noqa: B008
        sources: Annotated[RunSources, flat] = RunSources(),  # noqa: B008
        start: Annotated[Path | None, _flag("from")] = None,
    ) -> Outcome:
        """Train a network that reconstructs occupancy; run again, it continues.

        Args:
            data: folder that 'crossvox prepare' wrote.
            run: run folder.
            params: everything that makes the run.
            sources: what it learns from.
            start: run of any 3D task that it starts from, as --transfer.* says.
        """
        report = train_reconstruct(
            data,
            run,
            params,
            sources,
            start=start,
            runner=Runner(terminal),
        )
        return _trained(terminal, report)

    return command


def _train_segment3d(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.train import RunSources, Segment3dRunParams, train_segment3d

    positional, flat = _positional()

    def command(
        data: Annotated[Path, positional],
        run: Annotated[Path, positional],
        params: Annotated[Segment3dRunParams, flat] = Segment3dRunParams(),  # noqa: B008
        sources: Annotated[RunSources, flat] = RunSources(),  # noqa: B008
        start: Annotated[Path | None, _flag("from")] = None,
    ) -> Outcome:
        """Train a network that tells free space and 40 classes; run again, it continues.

        Args:
            data: folder that 'crossvox prepare' wrote.
            run: run folder.
            params: everything that makes the run.
            sources: what it learns from.
            start: run of any 3D task that it starts from, as --transfer.* says.
        """
        report = train_segment3d(
            data,
            run,
            params,
            sources,
            start=start,
            runner=Runner(terminal),
        )
        return _trained(terminal, report)

    return command


def _predict(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.predict.params import PredictParams
    from crossvox.recipes.predict import predict

    positional, flat = _positional()

    def command(
        run: Annotated[Path, positional],
        data: Annotated[Path, positional],
        out: Annotated[Path, positional],
        params: Annotated[PredictParams, flat] = PredictParams(),  # noqa: B008
        scenes: str = "val",
        geometry: Path | None = None,
        votes: Path | None = None,
        baselines: bool = True,
        device: str = "auto",
    ) -> Outcome:
        """Predict whole scenes and mesh them, with classes if RUN tells any, and with baselines.

        Args:
            run: run folder.
            data: folder that 'crossvox prepare' wrote, or one scene of it.
            out: prediction folder.
            params: windows and meshing.
            scenes: val, train, all, or names separated by commas.
            geometry: reconstruction run that the surface comes from, where RUN tells the classes.
            votes: 2D run whose labels vote, the baseline of a segmentation; by default the one
                that its features come from.
            baselines: also write the mask-only and the TSDF surface, and the 2D votes.
            device: auto, cpu, cuda, ...
        """
        report = predict(
            run,
            data,
            out,
            params,
            scenes=scenes,
            geometry=geometry,
            votes=votes,
            baselines=baselines,
            device=device,
            runner=Runner(terminal),
        )
        rows = [
            [
                scene,
                "kept" if scene in report.kept else "made",
                f"{notes['windows_predicted']} of {notes['windows']}",
                f"{notes['coverage']:.0%}",
                f"{notes['frames_used']} of {notes['frames']}",
                str(notes["vertices"]),
            ]
            for scene, notes in report.scenes.items()
        ]
        columns = ["scene", "status", "windows", "coverage", "frames used", "vertices"]
        terminal.table(f"Predicted scenes in {out}", columns, rows)
        return Outcome(report)

    return command


def _evaluate_reconstruct(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.evaluate.score import evaluate_reconstruction

    positional, _ = _positional()

    def command(
        pred: Annotated[Path, positional],
        data: Annotated[Path, positional],
        protocol: Literal["surface", "thesis"] = "surface",
        seen_scenes: bool = False,
    ) -> Outcome:
        """Score predicted scenes and their baselines against the scenes' surfaces.

        Args:
            pred: folder that 'crossvox predict' wrote.
            data: folder that 'crossvox prepare' wrote.
            protocol: surface (area-uniform samples) or thesis (mesh vertices, as published).
            seen_scenes: count scenes that the run learnt from as well.
        """
        evaluation = evaluate_reconstruction(
            pred, data, protocol, progress=terminal.step("scenes"), seen_scenes=seen_scenes
        )
        terminal.scores(evaluation)
        return Outcome(evaluation)

    return command


def _evaluate_segment3d(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.evaluate.classes import evaluate_classes

    positional, _ = _positional()

    def command(
        pred: Annotated[Path, positional],
        data: Annotated[Path, positional],
        seen_scenes: bool = False,
    ) -> Outcome:
        """Score labelled rooms and their baselines against the scenes' ground truth.

        Args:
            pred: folder that 'crossvox predict' wrote from a segment3d run.
            data: folder that 'crossvox prepare' wrote.
            seen_scenes: count scenes that the run learnt from as well.
        """
        evaluation = evaluate_classes(
            pred, data, progress=terminal.step("scenes"), seen_scenes=seen_scenes
        )
        terminal.class_scores(evaluation)
        return Outcome(evaluation)

    return command


def _evaluate_scannet(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.evaluate.scannet import evaluate_scannet

    positional, _ = _positional()

    def command(
        files: Annotated[Path, positional],
        data: Annotated[Path, positional],
        seen_scenes: bool = False,
    ) -> Outcome:
        """Score per-vertex files (SCENE.txt, one NYU40 id a line) by ScanNet's rule.

        Args:
            files: folder of such files, from 'crossvox export scannet' or anywhere else.
            data: folder that 'crossvox prepare' wrote.
            seen_scenes: count scenes that the run learnt from as well.
        """
        evaluation = evaluate_scannet(
            files, data, progress=terminal.step("scenes"), seen_scenes=seen_scenes
        )
        terminal.class_scores(evaluation)
        return Outcome(evaluation)

    return command


def _export_scannet(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.scannet import export_scannet

    positional, _ = _positional()

    def command(
        source: Annotated[Path, positional],
        out: Annotated[Path, positional],
        labels: Literal["benchmark", "all"] = "benchmark",
        scenes: str = "all",
    ) -> Outcome:
        """Write per-vertex files for ScanNet's benchmark: of a prediction, or the ground truth.

        Args:
            source: folder that 'crossvox predict' (segment3d run) or 'crossvox prepare' wrote.
            out: folder that receives SCENE.txt files; replaced as a whole.
            labels: of a prediction: the best of the benchmark's 20 classes, or of all 40.
            scenes: all, or names separated by commas; of prepared data train and val as well.
        """
        report = export_scannet(source, out, labels=labels, scenes=scenes, runner=Runner(terminal))
        rows = [[s, str(n), str(report.unlabelled[s])] for s, n in report.vertices.items()]
        columns = ["scene", "vertices", "of them without class"]
        terminal.table(f"Per-vertex files ({report.kind}) in {out}", columns, rows)
        if report.left_out:
            terminal.say(f"left out, nothing to write: {', '.join(report.left_out)}")
        return Outcome(report)

    return command


def _score(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.evaluate.score import score_pair

    positional, _ = _positional()

    def command(
        pred: Annotated[Path, positional],
        ref: Annotated[Path, positional],
        protocol: Literal["surface", "thesis"] = "surface",
    ) -> Outcome:
        """Score one mesh against another.

        Args:
            pred: mesh to be scored (PLY).
            ref: reference mesh (PLY).
            protocol: surface (area-uniform samples) or thesis (mesh vertices, as published).
        """
        scores = score_pair(pred, ref, protocol)
        rows = [[s.name, f"{s.value:.4f}", s.unit, str(s.support), s.of] for s in scores]
        columns = ["score", "value", "unit", "counted", "of"]
        terminal.table(f"{pred.name} against {ref.name}, protocol '{protocol}'", columns, rows)
        return Outcome(scores)

    return command


def _report(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.report.page.write import write_page
    from crossvox.report.params import ReportParams

    positional, flat = _positional()

    def command(
        folders: Annotated[tuple[Path, ...], positional],
        params: Annotated[ReportParams, flat] = ReportParams(),  # noqa: B008
    ) -> Outcome:
        """Write one page about runs and predictions: RUN [RUN ...] OUT.

        Args:
            folders: run or prediction folders, and last the page's folder or .html file.
            params: title and extent.
        """
        if len(folders) < 2:
            raise CrossvoxError(
                f"given: {len(folders)} folder; needed: at least one run or prediction folder "
                "and the page's folder; do: crossvox report RUN OUT"
            )
        page = write_page(folders[:-1], folders[-1], params, progress=terminal.step("page"))
        terminal.say(f"page: {page.page}")
        return Outcome(page)

    return command


def _view(terminal: Terminal) -> Callable[..., Outcome]:
    import threading

    from crossvox.report.look import open_view
    from crossvox.report.view.file import write_viewer_html
    from crossvox.report.view.live import serve

    positional, _ = _positional()

    def command(
        path: Annotated[Path, positional],
        scene: str | None = None,
        data: Path | None = None,
        out: Path | None = None,
        port: int = 8080,
        faces: int | None = None,
    ) -> Outcome:
        """Look at a room in 3D: surfaces, classes, errors, camera path; live, or as one file.

        Args:
            path: a prediction, scan or prepared data folder, or one scene of it.
            scene: which scene; by default the first one predicted.
            data: prepared scenes, where the prediction's own are not where they were.
            out: write one HTML file that opens offline, instead of serving.
            port: where the live view is served, on this machine only; 0 takes any that is free.
            faces: triangles that a surface is thinned to; by default 60000 in a file, else 300000.
        """
        view = open_view(path, scene, data)
        for line in view.missing:
            terminal.say(f"not here: {line}")
        if out is not None:
            report = write_viewer_html(view, out, max_faces=faces or 60_000)
            terminal.say(f"view of {view.title}: {out} ({report.size_bytes / 1e6:.1f} MB)")
            return Outcome(report)
        try:
            with serve(view, port=port, max_faces=faces or 300_000) as address:
                terminal.say(f"view of {view.title}: {address}   (Ctrl-C ends it)")
                threading.Event().wait()
        except KeyboardInterrupt:
            terminal.say("view ended")
        return Outcome({"scene": view.title})

    return command


def _scan(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.scan import ScanParams, scan

    positional, flat = _positional()

    def command(
        capture: Annotated[Path, positional],
        out: Annotated[Path, positional],
        params: Annotated[ScanParams, flat] = ScanParams(),  # noqa: B008
        run: Path | None = None,
        geometry: Path | None = None,
        votes: Path | None = None,
    ) -> Outcome:
        """Reconstruct a capture of your own, and label it: level, fuse, predict, score, page.

        Args:
            capture: a capture in any format that can be read.
            out: folder for everything.
            params: frames, up direction, fusion and windows.
            run: run of a 3D task; without it, only the TSDF surface is made.
            geometry: reconstruction run that the surface comes from, where RUN tells the classes.
            votes: 2D run whose labels vote, beside a segmentation.
        """
        report = scan(
            capture, out, params, run=run, geometry=geometry, votes=votes, runner=Runner(terminal)
        )
        if report.evaluation is not None:
            terminal.scores(report.evaluation)
        terminal.say(f"page: {report.page.page}")
        return Outcome(report)

    return command


def _demo(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.demo import DemoParams, demo

    positional, flat = _positional()

    def command(
        out: Annotated[Path, positional],
        params: Annotated[DemoParams, flat] = DemoParams(),  # noqa: B008
    ) -> Outcome:
        """Do the main job on generated rooms, from nothing to a page with scores.

        Args:
            out: folder for everything.
            params: size of the demo.
        """
        report = demo(out, params, runner=Runner(terminal))
        terminal.scores(report.evaluation)
        rows = [[step, f"{seconds:.1f}"] for step, seconds in report.seconds.items()]
        terminal.table("Time by stage", ["stage", "seconds"], rows)
        terminal.say(f"page: {report.page.page}")
        return Outcome(report)

    return command


def _import_checkpoint(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.published.checkpoint import import_checkpoint

    positional, _ = _positional()

    def command(
        file: Annotated[Path, positional],
        run: Annotated[Path, positional],
        features: Path | None = None,
    ) -> Outcome:
        """Turn a checkpoint of the published pipeline into a run folder; nothing in it is executed.

        Args:
            file: its .pth.tar file: ENet, DeepLabv3 or SurfaceNet.
            run: run folder.
            features: 2D run whose features a SurfaceNet reads that was trained on features.
        """
        report = import_checkpoint(file, run, features=features)
        terminal.say(
            f"{report.architecture} with {report.classes} classes, {report.parameters:,} "
            f"parameters: {report.loaded} weights {'kept' if report.kept else 'loaded'} in {run} "
            f"(task {report.task}: {report.note})"
        )
        return Outcome(report)

    return command


def _export_hdf5(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.published.hdf5_out import export_hdf5
    from crossvox.recipes.published.params import ExportParams

    positional, flat = _positional()

    def command(
        data: Annotated[Path, positional],
        out: Annotated[Path, positional],
        params: Annotated[ExportParams, flat] = ExportParams(),  # noqa: B008
    ) -> Outcome:
        """Write the published pipeline's HDF5 files of sub-volumes.

        Args:
            data: folder that 'crossvox prepare' wrote.
            out: folder that receives the files.
            params: which sub-volumes, and how.
        """
        files = export_hdf5(data, out, params, runner=Runner(terminal))
        rows = [
            [
                file.path.name,
                str(file.scenes),
                str(file.sub_volumes),
                str(file.lacking_views),
                str(file.nearly_empty),
                f"{file.bytes_each / 1000:.2f} kB",
            ]
            for file in files
        ]
        columns = ["file", "scenes", "sub-volumes", "lacking views", "nearly empty", "size each"]
        terminal.table(f"HDF5 files in {out}", columns, rows)
        return Outcome(files)

    return command


def _import_hdf5(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.published.hdf5_in import import_hdf5
    from crossvox.recipes.published.params import ImportParams

    positional, flat = _positional()

    def command(
        file: Annotated[Path, positional],
        out: Annotated[Path, positional],
        params: Annotated[ImportParams, flat] = ImportParams(),  # noqa: B008
        frames: Path | None = None,
    ) -> Outcome:
        """Turn an HDF5 file of sub-volumes into a data folder that training runs from.

        Args:
            file: the HDF5 file.
            out: data folder; import the other split's file into the same one.
            params: split and meaning of labels.
            frames: folder of the prepared scenes with the images; by default the one that holds
                data_chunks/FILE, else the file's own.
        """
        report = import_hdf5(file, out, params, frames=frames, runner=Runner(terminal))
        rows = [
            [
                scene,
                notes["volume"],
                str(notes["sub_volumes"]),
                str(notes["turned_copies"]),
                str(notes["voxels_contradicting"]),
                str(notes["voxels_changed"]),
                str(notes["views_without_pose"]),
            ]
            for scene, notes in report.scenes.items()
        ]
        columns = ["scene", "volume", "read", "turned", "contradict", "change", "lost poses"]
        terminal.table(f"{report.places} sub-volumes in {report.index}", columns, rows)
        return Outcome(report)

    return command


def _flatten(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.flatten import flatten

    positional, _ = _positional()

    def command(
        data: Annotated[Path, positional],
        out: Annotated[Path, positional],
    ) -> Outcome:
        """Copy the labelled frames of prepared scenes into flat folders, one a split.

        Args:
            data: folder that 'crossvox prepare' wrote.
            out: folder that receives images/ and labels/, each with trainset/ and valset/.
        """
        report = flatten(data, out, runner=Runner(terminal))
        rows = [
            [split, str(n), str(report.without_labels[split])] for split, n in report.images.items()
        ]
        terminal.table(f"Images in {out}", ["split", "images", "left out: no labels"], rows)
        return Outcome(report)

    return command


def _train_segment2d(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.segment2d import Segment2dRunParams, train_segment2d

    positional, flat = _positional()

    def command(
        folders: Annotated[tuple[Path, ...], positional],
        params: Annotated[Segment2dRunParams, flat] = Segment2dRunParams(),  # noqa: B008
        images: Path | None = None,
        labels: Path | None = None,
        scenes: str = "train",
        validation_scenes: str = "val",
    ) -> Outcome:
        """Train a network that labels pixels: DATA RUN, or RUN --images DIR --labels DIR.

        Args:
            folders: folder that 'crossvox prepare' or 'crossvox flatten' wrote, and run folder.
            params: everything that makes the run.
            images: any folder of colour images, instead of DATA; a share is held out.
            labels: its label images of the same names, 8-bit PNG with NYU40 ids.
            scenes: training scenes of prepared data: train, val, all, or names separated by commas.
            validation_scenes: likewise; none trains without validation.
        """
        if len(folders) not in (1, 2):
            raise CrossvoxError(
                f"given: {len(folders)} folders; needed: DATA RUN, or RUN with --images and "
                "--labels; do: crossvox train segment2d DATA RUN"
            )
        report = train_segment2d(
            folders[0] if len(folders) == 2 else None,
            folders[-1],
            params,
            images=images,
            labels=labels,
            scenes=scenes,
            validation_scenes=validation_scenes,
            runner=Runner(terminal),
        )
        return _trained(terminal, report)

    return command


def _evaluate_segment2d(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.recipes.segment2d import evaluate_segment2d

    positional, _ = _positional()

    def command(
        folders: Annotated[tuple[Path, ...], positional],
        images: Path | None = None,
        labels: Path | None = None,
        out: Path | None = None,
        scenes: str = "val",
        pictures: int = 8,
        device: str = "auto",
    ) -> Outcome:
        """Score a 2D run at the labels' full size: RUN DATA, or RUN --images DIR --labels DIR.

        Args:
            folders: run folder, and a folder that 'crossvox prepare' or 'crossvox flatten' wrote.
            images: any folder of colour images, instead of DATA.
            labels: its label images of the same names, 8-bit PNG with NYU40 ids.
            out: folder for scores.json and pictures; by default RUN/evaluation.
            scenes: scenes of prepared data: val, train, all, or names separated by commas.
            pictures: how many images to draw (image, truth, prediction, error).
            device: auto, cpu, cuda, ...
        """
        if len(folders) not in (1, 2):
            raise CrossvoxError(
                f"given: {len(folders)} folders; needed: RUN DATA, or RUN with --images and "
                "--labels; do: crossvox evaluate segment2d RUN --images DIR --labels DIR"
            )
        evaluation = evaluate_segment2d(
            folders[0],
            folders[1] if len(folders) == 2 else None,
            images=images,
            labels=labels,
            out=out,
            scenes=scenes,
            pictures=pictures,
            device=device,
            runner=Runner(terminal),
        )
        rows = [[s.name, f"{s.value:.4f}", str(s.support), s.of] for s in evaluation.scores]
        title = f"{evaluation.images} images, predicted whole, scored at the size of their labels"
        terminal.table(title, ["score", "value", "counted", "of"], rows)
        terminal.say(f"scores and pictures: {evaluation.out}")
        return Outcome(evaluation)

    return command


def _study_reconstruct(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.flow.runner import Runner
    from crossvox.recipes.study.reconstruct import StudyParams, study_reconstruct
    from crossvox.study.arms import RECONSTRUCT, arms_help

    positional, flat = _positional()

    def command(
        data: Annotated[Path, positional],
        out: Annotated[Path, positional],
        params: Annotated[StudyParams, flat] = StudyParams(),  # noqa: B008
        run2d: Path | None = None,
        arms: str = "all",
        seeds: int = 3,
    ) -> Outcome:
        """Train reconstructions that differ in one thing each, and compare them; it continues.

        Args:
            data: folder that 'crossvox prepare' wrote.
            out: folder of the study; several processes may work on different arms of it.
            params: what all arms share.
            run2d: run of 'crossvox train segment2d' whose network the arms are made from.
            arms: {arms}
            seeds: how many.
        """
        report = study_reconstruct(
            data,
            out,
            params,
            run2d=run2d,
            arms=arms,
            seeds=seeds,
            runner=Runner(terminal),
        )
        terminal.study(report.comparison)
        terminal.say(f"{len(report.made)} runs made, {len(report.kept)} kept: {out}")
        return Outcome(report, INTERRUPTED if report.interrupted else OK)

    command.__doc__ = (command.__doc__ or "").replace("{arms}", arms_help(RECONSTRUCT))
    return command


def _study_segment3d(terminal: Terminal) -> Callable[..., Outcome]:
    from crossvox.flow.runner import Runner
    from crossvox.recipes.study.segment3d import Study3dParams, study_segment3d
    from crossvox.study.arms import SEGMENT3D, arms_help

    positional, flat = _positional()

    def command(
        data: Annotated[Path, positional],
        out: Annotated[Path, positional],
        run2d: Path,
        params: Annotated[Study3dParams, flat] = Study3dParams(),  # noqa: B008
        arms: str = "all",
        seeds: int = 3,
    ) -> Outcome:
        """Train 3D segmentations that differ in what they start from, and compare them.

        Args:
            data: folder that 'crossvox prepare' wrote.
            out: folder of the study; several processes may work on different arms of it.
            run2d: run of 'crossvox train segment2d': its features are lifted, its labels vote.
            params: what all arms share.
            arms: {arms}
            seeds: how many.
        """
        report = study_segment3d(
            data,
            out,
            params,
            run2d=run2d,
            arms=arms,
            seeds=seeds,
            runner=Runner(terminal),
        )
        terminal.study(report.comparison)
        terminal.say(f"{len(report.made)} runs made, {len(report.kept)} kept: {out}")
        return Outcome(report, INTERRUPTED if report.interrupted else OK)

    command.__doc__ = (command.__doc__ or "").replace("{arms}", arms_help(SEGMENT3D))
    return command


COMMANDS: dict[str, Command] = {
    "demo": Command("the main job on generated rooms, from nothing to a page", _demo),
    "scan": Command("a capture of your own to a reconstructed room with a page", _scan),
    "info": Command("what a capture holds, and what is broken in it", _info),
    "rooms": Command("write furnished rooms as raw scans", _rooms),
    "prepare": Command("raw scans to frames, surface, voxels and labels", _prepare),
    "train reconstruct": Command("train a 3D reconstruction network", _train_reconstruct),
    "train segment3d": Command("train a 3D segmentation network", _train_segment3d),
    "flatten": Command("labelled frames to flat folders of images and labels", _flatten),
    "train segment2d": Command("train a 2D segmentation network", _train_segment2d),
    "evaluate segment2d": Command("score a 2D network on labelled images", _evaluate_segment2d),
    "predict": Command("whole scenes from a trained network", _predict),
    "evaluate reconstruct": Command("score predicted scenes and baselines", _evaluate_reconstruct),
    "evaluate segment3d": Command("score labelled rooms and baselines", _evaluate_segment3d),
    "export scannet": Command("labelled rooms to ScanNet's per-vertex files", _export_scannet),
    "evaluate scannet": Command("score ScanNet's per-vertex files", _evaluate_scannet),
    "score": Command("3D scores of any two meshes", _score),
    "study reconstruct": Command("arms of what is lifted, compared", _study_reconstruct),
    "study segment3d": Command("arms of what is started from, compared", _study_segment3d),
    "report": Command("one self-contained page about runs", _report),
    "view": Command("a room in 3D: classes, errors, camera path", _view),
    "import checkpoint": Command("a published checkpoint to a run folder", _import_checkpoint),
    "import hdf5": Command("published HDF5 sub-volumes to a data folder", _import_hdf5),
    "export hdf5": Command("sub-volumes to the published HDF5 files", _export_hdf5),
}


def usage() -> str:
    """The text of ``crossvox --help``."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            f"crossvox {crossvox.__version__}: from posed RGB-D captures to labelled 3D rooms",
            "",
            "usage: crossvox COMMAND ... [--json FILE]",
            "",
            *lines,
            "",
            "crossvox COMMAND --help lists a command's flags. --json FILE writes its result.",
            "Exit codes: 0 done, 2 wrong input or usage, 130 interrupted.",
        ]
    )


def split_command(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """Command name and remaining words; None where no command has this name."""
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS:
            return name, list(words[length:])
    return None


def take_json(words: list[str]) -> tuple[list[str], Path | None]:
    """Take ``--json FILE`` or ``--json=FILE`` out of the words."""
    for position, word in enumerate(words):
        if word.startswith("--json="):
            return words[:position] + words[position + 1 :], Path(word.partition("=")[2])
        if word == "--json":
            if position + 1 == len(words):
                raise CrossvoxError("given: --json; needed: a file name after it; do: --json FILE")
            return words[:position] + words[position + 2 :], Path(words[position + 1])
    return words, None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(usage())
        return OK
    if words[0] == "--version":
        print(crossvox.__version__)
        return OK
    chosen = split_command(words)
    if chosen is None:
        print(f"error: no command is called {' '.join(words[:2])!r}\n\n{usage()}", file=sys.stderr)
        return BROKEN
    return _run(*chosen, sys.stderr)


def _run(name: str, words: list[str], errors: TextIO) -> int:
    # Threads that wait shall sleep, not spin: on a machine that is shared, spinning costs a
    # training step many times what it saves on an idle one. OpenMP reads this when it starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import tyro

    from crossvox.core.artifact import write_json

    try:
        words, json = take_json(words)
        terminal = Terminal()
        command = COMMANDS[name].build(terminal)
        call = tyro.cli(
            _deferred(command),
            prog=f"crossvox {name}",
            args=words,
            description=(command.__doc__ or "").partition("Args:")[0].strip(),
            config=(
                # Parameters that are off and not for the command line to switch on.
                tyro.conf.AvoidSubcommands,
                tyro.conf.SuppressFixed,
                tyro.conf.PositionalMetavarFromFieldName,
            ),
        )
        with terminal:
            outcome = call()
        if json is not None:
            write_json(json, outcome.record)
        return outcome.code
    except CrossvoxError as error:
        print(f"error: {error}", file=errors)
        return BROKEN
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        print(
            f"error: {error.strerror or error}{where}; what was finished before is kept",
            file=errors,
        )
        return BROKEN
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=errors)
        return INTERRUPTED


def _deferred(command: Callable[..., Outcome]) -> Callable[..., Callable[[], Outcome]]:
    """Parse first, run later: flags are checked before any bar appears."""
    import functools
    import inspect

    @functools.wraps(command)
    def parse(*args: Any, **kwargs: Any) -> Callable[[], Outcome]:
        return functools.partial(command, *args, **kwargs)

    parse.__signature__ = inspect.signature(command)  # type: ignore[attr-defined]
    return parse


if __name__ == "__main__":
    sys.exit(main())
