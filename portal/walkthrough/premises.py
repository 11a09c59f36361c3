"""Where the story happens: a folder that is given back, and a whole installation made in it."""

import getpass
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import Final

from notifications.ports import Clock
from portal.cli.context import make_private
from portal.cli.errors import CliFailure, ExitCode
from portal.walkthrough import story
from workflow.app import App, bootstrap, install, open_database
from workflow.journal.chain import JournalHasher
from workflow.settings.loader import DEFAULT_NAME, load_settings
from workflow.settings.secrets import Secrets, generate

DIRECTORY_NAME: Final = "annuaire.csv"
_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def workplace(keep: Path | None) -> Iterator[Path]:
    """``keep`` made for the occasion, else a temporary folder that leaves no trace, however this ends.

    Raises CliFailure when ``keep`` is not empty, or when nothing can be written there.
    """
    if keep is not None:
        yield _made(keep.expanduser().absolute())
        return
    with _ended_as_interrupted():
        folder = _temporary()
        try:
            yield folder
        finally:
            impatient = signal.signal(signal.SIGINT, signal.SIG_IGN)
            shutil.rmtree(folder)
            signal.signal(signal.SIGINT, impatient)


def _temporary() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="oda-"))
    except OSError as error:
        remedy = "Que faire : désigner un dossier où écrire, par la variable TMPDIR ou par --keep DOSSIER."
        raise CliFailure(f"Pas de dossier temporaire : {error.strerror}.", ExitCode.UNAVAILABLE, [remedy]) from None


def _made(folder: Path) -> Path:
    remedy = "Que faire : donner à --keep un dossier neuf, que la démonstration fera."
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CliFailure(f"{folder} n'est pas vide : rien n'y a été touché.", ExitCode.REFUSED, [remedy])
    except OSError as error:
        message = f"{folder} ne peut pas être écrit : {error.strerror or 'accès refusé'}."
        raise CliFailure(message, ExitCode.REFUSED, [remedy]) from None
    return folder


@contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """A terminal that closes, or a « kill », ends as Ctrl-C does: by the way out that cleans up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    heard = [number for number in _ENDINGS if signal.getsignal(number) is not signal.SIG_IGN]  # not under nohup
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def opened_house(folder: Path, port: int, clock: Clock) -> Iterator[App]:
    """Make an installation as ``oda init`` would, whose relay is at ``port`` of this machine, and open it.

    Nothing is taken from the environment of who runs it: neither settings nor secrets.
    """
    config = folder / DEFAULT_NAME
    config.write_text(_text("settings.yaml").format(port=port, account=json.dumps(_account())), encoding="utf-8")
    (folder / DIRECTORY_NAME).write_text(_text(DIRECTORY_NAME), encoding="utf-8")
    settings = load_settings(config)
    generate(settings.secrets_directory)
    if file := settings.database.sqlite_file(folder):
        make_private(file)
    key = Secrets(settings.secrets_directory).read("journal-key").get_secret_value()
    database = open_database(settings, {})
    try:
        install(database, JournalHasher(key.encode()), clock)
        yield bootstrap(settings, {}, clock=clock, database=database)
    finally:
        database.dispose()


def _text(name: str) -> str:
    return files("portal.walkthrough").joinpath(name).read_text(encoding="utf-8")


def _account() -> str:
    """Who runs it, for the settings that are kept: this account will be the operator there."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
    return name if name.strip() and name.isprintable() else story.OPERATOR
