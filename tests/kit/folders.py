"""Folders that outlive one test and not the run."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.process_guard import remove_at_end, start_guard

MEMORY = Path("/dev/shm")
ENOUGH = 4 * 1024**3


def lasting_folder(prefix: str, *, swift: bool = False) -> Path:
    """A new temporary folder, removed when this process ends; for a test, a swift one is in memory if there is enough.

    A guard sees to it however the process ends, and ends its servers: of a measure as of a test. PostgreSQL clones
    a database of 500 files for a test, which on a disk takes as long as the test. What is measured in ``bench/`` stays
    on the disk, where an installation has it.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if swift and _roomy() else None))
    start_guard()
    remove_at_end(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextmanager
def swift_folder(prefix: str) -> Iterator[Path]:
    """A new folder for the time of the block, in memory if there is enough: what makes its own within one test."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if _roomy() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_test_run() -> bool:
    """Whether pytest runs this, not a measure of ``bench/``, which wants what an installation has."""
    return "PYTEST_VERSION" in os.environ


def work_in_memory() -> None:
    """Have every test's own folder in memory, if there is enough: SQLite waits for the disk at each transaction."""
    if _roomy() and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def _roomy() -> bool:
    return is_test_run() and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH
