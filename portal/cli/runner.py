"""The end of a command: its exit code, and the message for what went wrong."""

import sys
from collections.abc import Callable

import click

from portal.cli.click_french import error_lines
from portal.cli.errors import CliFailure, ExitCode
from portal.cli.failures import TRANSLATIONS
from portal.cli.output import mute, reader_is_gone, say


def run_guarded(run: Callable[[], object]) -> int:
    """Run a command to its end and return its exit code, having written what went wrong.

    Two outputs may close under it: ``oda … | head`` ends in silence with READER_GONE.
    """
    try:
        return _run_command(run)
    except BrokenPipeError:
        reader_is_gone()
        return ExitCode.READER_GONE
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            mute(sys.stdout)  # Python would write it again at its end, and change the exit code


def _run_command(run: Callable[[], object]) -> int:
    try:
        run()
        sys.stdout.flush()
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except (KeyboardInterrupt, click.Abort, EOFError):
        say(["", "Interrompu."])
        return ExitCode.INTERRUPTED
    except BrokenPipeError as error:
        return ExitCode.READER_GONE if reader_is_gone() else report(error)
    except Exception as error:  # the only place that may: nothing else would tell the person
        return report(error)
    return ExitCode.DONE


def as_failure(error: Exception) -> CliFailure | None:
    """The failure that ``error`` means; None for an unforeseen one."""
    if isinstance(error, CliFailure):
        return error
    paths = (f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__)
    translate = next((TRANSLATIONS[path] for path in paths if path in TRANSLATIONS), None)
    return translate(error) if translate else None


def report(error: Exception) -> ExitCode:
    """Write the message of an exception for the person at the keyboard, and return the exit code."""
    if isinstance(error, click.ClickException):
        say(error_lines(error))
        return ExitCode.USAGE
    failure = as_failure(error)
    if failure is None:
        from portal.incidents import log_incident

        number = log_incident(error)
        say([f"Erreur interne : la commande s'est arrêtée. Numéro d'incident à transmettre au support : {number}."])
        return ExitCode.INTERNAL
    say([failure.message, *(f"  — {detail}" for detail in failure.details)])
    return failure.exit_code
