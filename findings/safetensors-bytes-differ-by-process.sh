#!/usr/bin/env bash
# Packages: safetensors 0.8.0, numpy 2.4.6
# One would swear: the same tensors with the same metadata make the same file: the format is
#   plain and its tensors are laid out in a fixed order.
# What happens: with two or more metadata entries the header lists them in another order in each
#   process, so the file has another checksum every time. Without metadata the bytes are the
#   same.
# Why it matters here: caches, manifests and tests that compare checkpoints by checksum see a
#   new model each time one is saved; compare tensors, or sort the header.
# Seen: 2026-11-28, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$room"
"$room/venv/bin/python" - <<'PY'
import subprocess
import sys

program = """
import hashlib, numpy, safetensors.numpy as s
tensors = {"a": numpy.zeros(3), "b": numpy.ones(2)}
words = "room frame camera depth pose voxel label class".split()
for notes in (None, {word: word for word in words}):
    print(hashlib.sha256(s.save(tensors, metadata=notes)).hexdigest()[:12])
"""
runs = [
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    .stdout.split()
    for _ in range(4)
]
bare, noted = ([run[i] for run in runs] for i in (0, 1))
print("Expected: one checksum without metadata, one with, in four processes each.")
print("Seen: without:", ", ".join(sorted(set(bare))))
print("      with:   ", ", ".join(sorted(set(noted))))
held = len(set(bare)) == 1 and len(set(noted)) > 1
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
