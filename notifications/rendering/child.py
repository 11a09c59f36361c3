"""Work on the académie's templates in a child process: little time, little memory, no network.

A template is a program: one that hangs, or takes all the memory, stops the child and nobody else.
"""

import contextlib
import ctypes
import io
import math
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import IO, Any, Final

STEP_S: Final = 5.0
"""Seconds of processor for one step: a mail takes some milliseconds, a paper a fifth of a second."""

LONGEST_S: Final = 120
"""Seconds after which the child is stopped, whatever it does."""

MEMORY: Final = 1_000_000_000
"""Bytes of address space."""

TOO_LONG: Final = "trop long, arrêté : une boucle ou un calcul de ce modèle ne finit pas"

TOO_LARGE: Final = "trop gros, arrêté : ce modèle demande une mémoire démesurée"

_NOWHERE: Final = "http://127.0.0.1:9"

_START: Final = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer);"
    " from notifications.rendering.child import main; main()"
)

_NEW_USER_AND_NETWORK: Final = 0x10000000 | 0x40000000
"""CLONE_NEWUSER and CLONE_NEWNET."""


class TooLong(Exception):
    """A step of the child took more than its time, in Python."""


class ChildStopped(Exception):
    """The child was stopped at the step ``label``; ``why`` is a French phrase."""

    def __init__(self, label: str, why: str) -> None:
        super().__init__(why)
        self.label, self.why = label, why


def run_in_child(function: str, *arguments: Any, step_s: float = STEP_S) -> Any:
    """Return what ``package.module:function`` gives in a child process; its exceptions are raised here.

    ``step_s``: seconds of processor for each ``step`` of it.

    Raises ChildStopped when it hung, took too much memory or was killed.
    """
    payload = pickle.dumps(sys.path) + pickle.dumps((function, step_s)) + pickle.dumps(arguments)
    with tempfile.TemporaryDirectory(prefix="oda-child-") as folder:
        command = [sys.executable, "-c", _START]
        with subprocess.Popen(  # noqa: S603 - our own interpreter, nothing of anybody's
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment(folder)
        ) as child:
            try:
                output, _ = child.communicate(payload, timeout=LONGEST_S)
            except subprocess.TimeoutExpired:
                child.kill()
                output, _ = child.communicate()
    label = ""
    for kind, value in _messages(output):
        match kind:
            case "step":
                label = value
            case "done":
                return value
            case "raised":
                raise value
    is_long = child.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    raise ChildStopped(label, TOO_LONG if is_long else TOO_LARGE)


def in_child() -> bool:
    """Return True in a child, where everything is limited already."""
    return _output is not None


@contextmanager
def step(label: str) -> Iterator[None]:
    """One step of the child, which has its own time; elsewhere, nothing. Raises TooLong, with the line's traceback."""
    if _output is None:
        yield
        return
    pickle.dump(("step", label), _output)
    _output.flush()
    used = time_used()
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used + _step_s) + 1, hard))  # what Python cannot interrupt
    signal.setitimer(signal.ITIMER_PROF, _step_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


@contextmanager
def within_time(ending: str = ".j2") -> Iterator[None]:
    """Bound the templates that run meanwhile in this thread of the service: what a trial with examples did not meet.

    Their lines alone are watched, in files whose name ends so; in a child a step has its own bound. Raises TooLong.
    """
    if _output is not None:
        yield
        return
    due = time.thread_time() + STEP_S

    def watch_lines(_frame: FrameType, _event: str, _argument: Any) -> Any:
        if time.thread_time() > due:
            raise TooLong(TOO_LONG)
        return watch_lines

    def watch_calls(frame: FrameType, _event: str, _argument: Any) -> Any:
        return watch_lines if frame.f_code.co_filename.endswith(ending) else None

    before = sys.gettrace()
    sys.settrace(watch_calls)
    try:
        yield
    finally:
        sys.settrace(before)


def time_used() -> float:
    """The seconds of processor that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """The child: its limits first, then what it is asked."""
    global _output, _step_s
    _output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    function, _step_s = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the parent
    with contextlib.suppress(OSError, AttributeError):  # leave the network for an empty one, where anybody may
        ctypes.CDLL(None, use_errno=True).unshare(_NEW_USER_AND_NETWORK)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _too_long)
    module, _, name = function.partition(":")
    try:
        arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the parent
        answer = "done", getattr(import_module(module), name)(*arguments)
    except Exception as error:
        answer = "raised", error
    pickle.dump(answer, _output)
    _output.flush()
    os._exit(0)


_output: IO[bytes] | None = None

_step_s: float = STEP_S


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise TooLong(TOO_LONG)


def _environment(folder: str) -> dict[str, str]:
    """The environment of the child: no secret of ours, no network, threads that reserve little.

    Its proxies lead nowhere, for a system that lets nobody leave the network: typst, which alone would go there, heeds
    them.
    """
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")}
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), _NOWHERE)
    if sys.pycache_prefix:  # else the child would compile anew all that it imports
        kept["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    return kept | proxies | {name.upper(): value for name, value in proxies.items()} | {
        "TMPDIR": folder, "HOME": folder, "XDG_CACHE_HOME": folder, "XDG_DATA_HOME": folder,
        "MALLOC_ARENA_MAX": "2", "RAYON_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1",
    }  # fmt: skip


def _messages(output: bytes) -> Iterator[tuple[str, Any]]:
    """The messages of the child, up to one that it had no time to finish."""
    stream = io.BytesIO(output)
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            yield pickle.load(stream)  # noqa: S301 - from our own child
