"""A first look at a file by a process of its own, which may crash where this one must not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from crossvox.core.checks import ArtifactError, expect

READ = """
import sys
from pathlib import Path
from crossvox.core.checks import CrossvoxError
from crossvox.samples.published.reader import OriginalFile
try:
    file = OriginalFile(Path(sys.argv[1]))
    for number in range(len(file)):
        file.chunk(number)
except CrossvoxError:
    pass  # whoever reads it next says what is wrong
"""


def expect_survived(path: Path, script: str = READ) -> None:
    """Refuse a file whose reading ends the process that does it.

    The HDF5 library trusts what a file says of its own structure: a few damaged bytes make it read
    beyond its memory.

    Args:
        path: an HDF5 file of sub-volumes.
        script: reads the file that its first argument names.

    Raises:
        ArtifactError: the process was ended by a signal.
    """
    code = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True).returncode
    expect(
        code >= 0,
        given=f"{path}, on which the HDF5 library crashed "
        f"({signal.Signals(-code).name if code < 0 else ''})",
        needed="an undamaged file",
        do="copy or make the file again",
        error=ArtifactError,
    )
