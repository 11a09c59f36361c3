"""The rectorat's people as ``config.yaml`` names them now, read again without a restart when the file changes (R73)."""

import logging
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from notifications.ports import Clock
from workflow.settings.loader import load_settings
from workflow.settings.model import Settings
from workflow.settings.sections import PeopleSettings
from workflow.settings.yaml_reader import SettingsError

LOOKED_AT_EVERY: Final = timedelta(seconds=2)
"""The file is looked at once in this time at most, whatever is asked."""

Stamp = tuple[int, int, int]
"""What changes with a file: its instant, its node, its size."""

_log = logging.getLogger("oda")


class CurrentPeople:
    """Reads ``people`` of the settings' file; made in memory, settings never change.

    A file that is wrong, or gone, takes nobody's access away and gives none: the last good people stay, and the log
    says it once. What else is in the file waits for a restart, ``deputy_may_act`` included, which is a rule.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._people, self._path, self._clock = settings.people, settings.source, clock
        self._overrides = settings.overrides
        self._seen = _stamp_of(self._path) if self._path else None
        self._looked_at: datetime | None = None
        self._reading = threading.Lock()

    def read(self) -> PeopleSettings:
        """Return the people of now, of two seconds ago at most."""
        if self._path and self._is_due() and self._reading.acquire(blocking=False):
            try:
                self._look(self._path)
            finally:
                self._reading.release()
        return self._people

    def _is_due(self) -> bool:
        now = self._clock.now()
        if self._looked_at and self._looked_at <= now < self._looked_at + LOOKED_AT_EVERY:
            return False
        self._looked_at = now
        return True

    def _look(self, path: Path) -> None:
        stamp = _stamp_of(path)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._people = load_settings(path, self._overrides).people
        except SettingsError as error:
            _log.error("Les personnes du rectorat restent celles d'avant : %s", str(error).splitlines()[0])
        else:
            _log.info("Les personnes du rectorat sont relues : %s", path)


def _stamp_of(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
