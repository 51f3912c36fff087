"""From posed RGB-D captures to labelled 3D rooms."""

import os
from pathlib import Path as _Path

from crossvox.core.compiled import find_cache as _find_cache

__version__ = "0.1.0"

# Threads that wait shall sleep, not spin: on a machine that is shared, spinning costs a training
# step many times what it saves on an idle one. OpenMP reads this when a library that uses it is
# loaded; whoever imports torch before this package has to set it himself.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_find_cache(_Path(__file__).parent)
