"""Processes to kill, forked from one that has imported everything: a test affords dozens of them."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable
from functools import cache
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.kit.folders import lasting_folder

PRELOADED = [
    "tests.kit.forked_process", "tests.kit.system", "tests.kit.sender_process", "pytest", "sqlite3", "psycopg", "typst",
    "aiosmtplib", "encodings.idna", "concurrent.futures.thread", "portal.cli.main", "portal.cli.service", "portal.app",
    "portal.server", "workflow.worker", "workflow.removals.connector.service", "workflow.database.postgresql",
    "tests.kit.opened_once",
]  # fmt: skip
"""All that any of them needs: the first one to be forked decides of what the others find."""


@cache
def _fork_server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def forked(target: Callable[..., Any], *arguments: object) -> BaseProcess:
    """A process at work on a function of a module, which it imports by name; ended with this one at the latest."""
    process = _fork_server().Process(target=_run, args=(_own_folder(), target, *arguments), daemon=True)
    process.start()
    return process


@cache
def _own_folder() -> Path:
    """The place of what a killed process leaves: it has no time to remove its temporary folders."""
    return lasting_folder("oda-forked-")


def _run(folder: Path, target: Callable[..., Any], *arguments: object) -> None:
    tempfile.tempdir = str(folder)
    target(*arguments)


def exit_code_of(target: Callable[..., Any], *arguments: object, seconds: float = 60) -> int:
    """Run a function in a process of its own, in silence; returns how it ended, a signal as a negative number."""
    process = forked(writing_to, Path(os.devnull), target, *arguments)
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{target.__qualname__} still runs after {seconds} s")
    return process.exitcode


def writing_to(log: Path, target: Callable[..., Any], *arguments: object) -> None:
    """In a process of its own, run a function whose standard outputs go to the end of this file."""
    with log.open("ab") as outputs:
        os.dup2(outputs.fileno(), 1)
        os.dup2(outputs.fileno(), 2)
    target(*arguments)
