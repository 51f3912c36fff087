"""``python -m crossvox``."""

import sys

from crossvox.cli import main

sys.exit(main())
