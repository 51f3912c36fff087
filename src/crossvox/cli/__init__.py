"""The command line: flags made from signatures, progress, tables, exit codes. No other logic.

``dispatch`` finds the command, ``signature`` makes its flags, ``params_file`` reads ``--params``,
``run`` calls it, ``terminal`` shows how far it is, ``tables*`` show what came of it, ``plan`` what
would.
"""

from crossvox.cli.dispatch import main

__all__ = ["main"]
