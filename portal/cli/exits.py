"""How ``oda`` ends: its exit codes, the failures that commands raise, and the words written for each."""

import sys
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from importlib import import_module
from typing import Protocol

import click

from portal.cli import wording
from portal.cli.cells import printable
from portal.cli.pipes import mute, reader_is_gone


class ExitCode(IntEnum):
    """What the shell is told; the values are those of sysexits.h where it has one."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    BAD_INPUT = 65
    UNAVAILABLE = 69
    INTERNAL = 70
    BUSY = 75
    SETTINGS = 78
    INTERRUPTED = 130
    READER_GONE = 141


class Reason(Protocol):
    """What is read of a refusal's reason (R7): ``states.refusals.Reason`` is one."""

    @property
    def rule(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def remedy(self) -> str: ...


class CliFailure(Exception):
    """A command cannot go on: ``message`` and ``details`` are French, shown as they are, so hold no secret."""

    def __init__(self, message: str, exit_code: ExitCode, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.details = list(details)


def refused(reasons: Iterable[Reason], message: str = "Refusé, rien n'a changé.") -> CliFailure:
    """The failure that tells every reason of a refusal, its rule and what to do (R7)."""
    details = [f"{reason.message} ({reason.rule}). Que faire : {reason.remedy}" for reason in reasons]
    return CliFailure(message, ExitCode.REFUSED, details)


Translate = Callable[[Exception], CliFailure | None]
_TRANSLATIONS: dict[str, Translate] = {}


def failure_for(*classes: str) -> Callable[[Translate], Translate]:
    """Say what an exception of another room means here, named by its path so that nothing is imported for it.

    It holds for the subclasses too; the closest class wins, and None says that it means nothing foreseen.
    """

    def register(translate: Translate) -> Translate:
        _TRANSLATIONS.update(dict.fromkeys(classes, translate))
        return translate

    return register


def as_failure(error: Exception) -> CliFailure | None:
    """The failure that ``error`` means; None when nobody foresaw it."""
    if isinstance(error, CliFailure):
        return error
    import_module("portal.cli.services")
    paths = (f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__)
    translate = next((_TRANSLATIONS[path] for path in paths if path in _TRANSLATIONS), None)
    return translate(error) if translate else None


def say(lines: Iterable[str]) -> None:
    """Write on the error output, made harmless to a terminal; where nothing can be written, the exit code speaks."""
    try:
        for line in "\n".join(lines).split("\n"):
            click.echo(printable(line), err=True)
    except BrokenPipeError:
        raise
    except OSError:  # a log on a full disk
        mute(sys.stderr)


def report(error: Exception) -> ExitCode:
    """Write what an exception means for the person at the keyboard; returns the exit code."""
    if isinstance(error, click.ClickException):
        say(wording.lines(error))
        return ExitCode.USAGE
    failure = as_failure(error)
    if failure is None:
        from portal.cli.incidents import record

        say(record(error))
        return ExitCode.INTERNAL
    say([failure.message, *(f"  — {detail}" for detail in failure.details)])
    return failure.exit_code


def _outcome(run: Callable[[], object]) -> int:
    try:
        run()
        sys.stdout.flush()
    except click.exceptions.Exit as asked:
        return asked.exit_code
    except (KeyboardInterrupt, click.Abort, EOFError):
        say(["", "Interrompu."])
        return ExitCode.INTERRUPTED
    except BrokenPipeError as error:
        return ExitCode.READER_GONE if reader_is_gone() else report(error)
    except Exception as error:  # the only place that may: nothing else would tell the person
        return report(error)
    return ExitCode.DONE


def guarded(run: Callable[[], object]) -> int:
    """Run a command to its end and return its exit code, having written what went wrong.

    Two outputs may close under it: ``oda … | head`` ends in silence with READER_GONE.
    """
    try:
        return _outcome(run)
    except BrokenPipeError:
        reader_is_gone()
        return ExitCode.READER_GONE
    finally:
        _give_up_output()


def _give_up_output() -> None:
    """What could not be written is not tried again: Python would at its end, and change the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        mute(sys.stdout)
