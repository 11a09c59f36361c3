"""Work on the académie's templates in a child process: little time, little memory, no network.

A template is a program: one that hangs, or takes all the memory, stops the child and nobody else.
"""

import contextlib
import ctypes
import math
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
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


class Child:
    """A child process that answers call after call, started by the first one, and anew once it was stopped.

    ``function``: ``package.module:function``, which is given ``fixed`` at each call, the same objects each time, then
    what the call gives. ``step_s``: seconds of processor for each ``step`` of it, ``STEP_S`` when None. Any thread may
    call, one at a time. The process ends with this object, and with the one that made it, however that one ends.
    """

    def __init__(self, function: str, *fixed: Any, step_s: float | None = None) -> None:
        self._fixed, self._function, self._step_s = fixed, function, step_s
        self._calling = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], Any] = lambda: None

    def call(self, *arguments: Any) -> Any:
        """Return what the function gives; its exceptions are raised here.

        Raises ChildStopped when it hung, took too much memory or was killed.
        """
        with self._calling:
            process = self._process
            if process is None or process.poll() is not None:
                process = self._started()
            watch = threading.Timer(LONGEST_S, process.kill)
            watch.start()
            try:
                kind, value = _answer(process, pickle.dumps(arguments))
            except BaseException:  # an answer that comes later would be taken for that of another call
                self.end()
                raise
            finally:
                watch.cancel()
        if kind == "raised":
            raise value
        return value

    def end(self) -> None:
        """End the process, if there is one; the next call starts another."""
        self._end()
        self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        self.end()
        folder = tempfile.TemporaryDirectory(prefix="oda-child-", ignore_cleanup_errors=True)
        self._process = process = subprocess.Popen(  # noqa: S603 - our own interpreter, nothing of anybody's
            [sys.executable, "-c", _START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=_environment(folder.name),
        )  # fmt: skip
        self._end = weakref.finalize(self, _ended, process, folder)
        limits = self._function, STEP_S if self._step_s is None else self._step_s
        _write(process, b"".join(map(pickle.dumps, (sys.path, limits, self._fixed))))
        return process


def run_in_child(function: str, *arguments: Any, step_s: float | None = None) -> Any:
    """Return what ``package.module:function`` gives in a child process of its own; see ``Child``."""
    child = Child(function, step_s=step_s)
    try:
        return child.call(*arguments)
    finally:
        child.end()


def _write(process: subprocess.Popen[bytes], message: bytes) -> None:
    """Give it a message; one that has died says so by what it no longer answers."""
    if process.stdin:
        with contextlib.suppress(OSError):
            process.stdin.write(message)
            process.stdin.flush()


def _answer(process: subprocess.Popen[bytes], call: bytes) -> tuple[str, Any]:
    """``done`` and what the call gives, or ``raised`` and what it raises. Raises ChildStopped."""
    _write(process, call)
    label = ""
    with contextlib.suppress(EOFError, pickle.UnpicklingError):  # a message that it had no time to finish
        while process.stdout:
            kind, value = pickle.load(process.stdout)  # noqa: S301 - from our own child
            if kind != "step":
                return kind, value
            label = value
    process.kill()
    is_long = process.wait() in (-signal.SIGXCPU, -signal.SIGKILL)
    raise ChildStopped(label, TOO_LONG if is_long else TOO_LARGE)


def _ended(process: subprocess.Popen[bytes], folder: "tempfile.TemporaryDirectory[str]") -> None:
    process.kill()
    with contextlib.suppress(OSError), process:
        pass
    folder.cleanup()


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


def time_used() -> float:
    """The seconds of processor that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """The child: its limits first, then what it is asked, until nobody is left to ask.

    A signal to stop the service, which a supervisor sends to all its processes, stops no mail that is being made.
    """
    global _output, _step_s
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
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
        fixed = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the parent
        while True:
            _answer_to(module, name, *fixed, *pickle.load(sys.stdin.buffer))  # noqa: S301 - from the parent
    except EOFError:
        pass
    shutil.rmtree(os.environ["HOME"], ignore_errors=True)  # that of ``_environment``: its maker may have been killed
    os._exit(0)


def _answer_to(module: str, name: str, *arguments: Any) -> None:
    try:
        answer = "done", getattr(import_module(module), name)(*arguments)
    except Exception as error:
        answer = "raised", error
    if _output is not None:
        pickle.dump(answer, _output)
        _output.flush()


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
