#!/usr/bin/env bash
# Packages: numba 0.68.1, numpy 2.4.6
# One would swear: `fastmath` is a matter of the function that it is given to: one compiled by a
#   plain `njit` keeps the order of its sums, whoever calls it.
# What happens: it takes the flags of the caller that compiles it first, and keeps them. Called
#   first by itself it is exact, also inside of a fast caller; called first by a fast caller it is
#   not, also by itself from then on. Only an explicit `fastmath=False` holds in both orders.
# Why it matters here: the rounding error of a sum, which compensated sums of depth and points add
#   again, is thrown away or kept depending on which line of a program runs first.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  numba==0.68.1 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
from numba import njit

METRES, SUM = 1.1, 1e6  # a reading, and the sum that it is added to


def lost(reading, total):
    """What rounding takes from a reading that is added to a sum."""
    return ((total + reading) - total) - reading


def asked(first, **flags):
    """The error by the function itself and in a fast caller; ``first`` is called first."""
    exact = njit(**flags)(lost)

    @njit(fastmath=True)
    def fast(reading, total):
        return exact(reading, total)

    calls = {"itself": exact, "caller": fast}
    order = [first, *(name for name in calls if name != first)]
    found = {name: calls[name](METRES, SUM) for name in order}
    return found["itself"], found["caller"]


true = lost(METRES, SUM)
print(f"Expected: {true:.3g} from the plain function, whoever calls it first")
by_itself, by_caller = asked("itself"), asked("caller")
print(f"Seen:     {by_itself} where it is called by itself first (by itself, in the fast caller)")
print(f"Seen:     {by_caller} where the fast caller calls it first")
told = [asked(first, fastmath=False) for first in ("itself", "caller")]
print(f"Seen:     {told} with fastmath=False")
held = by_itself == (true, true) and by_caller == (0.0, 0.0)
held &= told == [(true, true)] * 2 and true != 0
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
