"""Items as tasks of a Ray cluster of two nodes; what needs no Ray comes first."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crossvox.core.checks import ArtifactError, CrossvoxError
from crossvox.flow import locks, on_ray, ray_cluster
from crossvox.flow.jobs import Job, Outcome
from crossvox.flow.runner import Runner

sys.path.insert(0, str(Path(__file__).parent))
from stages_for_tests import Echo, Echoes

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs Ray: pip install 'crossvox[ray]'"
)


@pytest.mark.parametrize(
    ("cpus", "workers", "share"),
    [
        ([4], 1, 4),
        ([4], 2, 2),
        ([4], 3, 1),
        ([4, 4], 3, 2),
        ([8, 2], 3, 2),
        ([2], 5, 1),
        ([], 1, 1),
    ],
)
def test_threads_fill_the_nodes_and_never_more(cpus: list[int], workers: int, share: int) -> None:
    assert ray_cluster.share_of(cpus, workers) == share
    room = sum(count // share for count in cpus)
    assert room >= min(workers, sum(cpus))


def test_without_ray_the_text_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CrossvoxError, match=r"pip install 'crossvox\[ray\]'"):
        Runner(backend="ray")


def test_workers_tell_what_they_lack(tmp_path: Path) -> None:
    look, work = on_ray._functions()
    job = Job("a", Echo("a"), tmp_path / "a")
    asked = on_ray._asked([job], None)
    here = os.getcwd()
    assert look(asked) == ""
    assert look({**asked, "cwd": str(tmp_path / "nowhere")}) == ""
    assert os.getcwd() == here
    assert "crossvox" in look({**asked, "versions": "crossvox 9, Python 9"})
    gone = tmp_path / "gone"
    unfit = {
        **asked,
        "looks": 1,
        "memory": None,
        "paths": [str(gone)],
        "share": 1,
        "patience_s": 0.0,
        "pools": (),
    }
    assert look(unfit) == f"does not see {gone}"
    assert work(b"", unfit) == f"the machine that was to make it does not see {gone}"


def test_a_gpu_is_asked_for_where_one_is_used(tmp_path: Path) -> None:
    class OnGpu(Echo):
        device = "cuda:0"

    assert on_ray._devices([Job("a", OnGpu("a"), tmp_path)]) == {"num_gpus": 1}
    assert on_ray._devices([Job("a", Echo("a"), tmp_path)]) == {}


def test_where_a_cluster_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert ray_cluster._address() == ""
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = f"127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray" / "ray_current_cluster").write_text(here)
        assert ray_cluster._address() == here
        monkeypatch.setenv("RAY_ADDRESS", "auto")
        assert ray_cluster._address() == here
        monkeypatch.setenv("RAY_ADDRESS", here)
        assert ray_cluster._address() == here
    for named in (here, "auto", "nonsense", "localhost:99999999"):
        monkeypatch.setenv("RAY_ADDRESS", named)
        with pytest.raises(CrossvoxError, match="where no Ray cluster answers"):
            ray_cluster._address()
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:10001")
    with pytest.raises(CrossvoxError, match="on a machine of the cluster"):
        ray_cluster._address()
    monkeypatch.delenv("RAY_ADDRESS")
    assert ray_cluster._address() == "", "what was left by a cluster that is gone"


def test_a_signal_while_ray_connects_is_an_interrupt() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ray_cluster.signals_kept():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


# With Ray


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each; this process has joined it. The second may be taken away."""
    with pytest.MonkeyPatch.context() as patch:
        here = str(Path(__file__).parent)
        patch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray = ray_cluster.library()
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        with ray_cluster.signals_kept():
            ray.init(cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        cluster.second = cluster.add_node(**node)  # now: this process is to be of the first
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def made(out: Path, items: dict[str, Echo], workers: int = 0) -> dict[str, Outcome]:
    found = Runner(backend="ray").make_all(Echoes(), items, out, workers=workers or len(items))
    return {outcome.item: outcome for outcome in found.outcomes}


@needs_ray
def test_what_fails_costs_itself_alone(cluster: Any, tmp_path: Path) -> None:
    faults = {"a": "", "b": "bug", "c": "killed", "d": "memory", "e": "input", "f": ""}
    marks = tmp_path / "marks"
    marks.mkdir()
    items = {word: Echo(word, fault=fault, marks=marks) for word, fault in faults.items()}
    found = made(tmp_path / "out", items)
    assert [o.status for o in found.values()] == ["made", *["failed"] * 4, "made"]
    assert found["b"].error == "ZeroDivisionError: division by zero"
    assert found["c"].error == on_ray.KILLED
    assert found["d"].error == "out of memory"
    assert found["e"].error.startswith("given: a broken scan")
    assert found["a"].notes == {"letters": 1, "threads": 1}
    assert len(list(marks.iterdir())) == len(items), "each was tried once"
    there = {path.name for path in (tmp_path / "out").iterdir()} - {locks.FOLDER}
    assert there == {"a", "f", "manifest.json"}
    again = made(tmp_path / "out", {word: Echo(word) for word in "af"})
    assert {o.status for o in again.values()} == {"kept"}


@needs_ray
def test_an_input_that_a_node_does_not_see_is_told_before_any_work(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies on one machine alone is, for the others, a path where nothing is."""
    asked = on_ray._asked

    def elsewhere(jobs: Any, token: Path | None) -> dict[str, Any]:
        assert token is not None
        assert token.is_file()
        told = asked(jobs, token)
        hidden = str(token) + ".elsewhere"
        return {**told, "looks": 2, "paths": [hidden], "shown": {hidden: told["shown"][str(token)]}}

    monkeypatch.setattr(on_ray, "_asked", elsewhere)
    with pytest.raises(ArtifactError, match=r"does not see .*out, which is written to") as told:
        made(tmp_path / "out", {"a": Echo("a")})
    assert "a disk that all machines see" in str(told.value)
    assert not (tmp_path / "out" / "a").exists()


@needs_ray
def test_more_than_any_node_has_is_refused(cluster: Any, tmp_path: Path) -> None:
    runner = Runner(backend="ray", memory=10**15)
    with pytest.raises(CrossvoxError, match=r"none of which has 1 CPU, 1000000\.0 GB of memory"):
        runner.make_all(Echoes(), {"a": Echo("a")}, tmp_path / "out")


@needs_ray
def test_a_worker_that_takes_more_than_its_budget_costs_its_item(
    cluster: Any, tmp_path: Path
) -> None:
    runner = Runner(backend="ray", memory=450_000_000)
    items = {word: Echo(word, fault="greedy" if word == "b" else "") for word in "abc"}
    found = runner.make_all(Echoes(), items, tmp_path / "out", workers=2)
    assert [outcome.status for outcome in found.outcomes] == ["made", "failed", "made"]
    assert found.outcomes[1].error.startswith("needed more than 0.5 GB of memory")


@needs_ray
def test_work_that_ends_early_leaves_nothing(
    cluster: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def begun() -> bool:
        return any((tmp_path / "out").glob(".*.part/begun.txt"))

    def interrupt() -> None:
        while not begun():
            time.sleep(0.02)
        import _thread

        _thread.interrupt_main()

    # What runs in the background of a shell ignores Ctrl-C from the start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "out", {word: Echo(word, fault="idle") for word in "abc"})
    there = {path.name for path in (tmp_path / "out").iterdir()} - {locks.FOLDER}
    assert there <= {"manifest.json"}


@needs_ray
def test_what_a_dead_node_was_at_work_on_is_made_by_another(cluster: Any, tmp_path: Path) -> None:
    """This takes the second node away: it comes last."""
    marks = tmp_path / "marks"
    marks.mkdir()
    words = [f"word{n}" for n in range(6)]

    def kill() -> None:
        while len(list(marks.iterdir())) < 3:
            time.sleep(0.02)
        cluster.remove_node(cluster.second, allow_graceful=False)

    threading.Thread(target=kill, daemon=True).start()
    found = made(tmp_path / "out", {w: Echo(w, fault="while", marks=marks) for w in words})
    # A worker outlives its node for a moment. What it ends then is found, and not made anew.
    assert sorted(o.status for o in found.values())[1:] == ["made"] * 5
    assert {o.status for o in found.values()} <= {"kept", "made"}
    for word in words:
        assert (tmp_path / "out" / word / "word.txt").read_text() == word
    begun = [path.name.split("-")[0] for path in marks.iterdir()]
    assert len(begun) in (len(words), len(words) + 1), "one was begun anew, unless none was at work"
    there = {path.name for path in (tmp_path / "out").iterdir()} - {locks.FOLDER}
    assert there == {*words, "manifest.json"}
