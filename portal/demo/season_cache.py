"""The season kept once played, so that the next demonstration of the same software starts in seconds.

It holds invented data only, and the demonstration alone reads it. It serves as long as no file of the software
changes, and one address, which stands in the mails.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import portal
from portal.demo.mail_server import ReceivedMail

_ROOT: Final = Path(portal.__file__).parents[1]
_PACKAGES: Final = ("states", "notifications", "workflow", "portal")
_DATABASE, _SECRETS, _STORY = "oda.sqlite", "secrets", "season.json"


@dataclass(frozen=True)
class SeasonState:
    """A played season, beside its database: its own instant, a UAI for each scenario, the mails received."""

    now: datetime
    examples: Mapping[str, str]
    received: Sequence[ReceivedMail]


class SeasonCache:
    """One folder an address, below ``folder``; whatever goes wrong with it, the season is played again."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder = folder
        self._digest = _source_digest()
        self._entry = folder / f"season-{self._digest}-{address.rpartition(':')[2]}"

    def restore(self, database: Path, secrets: Path) -> SeasonState | None:
        """Copy the database and its secrets there; None, and nothing left there, when there is no season."""
        try:
            story = json.loads((self._entry / _STORY).read_text(encoding="utf-8"))
            shutil.copytree(self._entry / _SECRETS, secrets)
            shutil.copy2(self._entry / _DATABASE, database)
            received = [
                ReceivedMail(sender, tuple(to), b64decode(content)) for sender, to, content in story["received"]
            ]
            return SeasonState(datetime.fromisoformat(story["now"]), story["examples"], received)
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(secrets, ignore_errors=True)
            database.unlink(missing_ok=True)
            return None

    def store(self, database: Path, secrets: Path, state: SeasonState) -> None:
        """Keep a season, whole or not at all, and drop those of another software."""
        received = [(mail.sender, mail.recipients, b64encode(mail.content).decode()) for mail in state.received]
        story = {"now": state.now.isoformat(), "examples": dict(state.examples), "received": received}
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for entry in self._folder.glob("season-*"):
                if not entry.name.startswith(f"season-{self._digest}-"):
                    shutil.rmtree(entry, ignore_errors=True)
            partial = Path(tempfile.mkdtemp(prefix=f"{self._entry.name}.", dir=self._folder))
            try:
                (partial / _DATABASE).touch(mode=0o600)
                with (
                    closing(sqlite3.connect(database)) as source,
                    closing(sqlite3.connect(partial / _DATABASE)) as copy,
                ):
                    source.backup(copy)
                shutil.copytree(secrets, partial / _SECRETS)
                (partial / _STORY).write_text(json.dumps(story), encoding="utf-8")
                shutil.rmtree(self._entry, ignore_errors=True)  # one that could not be restored
                partial.rename(self._entry)
            finally:
                shutil.rmtree(partial, ignore_errors=True)


def cache_folder() -> Path:
    """``.tools`` of a checkout, else the user's cache."""
    if (_ROOT / "run").is_file() and (_ROOT / "pyproject.toml").is_file():
        return _ROOT / ".tools" / "demo"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oda-demo"


def _source_digest() -> str:
    """The digest of every file of the software, and of the settings that it delivers."""
    digest = hashlib.sha256()
    files = [path for package in _PACKAGES for path in (_ROOT / package).rglob("*") if path.suffix != ".pyc"]
    for path in sorted([*files, _ROOT / "config.yaml"]):
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(_ROOT)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
