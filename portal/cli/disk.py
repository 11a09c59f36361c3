"""What the system answers when a file cannot be read or written, in French."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.cli.exits import CliFailure, ExitCode

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No room left: on the disk, in the account's quota, or under the process's limit."""

_REASONS = {
    errno.EACCES: "accès refusé",
    errno.EPERM: "accès refusé",
    errno.EROFS: "le disque est en lecture seule",
    errno.ENOTDIR: "un élément du chemin est un fichier",
    errno.EISDIR: "c'est un répertoire",
    errno.ENOENT: "un élément du chemin n'existe pas",
    errno.ENAMETOOLONG: "le nom est trop long",
    **dict.fromkeys(FULL, "plus de place sur le disque"),
}


def reason(error: OSError) -> str:
    """Why, in a few words; the system's own words are English and may vary."""
    return _REASONS.get(error.errno or 0, f"erreur {error.errno} du système")


@contextmanager
def writing(place: Path, remedy: str) -> Iterator[None]:
    """Raises CliFailure when what is written under ``place`` cannot be."""
    try:
        yield
    except OSError as error:
        message = f"{place} ne peut pas être écrit : {reason(error)}."
        raise CliFailure(message, ExitCode.REFUSED, [f"Que faire : {remedy}."]) from None
