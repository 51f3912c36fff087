"""The command line: flags made from signatures, progress, tables, exit codes. No other logic.

``dispatch`` finds the command, ``signature`` makes its flags, ``spoken`` their help texts,
``params_file`` reads ``--params``, ``run`` calls it, ``terminal`` shows how far it is, ``pace`` how
much is left, ``tables*`` what came of it, ``plan`` what would, ``following`` what comes next.
"""

from crossvox.cli.dispatch import main

__all__ = ["main"]
