"""Exit codes and failures of commands, in French."""

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Protocol


class ExitCode(IntEnum):
    """The exit codes of ``oda``; the values are those of sysexits.h where it has one."""

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


class RefusalReason(Protocol):
    """The part of a refusal's reason that is written (R7): ``states.refusals.Reason`` is one."""

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


def refused(reasons: Iterable[RefusalReason], message: str = "Refusé, rien n'a changé.") -> CliFailure:
    """The failure that gives every reason of a refusal, its rule and what to do (R7)."""
    details = [f"{reason.message} ({reason.rule}). Que faire : {reason.remedy}" for reason in reasons]
    return CliFailure(message, ExitCode.REFUSED, details)


NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No room left: on the disk, in the account's quota, or under the process's limit."""
_SYSTEM_ERRORS = {
    errno.EACCES: "accès refusé",
    errno.EPERM: "accès refusé",
    errno.EROFS: "le disque est en lecture seule",
    errno.ENOTDIR: "un élément du chemin est un fichier",
    errno.EISDIR: "c'est un répertoire",
    errno.ENOENT: "un élément du chemin n'existe pas",
    errno.ENAMETOOLONG: "le nom est trop long",
    **dict.fromkeys(NO_SPACE, "plus de place sur le disque"),
}


@contextmanager
def writing(place: Path, remedy: str) -> Iterator[None]:
    """Run a block that writes under ``place``. Raises CliFailure, with the reason in French, when it cannot."""
    try:
        yield
    except OSError as error:
        # The system's own words are English and may vary.
        reason = _SYSTEM_ERRORS.get(error.errno or 0, f"erreur {error.errno} du système")
        message = f"{place} ne peut pas être écrit : {reason}."
        raise CliFailure(message, ExitCode.REFUSED, [f"Que faire : {remedy}."]) from None
