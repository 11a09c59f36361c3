"""Folders that outlive one test and not the run."""

import atexit
import shutil
import tempfile
from pathlib import Path


def lasting_folder(prefix: str) -> Path:
    """A new temporary folder, removed when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
