#!/usr/bin/env bash
# Packages: msgspec 0.22.0
# One would swear: a dataclass that msgspec.convert makes is as one that was called: every field,
#   given or left to its default, is an attribute of the object.
# What happens: a field that the input lacks is not set on the object; reading it finds the default
#   on the class. So vars() of two equal objects differ, and so does whatever is made of vars().
# Why it matters here: records of older runs lack the fields that came later. A fingerprint taken of
#   vars() is another one for the same parameters, or the missing name is an error.
# Seen: 2026-11-29, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check msgspec==0.22.0
cd "$room"
"$room/venv/bin/python" - <<'PY'
from dataclasses import asdict, dataclass

import msgspec


@dataclass(frozen=True)
class Camera:
    width: int
    focal: float = 525.0


called, read = Camera(640), msgspec.convert({"width": 640}, Camera)
print("Expected: an object that was read has the attributes of one that was called.")
print(f"Seen: called {vars(called)}, read {vars(read)}")
print(f"Seen: equal {called == read}, by asdict {asdict(called) == asdict(read)}")
held = called == read and asdict(called) == asdict(read) and "focal" not in vars(read)
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
