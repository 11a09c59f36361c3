"""What Python compiles is kept for the processes that tests start, even where it may not lie beside its source.

Without it each of these processes compiles the whole world anew, which takes twice as long as importing it.
"""

import os
import sys
from pathlib import Path

KEPT_IN = Path(__file__).parents[2] / ".tools" / "bytecode"


def keep_bytecode() -> None:
    """Have this process and its children keep what they compile, outside the tree where it was forbidden inside."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(KEPT_IN))
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"]
        sys.dont_write_bytecode = False
