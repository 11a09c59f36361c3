"""Folders that outlive one test and not the run."""

import atexit
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH = 4 * 1024**3


def lasting_folder(prefix: str, *, swift: bool = False) -> Path:
    """A new temporary folder, removed when this process ends; a swift one is in memory where there is enough of it.

    PostgreSQL clones a database of 500 files for a test: on a disk that took as long as the test.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if swift and _roomy() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _roomy() -> bool:
    return MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH
