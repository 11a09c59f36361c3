"""The worker's log: plain French lines on the error output, without anybody's name or address."""

import logging
import sys

from portal.cli.cells import printable

_LEVELS = {"WARNING": "attention : ", "ERROR": "erreur : ", "CRITICAL": "erreur : "}
_FRENCH = {
    "mails wait: %s": "les courriels attendent : %s",
    "sealing keys not read again: %s": "les clés des codes n'ont pas pu être relues : %s",
    "tick failed: %s": "le passage de l'échéancier a échoué, nouvel essai au suivant : %s",
    "calls failed: %s": "les appels au serveur ODA ont échoué, nouvel essai dans une minute : %s",
    "calls: %d confirmed, %d wait, %d refused": (
        "serveur ODA : retraits confirmés %d, remis à plus tard %d, à reprendre par un opérateur %d"
    ),
    "page failed: %s": "une page n'a pas pu être faite : %s",
    "Invalid HTTP request received.": "une requête reçue n'était pas du HTTP",
}
"""What the other rooms log, in the reader's language; a line that is not here is shown as it is."""


class French(logging.Formatter):
    """``2026-10-12 11:00:00 attention : …``, on one line; an exception is named by its class only."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        message = _FRENCH.get(str(record.msg), str(record.msg))
        message = message % record.args if record.args else message
        error = f" ({record.exc_info[0].__name__})" if record.exc_info and record.exc_info[0] else ""
        level = _LEVELS.get(record.levelname, "")
        return printable(f"{self.formatTime(record, self.datefmt)} {level}{message}{error}")


def to_stderr() -> logging.Logger:
    """Send every room's log to the error output; the libraries' own only from warnings on. Returns ours."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(French())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log = logging.getLogger("oda")
    log.setLevel(logging.INFO)
    return log
