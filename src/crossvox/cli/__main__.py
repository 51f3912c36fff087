"""``python -m crossvox.cli``."""

import sys

from crossvox.cli import main

sys.exit(main())
