"""The trial with damaged files: what failed once holds, and a short run finds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from trials.fuzz.edits import apply
from trials.fuzz.targets import SAMPLES

from crossvox.capture.formats import READERS

ROOT = Path(__file__).parents[1]


def test_every_reader_of_this_package_gives_a_sample() -> None:
    own = [name for name in READERS if type(READERS[name]).__module__.startswith("crossvox")]
    assert set(own) <= set(SAMPLES)


def test_edits_are_data_that_give_the_same_damage_again() -> None:
    text = b"a b c"
    assert apply(["word", 1, ["x", 3]], text) == b"a xxx c"
    assert apply(["put", 1, "ffff"], text) == b"a\xff\xff c"
    assert apply(["json_set", ["a", 0], "$deep"], b'{"a": [1]}').count(b"[") == 10_001
    # What does not fit, for the file is another one by now, changes nothing.
    assert apply(["json_set", ["b", 0], 1], b'{"a": [1]}') == b'{"a": [1]}'
    assert apply(["flip", 99, 1], text) == text


def test_what_failed_once_is_refused_and_a_short_trial_finds_nothing() -> None:
    command = [sys.executable, "-m", "trials.fuzz", "--inputs", "2500", "--round", "45"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kept inputs read again, 0 of them failed" in done.stdout
    assert "| all | 2500 |" in done.stdout
