#!/usr/bin/env bash
# Packages: statsmodels 0.15.0, scipy 1.17.1, pandas 3.1.1, numpy 2.4.6
# One would swear: correcting three p-values for there being three is arithmetic on three numbers,
#   some microseconds, whatever else the program holds.
# What happens: each call of multipletests makes a full garbage collection. What it takes grows with
#   all objects that are alive: about 0.1 s with its own imports alone, 0.4 s beside 3 million lists.
# Why it matters here: Holm's correction stands inside of simulations (coverage of an interval,
#   false positives under the null) that call it thousands of times, in a process that holds rooms.
#   The profile blames whatever runs, never the correction.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  statsmodels==0.15.0 scipy==1.17.1 pandas==3.1.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import gc
import time

from statsmodels.stats.multitest import multipletests

full = 0


def told(phase, info):
    global full
    full += phase == "start" and info["generation"] == 2


def asked(times):
    """Seconds of a call, and full collections during them all."""
    global full
    full, begin = 0, time.perf_counter()
    for _ in range(times):
        multipletests([0.01, 0.02, 0.9], method="holm")
    return (time.perf_counter() - begin) / times, full


gc.callbacks.append(told)
multipletests([0.5], method="holm")
little, _ = asked(10)
alive = [[number] for number in range(3_000_000)]
gc.collect()
much, collections = asked(10)
print("Expected: no collection for three numbers, and the same time beside other objects.")
print(
    f"Seen: {collections} full collections in 10 calls; a call takes {much * 1e3:.0f} ms beside "
    f"3 million lists, {much / little:.0f} times as long as without them"
)
held = collections == 10 and much > 2 * little
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
