"""Commands in forked processes of one that has everything imported: they start at once.

Nothing is computed in the process that is forked: threads do not survive a fork.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil


def warm_up() -> None:
    """Import what commands import."""
    import torch

    from crossvox.recipes.commands import COMMANDS

    torch.set_num_threads(1)
    for name in COMMANDS:
        COMMANDS[name].load()
    for module in (
        "crossvox.cli.run",
        "crossvox.recipes.prepare_scene",
        "crossvox.recipes.predict_scene",
        "crossvox.recipes.train_scenes",
        "crossvox.recipes.train_images",
        "crossvox.recipes.study.reconstruct_arms",
        "crossvox.recipes.published.write_files",
        "crossvox.recipes.published.import_scene",
        "crossvox.capture.rooms.write",
        "crossvox.report.page.write",
        "crossvox.evaluate.score",
        "crossvox.train.session",
    ):
        with suppress(ImportError):
            importlib.import_module(module)


def follow(modules: Path) -> None:
    """Import what a call has imported: the next call has it from the start."""
    for name in modules.read_text().split():
        if name not in sys.modules and not name.startswith("__"):
            with suppress(Exception):
                importlib.import_module(name)


class Call:
    """A command at work in a folder, in a session of its own.

    Args:
        words: its command line.
        folder: where it works.
        log: file that receives what it says.
        modules: file that receives the names of what it has imported.
    """

    def __init__(
        self, words: tuple[str, ...], folder: Path, log: Path, modules: Path | None = None
    ) -> None:
        self.begun = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.setsid()
                os.chdir(folder)
                stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(stream, 1)
                os.dup2(stream, 2)
                from crossvox.cli import main

                code = main(list(words))
                if modules is not None:
                    modules.write_text("\n".join(list(sys.modules)))
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                for output in (sys.stdout, sys.stderr):
                    with suppress(OSError, ValueError):
                        output.flush()
                os._exit(code)

    def wait(self, seconds: float) -> int | None:
        """Its exit code (negative: the signal's number); None: it is still at work."""
        end = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= end:
                return None
            time.sleep(0.005)

    def end(self) -> None:
        """End it, where it has not ended by itself."""
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def workers(self) -> list[int]:
        """Its worker processes."""
        with suppress(psutil.Error):
            found = psutil.Process(self.pid).children(recursive=True)
            return [p.pid for p in found if "resource_tracker" not in " ".join(_words(p))]
        return []

    def kin(self) -> list[int]:
        """All processes of its session that still live."""
        found = []
        for process in psutil.process_iter(["pid", "status"]):
            with suppress(ProcessLookupError, PermissionError, psutil.Error):
                ours = os.getsid(process.pid) == self.pid and process.pid != self.pid
                if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
        return found

    def orphans(self, seconds: float) -> list[int]:
        """Processes of its session that outlive it by so long; they are ended."""
        end = time.monotonic() + seconds
        while (left := self.kin()) and time.monotonic() < end:
            time.sleep(0.05)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []
